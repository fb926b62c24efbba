#include "publish/publish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "publish/test_kit.h"

namespace duskline::publish {
namespace {

using Outcome = PublishResult::Outcome;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PublishTest : public ::testing::Test {
 protected:
  PublishResult publish_and_compare() {
    const PublishResult result = kit.publish();
    EXPECT_EQ(kit.tree_in_store(result.id), tree_on_disk(kit.source()));
    return result;
  }
  PublishKit kit;
};

TEST_F(PublishTest, WhatTheManifestSaysEqualsTheDirectory) {
  std::mt19937_64 random(1);
  kit.write("empty", "");
  kit.write("a/small", "some text");
  kit.write("a/again", "some text");
  kit.write("a/b/medium", random_text(random, 300'000));
  kit.write("a/many chunks", random_text(random, 4'000'000));
  kit.write("long", random_text(random, 9'000'000));
  kit.write("a\nb\xff\x01", "odd name");
  kit.write(std::string(255, 'n'), "longest name");
  std::filesystem::create_directories(kit.source("empty directory/inside"));
  ASSERT_EQ(symlink("a/small", kit.source("link").c_str()), 0);
  ASSERT_EQ(symlink("nowhere/at all", kit.source("dangling").c_str()), 0);
  ASSERT_EQ(link(kit.source("a/small").c_str(), kit.source("z hard").c_str()), 0);
  ASSERT_EQ(link(kit.source("long").c_str(), kit.source("a/long too").c_str()), 0);
  ASSERT_EQ(chmod(kit.source("a/again").c_str(), 04750), 0);
  ASSERT_EQ(chmod(kit.source("empty").c_str(), 0), 0);
  const timespec times[2] = {{0, 0}, {1'234'567'890, 123'456'789}};
  ASSERT_EQ(utimensat(AT_FDCWD, kit.source("a").c_str(), times, 0), 0);

  const PublishResult result = publish_and_compare();
  EXPECT_EQ(result.outcome, Outcome::published);
  EXPECT_EQ(result.number, 1U);
  EXPECT_EQ(result.head_version, 1U);
  EXPECT_EQ(result.stats.files, 10U);
  const auto head = kit.head();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->head.release, result.id);
  EXPECT_THAT(kit.keys("set/lease/"), IsEmpty());
  EXPECT_THAT(kit.reporter.records, Contains("add a/small"));
}

TEST_F(PublishTest, SparseFilesKeepTheirHoles) {
  std::mt19937_64 random(2);
  kit.write("sparse", random_text(random, 200'000));
  std::filesystem::resize_file(kit.source("sparse"), 40 << 20);
  {
    std::fstream out(kit.source("sparse"), std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(30 << 20);
    out << random_text(random, 100'000);
  }
  kit.write("all hole", "");
  std::filesystem::resize_file(kit.source("all hole"), 20 << 20);
  const PublishResult result = publish_and_compare();
  const auto manifest = kit.manifest(result.id);
  const auto entry = must(release::find_entry({}, *manifest, manifest->top(), "sparse"));
  ASSERT_TRUE(entry);
  std::uint64_t holes = 0;
  for (const model::Chunk& chunk : entry->entry.chunks) holes += chunk.is_hole() ? chunk.length_bytes : 0;
  EXPECT_GT(holes, 35U << 20);
  EXPECT_LT(result.pack_bytes, 1U << 20);
}

TEST_F(PublishTest, DeepPathsBeyondPathMaxAreKept) {
  auto at = must(kit.disk->open(kit.source()));
  std::string path;
  for (int i = 0; i < 60; ++i) {
    const std::string name(200, static_cast<char>('a' + i % 26));
    must(at->make_directory(name, 0755));
    at = must(at->open_directory(name));
    path += name + "/";
  }
  must(must(at->create("file", 0644))->write_at(0, bytes_of("deep")));
  const PublishResult result = kit.publish();
  const auto manifest = kit.manifest(result.id);
  const auto entry = must(release::find_entry({}, *manifest, manifest->top(), path + "file"));
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->entry.content, sha256(std::string_view("deep")));
  EXPECT_EQ(kit.publish().outcome, Outcome::unchanged);
}

TEST_F(PublishTest, TooDeepIsRefusedByName) {
  auto at = must(kit.disk->open(kit.source()));
  for (std::size_t i = 0; i < model::max_depth + 1; ++i) {
    must(at->make_directory("d", 0755));
    at = must(at->open_directory("d"));
  }
  const auto result = kit.try_publish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::refused);
  EXPECT_THAT(result.error().message, HasSubstr("d/d/d"));
  EXPECT_FALSE(kit.head());
}

TEST_F(PublishTest, PublishingAgainWritesNothing) {
  kit.write("a", "1");
  kit.write("d/b", "2");
  const PublishResult first = kit.publish();
  store::CountingStore counted(*kit.store);
  kit.clock.advance(std::chrono::minutes(1));
  const auto keys = kit.keys();
  const PublishResult again = must(kit.try_publish(counted));
  EXPECT_EQ(again.outcome, Outcome::unchanged);
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.stats, first.stats);
  EXPECT_EQ(again.files_read, 0U);
  EXPECT_EQ(counted.traffic().requests, 1U);
  EXPECT_EQ(counted.traffic().bytes_sent, 0U);
  EXPECT_EQ(kit.keys(), keys);
}

TEST_F(PublishTest, FilesAsOldAsTheScanAreReadAgain) {
  kit.write("a", "1");
  kit.write("b", "2");
  struct stat stat{};
  ASSERT_EQ(::stat(kit.source("a").c_str(), &stat), 0);
  // The scan begins in the second in which the files were written.
  kit.clock.set_wall(WallTime{std::chrono::nanoseconds(nanoseconds(stat.st_ctim))} + std::chrono::milliseconds(500));
  must(kit.try_publish());
  kit.clock.advance(std::chrono::hours(1));
  const PublishResult again = must(kit.try_publish());
  EXPECT_EQ(again.outcome, Outcome::unchanged);
  EXPECT_EQ(again.files_read, 2U);
  // That scan began long after, so now they can be told to be unchanged.
  kit.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(must(kit.try_publish()).files_read, 0U);
}

TEST_F(PublishTest, OnlyWhatChangedIsReadAndUploaded) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 50; ++i)
    kit.write("d" + std::to_string(i % 5) + "/f" + std::to_string(i), random_text(random, 5000));
  kit.publish();
  kit.write("d1/f1", "changed");
  kit.write("d1/new", random_text(random, 7000));
  std::filesystem::remove(kit.source("d2/f2"));
  kit.reporter.clear();
  const PublishResult result = publish_and_compare();
  EXPECT_EQ(result.number, 2U);
  EXPECT_EQ(result.files_read, 2U);
  EXPECT_EQ(result.new_chunk_bytes, 7007U);
  EXPECT_THAT(kit.reporter.records, ::testing::UnorderedElementsAre("change d1/f1", "add d1/new", "remove d2/f2"));
}

TEST_F(PublishTest, ModesAndNamesAloneUploadNoPacks) {
  std::mt19937_64 random(4);
  kit.write("a/x", random_text(random, 5000));
  kit.write("a/y", random_text(random, 500'000));
  kit.publish();
  const auto packs = kit.keys("set/pack/");
  std::filesystem::rename(kit.source("a"), kit.source("b"));
  ASSERT_EQ(chmod(kit.source("b/x").c_str(), 0755), 0);
  const PublishResult result = publish_and_compare();
  EXPECT_EQ(result.outcome, Outcome::published);
  EXPECT_EQ(result.pack_bytes, 0U);
  EXPECT_EQ(kit.keys("set/pack/"), packs);
}

TEST_F(PublishTest, ALostCacheCostsReadingOnly) {
  std::mt19937_64 random(5);
  kit.write("a", random_text(random, 5000));
  kit.write("b", random_text(random, 600'000));
  const PublishResult first = kit.publish();
  const auto keys = kit.keys();
  kit.lose_cache();
  const PublishResult again = kit.publish();
  EXPECT_EQ(again.outcome, Outcome::unchanged);
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.files_read, 2U);
  EXPECT_EQ(kit.keys(), keys);
  kit.lose_cache();
  kit.write("c", "new");
  EXPECT_EQ(publish_and_compare().new_chunk_bytes, 3U);
}

TEST_F(PublishTest, ADamagedCacheCostsReadingOnly) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 20; ++i) kit.write("f" + std::to_string(i), random_text(random, 5000));
  const PublishResult first = kit.publish();
  for (const auto& file : std::filesystem::directory_iterator(kit.scratch.path("cache"))) {
    std::string bytes = read_file(file.path());
    for (std::size_t at = 0; at < bytes.size(); at += 7) bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    write_file(file.path(), bytes);
  }
  const PublishResult again = kit.publish();
  EXPECT_EQ(again.outcome, Outcome::unchanged);
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(kit.publish().files_read, 0U);
}

TEST_F(PublishTest, AStoreThatLostTheManifestIsMended) {
  kit.write("a", "1");
  const PublishResult first = kit.publish();
  const store::Key key(model::release_key(kit.options.set, first.id));
  must(kit.store->remove({}, std::span(&key, 1)));
  kit.lose_cache();
  const PublishResult second = publish_and_compare();
  EXPECT_EQ(second.outcome, Outcome::published);
  EXPECT_EQ(second.number, 2U);
  EXPECT_THAT(kit.reporter.all_notes(), HasSubstr("uploaded again"));
}

TEST_F(PublishTest, AHeadPastHalfItsLifeIsSignedAgain) {
  kit.write("a", "1");
  const PublishResult first = kit.publish();
  kit.clock.advance(std::chrono::days(14));
  EXPECT_EQ(kit.publish().outcome, Outcome::unchanged);
  kit.clock.advance(std::chrono::days(2));
  const PublishResult renewed = kit.publish();
  EXPECT_EQ(renewed.outcome, Outcome::head_renewed);
  EXPECT_EQ(renewed.id, first.id);
  EXPECT_EQ(renewed.head_version, 2U);
  EXPECT_EQ(kit.head()->head.expires, kit.clock.now() + std::chrono::days(30));
  EXPECT_EQ(kit.publish().outcome, Outcome::unchanged);
}

TEST_F(PublishTest, DryRunWritesNothing) {
  kit.write("a", "1");
  kit.publish();
  kit.write("b", "22");
  kit.options.write = PublishOptions::Write::dry_run;
  kit.reporter.clear();
  const auto keys = kit.keys();
  const PublishResult result = kit.publish();
  EXPECT_EQ(result.outcome, Outcome::dry_run);
  EXPECT_EQ(result.new_chunk_bytes, 2U);
  EXPECT_THAT(kit.reporter.records, Contains("add b"));
  EXPECT_EQ(kit.keys(), keys);
  kit.options.write = PublishOptions::Write::yes;
  EXPECT_EQ(publish_and_compare().outcome, Outcome::published);
}

TEST_F(PublishTest, TheSecondChannelUploadsNoContentAgain) {
  std::mt19937_64 random(7);
  kit.write("a", random_text(random, 50'000));
  kit.publish();
  kit.options.channel = must(model::ChannelName::parse("canary"));
  const PublishResult second = publish_and_compare();
  EXPECT_EQ(second.outcome, Outcome::published);
  EXPECT_EQ(second.number, 2U);
  EXPECT_EQ(second.pack_bytes, 0U);
  EXPECT_EQ(second.files_read, 0U);
}

TEST_F(PublishTest, OfTwoPublishersOneWinsAndTheOtherIsTold) {
  kit.write("a", "1");
  kit.publish();
  PublishKit other;
  other.key = must(SigningKey::parse(kit.key.secret_text()));
  other.store = store::open_mem_store(other.clock);
  other.write("a", "other");
  kit.write("a", "mine");
  testing::FaultStore racing(*kit.store);
  bool raced = false;
  racing.before_each([&](testing::Call call, const std::string& key) {
    if (raced || call != testing::Call::put || key != "set/channel/live") return;
    raced = true;
    must(other.try_publish(*kit.store));
  });
  kit.clock.advance(std::chrono::minutes(1));
  const auto lost = kit.try_publish(racing);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::precondition);
  EXPECT_THAT(lost.error().message, HasSubstr(kit.head()->head.release.short_hex()));
  EXPECT_EQ(kit.tree_in_store(kit.head()->head.release).at("a").content, "other");
  const PublishResult after = publish_and_compare();
  EXPECT_EQ(after.head_version, 3U);
}

TEST_F(PublishTest, TwoRunsWithOneCacheExcludeEachOther) {
  kit.write("a", "1");
  const auto lock = must(kit.cache->try_lock("lock"));
  const auto result = kit.try_publish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::locked);
}

TEST_F(PublishTest, AnOlderHeadThanSeenIsNotFollowed) {
  kit.write("a", "1");
  kit.publish();
  const store::Key key(model::head_key(kit.options.set, kit.options.channel));
  const Bytes old = must(store::get_all(*kit.store, {}, key, 1 << 20));
  kit.write("a", "22");
  kit.publish();
  must(store::put_all(*kit.store, {}, key, old, {}));
  const auto result = kit.try_publish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::replayed);
  EXPECT_THAT(result.error().describe(), HasSubstr("remove " + kit.cache->display_path()));
}

TEST_F(PublishTest, OwnersAndAttributesAreRecordedOnRequest) {
  kit.write("a", "1");
  kit.options.owner = PublishOptions::Record::yes;
  const PublishResult result = kit.publish();
  const auto manifest = kit.manifest(result.id);
  const auto entry = must(release::find_entry({}, *manifest, manifest->top(), "a"));
  ASSERT_TRUE(entry && entry->entry.owner);
  EXPECT_EQ(entry->entry.owner->uid, getuid());
  // Another option makes another tree: nothing remembered may stand in for it.
  kit.options.owner = PublishOptions::Record::no;
  const PublishResult without = kit.publish();
  EXPECT_EQ(without.outcome, Outcome::published);
  EXPECT_EQ(without.files_read, 1U);
}

TEST_F(PublishTest, AHugeDirectoryIsSplitIntoRuns) {
  for (int i = 0; i < 20'000; ++i) kit.write("d/" + std::to_string(i), "");
  const PublishResult first = kit.publish();
  EXPECT_EQ(first.stats.files, 20'000U);
  EXPECT_GT(first.stats.nodes, 3U);
  EXPECT_EQ(kit.tree_in_store(first.id), tree_on_disk(kit.source()));
  kit.write("d/77", "x");
  const PublishResult second = publish_and_compare();
  EXPECT_EQ(second.files_read, 1U);
  EXPECT_EQ(kit.publish().outcome, Outcome::unchanged);
}

TEST_F(PublishTest, RandomChangesAlwaysEqualTheDirectory) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto name = [&] {
    std::string path;
    for (std::size_t i = random() % 3; i > 0; --i) path += "d" + std::to_string(random() % 4) + "/";
    return path + "f" + std::to_string(random() % 12);
  };
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 15; ++i) {
      const std::string path = kit.source(name());
      std::error_code ignored;
      switch (random() % 6) {
        case 0:
          std::filesystem::remove_all(path, ignored);
          break;
        case 1:
          if (!std::filesystem::exists(path)) (void)::symlink("there", path.c_str());
          break;
        case 2:
          std::filesystem::create_hard_link(kit.source(name()), path, ignored);
          break;
        case 3:
          std::filesystem::rename(kit.source(name()), path, ignored);
          break;
        default:
          if (std::filesystem::is_directory(path) || std::filesystem::is_symlink(path)) break;
          kit.write(std::filesystem::relative(path, kit.source()).string(), random_text(random, random() % 200'000));
      }
    }
    if (random() % 4 == 0) kit.lose_cache();
    kit.options.meant = {true, true, true};
    publish_and_compare();
  }
}

}  // namespace
}  // namespace duskline::publish
