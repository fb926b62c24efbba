// Refusals, files that change while they are read, and runs that are killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "publish/meddling_disk.h"
#include "publish/publish.h"
#include "publish/test_kit.h"

namespace duskline::publish {
namespace {

using Outcome = PublishResult::Outcome;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class SafetyTest : public ::testing::Test {
 protected:
  void expect_refused(const Result<PublishResult>& result, const std::string& words, Code code = Code::refused) {
    ASSERT_FALSE(result) << "was not refused";
    EXPECT_EQ(result.error().code, code) << result.error().describe();
    EXPECT_THAT(result.error().describe(), HasSubstr(words));
  }
  void append(const std::string& name, std::string_view text) const {
    std::ofstream(kit.source(name), std::ios::binary | std::ios::app) << text;
  }
  PublishKit kit;
};

TEST_F(SafetyTest, AMissingSourceIsRefused) {
  std::filesystem::remove_all(kit.source());
  expect_refused(kit.try_publish(), kit.source());
  write_file(kit.source(), "a file");
  expect_refused(kit.try_publish(), "no directory");
}

TEST_F(SafetyTest, AnEmptySourceIsRefusedUnlessMeant) {
  expect_refused(kit.try_publish(), "--allow-empty");
  EXPECT_FALSE(kit.head());
  kit.options.meant.empty = true;
  EXPECT_EQ(kit.publish().outcome, Outcome::published);
  EXPECT_EQ(kit.publish().outcome, Outcome::unchanged);
}

TEST_F(SafetyTest, AShrunkenSourceIsRefusedUnlessMeant) {
  for (int i = 0; i < 10; ++i) kit.write("f" + std::to_string(i), std::string(100, 'x'));
  kit.publish();
  for (int i = 0; i < 5; ++i) std::filesystem::remove(kit.source("f" + std::to_string(i)));
  EXPECT_EQ(kit.publish().outcome, Outcome::published) << "half is not more than half";
  for (int i = 5; i < 8; ++i) std::filesystem::remove(kit.source("f" + std::to_string(i)));
  expect_refused(kit.try_publish(), "--allow-shrink");
  EXPECT_EQ(kit.head()->head.number, 2U);
  kit.options.meant.shrink = true;
  EXPECT_EQ(kit.publish().outcome, Outcome::published);
}

TEST_F(SafetyTest, FewerBytesAreAShrinkToo) {
  kit.write("big", std::string(100'000, 'x'));
  kit.write("small", "x");
  kit.publish();
  kit.write("big", "x");
  expect_refused(kit.try_publish(), "--allow-shrink");
}

TEST_F(SafetyTest, AnotherMountThanTheLastTimeIsRefusedUnlessMeant) {
  kit.write("a", "1");
  MeddlingDisk disk(*kit.disk);
  disk.how.volume = [](disk::VolumeInfo& info) {
    info.filesystem_id = "one";
    info.is_mount_point = true;
  };
  must(kit.try_publish(*kit.store, disk));
  disk.how.volume = [](disk::VolumeInfo& info) {
    info.filesystem_id = "one";
    info.is_mount_point = false;
  };
  expect_refused(kit.try_publish(*kit.store, disk), "--allow-other-mount");
  disk.how.volume = [](disk::VolumeInfo& info) {
    info.filesystem_id = "two";
    info.is_mount_point = true;
  };
  expect_refused(kit.try_publish(*kit.store, disk), "--allow-other-mount");
  kit.options.meant.other_mount = true;
  must(kit.try_publish(*kit.store, disk));
  kit.options.meant.other_mount = false;
  EXPECT_EQ(must(kit.try_publish(*kit.store, disk)).outcome, Outcome::unchanged);
}

TEST_F(SafetyTest, AMountThatIsGoneInsideIsRefusedUnlessMeant) {
  kit.write("a", "1");
  kit.write("mounted/b", "2");
  MeddlingDisk disk(*kit.disk);
  disk.how.listed = [](std::vector<disk::DirectoryEntry>& entries) {
    for (auto& entry : entries) {
      if (entry.name == "mounted") entry.stat.mount += 1;
    }
  };
  must(kit.try_publish(*kit.store, disk));
  EXPECT_THAT(kit.reporter.all_notes(), HasSubstr("\"mounted\" is another file system"));
  kit.write("mounted/c", "3");
  disk.how.listed = [](std::vector<disk::DirectoryEntry>&) {};
  expect_refused(kit.try_publish(*kit.store, disk), "--allow-other-mount");
  kit.options.meant.other_mount = true;
  must(kit.try_publish(*kit.store, disk));
}

TEST_F(SafetyTest, SpecialFilesAndOurOwnStateAreSkippedWithARecord) {
  kit.write("a", "1");
  kit.write("target/.duskline/state.json", "{}");
  ASSERT_EQ(mkfifo(kit.source("pipe").c_str(), 0600), 0);
  const PublishResult result = kit.publish();
  EXPECT_EQ(result.skipped, 2U);
  EXPECT_EQ(result.stats.files, 1U);
  EXPECT_THAT(kit.reporter.records, Contains("skip pipe"));
  EXPECT_THAT(kit.reporter.records, Contains("skip target/.duskline"));
  EXPECT_EQ(kit.publish().skipped, 2U);
}

TEST_F(SafetyTest, ExcludedDirectoriesAreNotEvenListed) {
  kit.write("keep/a", "1");
  kit.write("keep/a.tmp", "1");
  kit.write("secret/b", "2");
  kit.write("sub/.dusklineignore", "*.o\n!important.o\n");
  kit.write("sub/x.o", "3");
  kit.write("sub/important.o", "4");
  ASSERT_EQ(chmod(kit.source("secret").c_str(), 0), 0);
  kit.options.rules = {"- /secret/", "- *.tmp"};
  const PublishResult result = kit.publish();
  SeenTree tree = kit.tree_in_store(result.id);
  EXPECT_TRUE(tree.contains("keep/a"));
  EXPECT_TRUE(tree.contains("sub/important.o"));
  EXPECT_TRUE(tree.contains("sub/.dusklineignore"));
  EXPECT_FALSE(tree.contains("keep/a.tmp"));
  EXPECT_FALSE(tree.contains("sub/x.o"));
  EXPECT_FALSE(tree.contains("secret"));
  EXPECT_EQ(kit.publish().outcome, Outcome::unchanged);
  kit.options.rules = {"- /secret/"};
  EXPECT_TRUE(kit.tree_in_store(kit.publish().id).contains("keep/a.tmp"));
}

TEST_F(SafetyTest, AnIgnoreFileThatIsNoFileIsRefused) {
  kit.write("a", "1");
  ASSERT_EQ(symlink("a", kit.source(".dusklineignore").c_str()), 0);
  expect_refused(kit.try_publish(), "is not a regular file", Code::refused);
}

TEST_F(SafetyTest, ABadIgnoreFileIsNamed) {
  kit.write("sub/.dusklineignore", "fine\n//\n");
  expect_refused(kit.try_publish(), "line 2 of sub/.dusklineignore", Code::usage);
}

TEST_F(SafetyTest, AFileThatChangesOnceIsReadAgain) {
  kit.write("a", "first");
  kit.write("b", "other");
  MeddlingDisk disk(*kit.disk);
  int changes = 0;
  disk.how.before_read = [&](const std::string& name, std::uint64_t) {
    if (name == "a" && changes++ == 0) append("a", " second");
  };
  const PublishResult result = must(kit.try_publish(*kit.store, disk));
  EXPECT_EQ(kit.tree_in_store(result.id), tree_on_disk(kit.source()));
  EXPECT_EQ(changes, 2);
}

TEST_F(SafetyTest, AFileThatAlwaysChangesIsRefusedByName) {
  kit.write("dir/busy", "x");
  MeddlingDisk disk(*kit.disk);
  int reads = 0;
  disk.how.before_read = [&](const std::string& name, std::uint64_t) {
    if (name == "busy") append("dir/busy", std::string(1, static_cast<char>('a' + reads++)));
  };
  expect_refused(kit.try_publish(*kit.store, disk), "dir/busy", Code::changing);
  EXPECT_EQ(reads, 3);
  EXPECT_FALSE(kit.head());
}

TEST_F(SafetyTest, ALongFileThatChangesOnceIsReadAgain) {
  std::mt19937_64 random(1);
  kit.write("long", random_text(random, 10'000'000));
  MeddlingDisk disk(*kit.disk);
  bool changed = false;
  disk.how.before_read = [&](const std::string&, std::uint64_t offset) {
    if (offset > 5'000'000 && !std::exchange(changed, true)) append("long", "more");
  };
  const PublishResult result = must(kit.try_publish(*kit.store, disk));
  EXPECT_TRUE(changed);
  EXPECT_EQ(kit.tree_in_store(result.id), tree_on_disk(kit.source()));
}

TEST_F(SafetyTest, AFileThatShrinksOrVanishesWhileReadIsNamed) {
  std::mt19937_64 random(2);
  kit.write("long", random_text(random, 10'000'000));
  MeddlingDisk disk(*kit.disk);
  disk.how.before_read = [&](const std::string&, std::uint64_t) {
    std::filesystem::resize_file(kit.source("long"), std::filesystem::file_size(kit.source("long")) - 1'000'000);
  };
  expect_refused(kit.try_publish(*kit.store, disk), "\"long\"", Code::changing);
  kit.write("long", "short");
  disk.how.before_read = [](const std::string&, std::uint64_t) {};
  disk.how.listed = [&](std::vector<disk::DirectoryEntry>&) { std::filesystem::remove(kit.source("long")); };
  expect_refused(kit.try_publish(*kit.store, disk), "\"long\"", Code::changing);
  EXPECT_FALSE(kit.head());
}

TEST_F(SafetyTest, AFileReplacedUnderItsOtherNameIsNotMixedUp) {
  kit.write("a", "linked");
  std::filesystem::create_hard_link(kit.source("a"), kit.source("b"));
  MeddlingDisk disk(*kit.disk);
  disk.how.listed = [&](std::vector<disk::DirectoryEntry>&) {
    write_file(kit.scratch.path("new"), "replaced");
    std::filesystem::rename(kit.scratch.path("new"), kit.source("a"));
  };
  expect_refused(kit.try_publish(*kit.store, disk), "\"a\"", Code::changing);
}

TEST_F(SafetyTest, SettlingWaitsForQuietAndSaysForWhat) {
  kit.write("a", "1");
  struct stat stat{};
  ASSERT_EQ(::stat(kit.source("a").c_str(), &stat), 0);
  kit.clock.set_wall(WallTime{std::chrono::nanoseconds(nanoseconds(stat.st_ctim))} + std::chrono::minutes(4));
  kit.options.settle = std::chrono::minutes(10);
  must(kit.try_publish());
  EXPECT_GE(kit.clock.slept(), std::chrono::minutes(5));
  EXPECT_LE(kit.clock.slept(), std::chrono::minutes(7));
  EXPECT_THAT(kit.reporter.all_notes(), HasSubstr("\"a\" changed last"));
}

TEST_F(SafetyTest, SettlingGivesUpWhenStopped) {
  kit.write("a", "1");
  kit.clock.set_wall(std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()));
  kit.options.settle = std::chrono::hours(10);
  std::stop_source stop;
  stop.request_stop();
  Op op;
  op.stop = stop.get_token();
  const auto result = publish(op, kit.parts_with(*kit.store, *kit.disk), kit.options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::cancelled);
}

// Every object that the head's release needs must be there, whole: read all of it.
void expect_head_is_whole(PublishKit& kit, const SeenTree& old_tree, const SeenTree& new_tree) {
  const auto head = kit.head();
  ASSERT_TRUE(head);
  const SeenTree tree = kit.tree_in_store(head->head.release);
  EXPECT_TRUE(tree == old_tree || tree == new_tree);
  for (const model::DeltaRef& delta : head->head.deltas) {
    EXPECT_THAT(kit.keys("set/delta/"), Contains(model::delta_key(kit.options.set, delta.from, head->head.release)));
  }
}

TEST_F(SafetyTest, KilledAtAnyStoreCallTheHeadIsWholeAndUploadsAreUsedAgain) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 10; ++i) kit.write("f" + std::to_string(i), random_text(random, 20'000));
  kit.publish();
  const SeenTree old_tree = tree_on_disk(kit.source());
  for (std::uint64_t at = 1; at < 100; ++at) {
    PublishKit run;
    run.key = must(SigningKey::parse(kit.key.secret_text()));
    std::filesystem::remove_all(run.source());
    std::filesystem::copy(kit.source(), run.source(), std::filesystem::copy_options::recursive);
    run.publish();
    const SeenTree before = tree_on_disk(run.source());
    run.write("f3", random_text(random, 20'000));
    run.write("g", random_text(random, 300'000));
    testing::FaultStore faults(*run.store, {.seed = at});
    faults.kill_at(at);
    run.clock.advance(std::chrono::minutes(1));
    const auto killed = run.try_publish(faults);
    if (killed && !faults.is_killed()) return;  // all calls were tried
    const SeenTree after = tree_on_disk(run.source());
    SCOPED_TRACE("killed at call " + std::to_string(at) + "\n" + faults.journal());
    expect_head_is_whole(run, before, after);
    const auto packs = run.keys("set/pack/");
    const PublishResult next = run.publish();
    EXPECT_EQ(run.tree_in_store(next.id), after);
    if (packs.size() == 2) {
      EXPECT_EQ(next.new_chunk_bytes, 0U) << "uploaded again what was there";
    }
    // One whose removal, the last call of a run that had succeeded, was cut off runs out by itself.
    if (!killed) {
      EXPECT_THAT(run.keys("set/lease/"), IsEmpty());
    }
    EXPECT_EQ(run.publish().outcome, Outcome::unchanged);
  }
  FAIL() << "the run never ended";
}

TEST_F(SafetyTest, UploadsThatAreGoneAreMadeAgain) {
  kit.write("a", "1");
  kit.publish();
  kit.write("b", "22");
  testing::FaultStore faults(*kit.store);
  faults.order(testing::Call::put, {.kind = testing::Fault::Kind::error, .code = Code::denied}, "/channel/");
  ASSERT_FALSE(kit.try_publish(faults));
  const auto packs = kit.keys("set/pack/");
  ASSERT_EQ(packs.size(), 2U);
  for (const std::string& pack : packs) {
    const store::Key key(pack);
    const bool is_current = kit.manifest(kit.head()->head.release)->index().packs.front().hex() == pack.substr(9);
    if (!is_current) must(kit.store->remove({}, std::span(&key, 1)));
  }
  const PublishResult result = kit.publish();
  EXPECT_EQ(result.new_chunk_bytes, 2U);
  EXPECT_EQ(kit.tree_in_store(result.id), tree_on_disk(kit.source()));
}

}  // namespace
}  // namespace duskline::publish
