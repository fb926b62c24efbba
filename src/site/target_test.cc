#include "site/target.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "site/test_support.h"
#include "testing/scratch.h"

namespace duskline::site {
namespace {

namespace fs = std::filesystem;
using testing::Scratch;
using testing::SimClock;
using testing::SimDisk;

// On the real file system.
class RealTarget : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Target>> open(const std::string& path, Target::Make make = Target::Make::create,
                                       std::chrono::nanoseconds wait = std::chrono::seconds(0)) {
    return Target::open({}, *disk_, path, make, wait, clock_, reporter_);
  }
  // A target with a saved state.
  std::unique_ptr<Target> make_target() {
    auto target = must(open(path_));
    must(target->save_state());
    return target;
  }
  void expect_error(const Result<std::unique_ptr<Target>>& result, Code code, const std::string& words) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().describe();
    EXPECT_NE(result.error().describe().find(words), std::string::npos) << result.error().describe();
  }

  Scratch scratch_;
  std::string path_ = scratch_.path("target");
  std::unique_ptr<disk::Filesystem> disk_ = disk::open_real_disk();
  SimClock clock_;
  TestReporter reporter_;
};

TEST_F(RealTarget, IsMadeOnceAndFoundAgain) {
  expect_error(open(path_, Target::Make::existing_only), Code::not_found, "there is no target");
  {
    auto target = must(open(path_ + "///"));
    expect_error(open(path_), Code::locked, "in use by process " + std::to_string(::getpid()));
    target->state().set = "packages";
    must(target->save_state());
  }
  EXPECT_EQ(must(open(path_, Target::Make::existing_only))->state().set, "packages");
  struct stat stat{};
  ASSERT_EQ(::stat((path_ + "/.duskline").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0700U);
}

TEST_F(RealTarget, NeedsTheFolderAboveIt) {
  expect_error(open(scratch_.path("a/b")), Code::not_found, "make it first");
  expect_error(open(""), Code::usage, "empty");
}

TEST_F(RealTarget, WithoutStateIsNoTargetYet) {
  must(open(path_));
  expect_error(open(path_, Target::Make::existing_only), Code::not_found, "no pull to it has ever been completed");
  fs::create_directory(scratch_.path("plain"));
  expect_error(open(scratch_.path("plain"), Target::Make::existing_only), Code::not_found, "nothing has been pulled");
}

TEST_F(RealTarget, ThatIsASymlinkOrAFileIsRefused) {
  make_target();
  fs::create_directory_symlink(path_, scratch_.path("link"));
  expect_error(open(scratch_.path("link")), Code::refused, "is a symlink");
  expect_error(open(scratch_.path("link") + "/"), Code::refused, "is a symlink");
  must(open(scratch_.path("link") + "/."));  // where the user says so
  write_text(*must(disk_->open(scratch_.path())), "file", "");
  expect_error(open(scratch_.path("file")), Code::refused, "is not a directory");
}

TEST_F(RealTarget, WhosePrivateFolderIsNotItsOwnIsRefused) {
  make_target();
  fs::rename(path_ + "/.duskline", scratch_.path("elsewhere"));
  fs::create_directory_symlink(scratch_.path("elsewhere"), path_ + "/.duskline");
  expect_error(open(path_), Code::refused, "not a directory");
  fs::remove(path_ + "/.duskline");
  fs::rename(scratch_.path("elsewhere"), path_ + "/.duskline");
  ASSERT_EQ(::chmod((path_ + "/.duskline").c_str(), 0770), 0);
  expect_error(open(path_), Code::refused, "other users");
  ASSERT_EQ(::chmod((path_ + "/.duskline").c_str(), 0755), 0);
  must(open(path_));
  EXPECT_TRUE(reporter_.said("closing it"));
  EXPECT_EQ(must(disk_->open(path_ + "/.duskline"))->stat()->mode, 0700U);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder to somebody else";
  ASSERT_EQ(::chown((path_ + "/.duskline").c_str(), 12345, 12345), 0);
  expect_error(open(path_), Code::refused, "belongs to user 12345");
}

TEST_F(RealTarget, SaysWhatToDoAboutADamagedState) {
  make_target();
  const auto folder = must(disk_->open(path_ + "/.duskline"));
  must(folder->replace("state.json", bytes_of("{\"format\":"), 0600));
  expect_error(open(path_), Code::invalid, "move it away and pull again");
  must(folder->replace("state.json", bytes_of("{\"format\":7}"), 0600));
  expect_error(open(path_), Code::unsupported, "update Duskline");
  must(folder->remove_file("state.json", disk::Missing::is_error));
  must(folder->make_symlink("/etc/passwd", "state.json"));
  expect_error(open(path_), Code::refused, "state.json");
}

TEST_F(RealTarget, WaitsForTheLockAsLongAsToldByTheClock) {
  auto held = make_target();
  const auto before = clock_.slept();
  expect_error(open(path_, Target::Make::create, std::chrono::seconds(10)), Code::locked, "in use");
  EXPECT_EQ(clock_.slept() - before, std::chrono::seconds(10));
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = Target::open({.stop = stop.get_token()}, *disk_, path_, Target::Make::create,
                                    std::chrono::seconds(10), clock_, reporter_);
  EXPECT_EQ(must_fail(stopped), Code::cancelled);
}

TEST_F(RealTarget, PinsOnlyWhatIsInstalled) {
  auto target = make_target();
  const model::ReleaseId id{sha256("x")};
  EXPECT_EQ(must_fail(target->pin(id)), Code::not_found);
  target->state().current = InstalledRelease{.id = id, .folder = id.hex()};
  target->state().rejected = model::ReleaseId{sha256("y")};
  must(target->pin(id));
  EXPECT_EQ(must(decode_state(text_of(*must(target->private_folder().read_all("state.json", 1 << 20))))).pinned, id);
  must(target->unpin());
  const State state = must(decode_state(text_of(*must(target->private_folder().read_all("state.json", 1 << 20)))));
  EXPECT_EQ(state.pinned, std::nullopt);
  EXPECT_EQ(state.rejected, std::nullopt);
}

TEST_F(RealTarget, KeepsTheLastHundredReceipts) {
  auto target = make_target();
  for (std::uint64_t i = 1; i <= 105; ++i) {
    clock_.advance(std::chrono::seconds(1));
    must(target->write_receipt("{\"n\":" + std::to_string(i) + "}", i));
  }
  const auto receipts = must(must(target->private_folder().open_directory("receipts"))->list());
  EXPECT_EQ(receipts.size(), 100U);
  for (const auto& receipt : receipts) EXPECT_FALSE(receipt.name.starts_with("000000000001-")) << receipt.name;
}

class SimTarget : public ::testing::Test {
 protected:
  std::unique_ptr<Target> open() { return must(try_open(disk_, "/target", clock_, reporter_)); }
  Staged show(Target& target, const TestRelease& release) {
    Staged staged = stage(target, release, Mode::switched);
    must(make_activator(Mode::switched, clock_, reporter_)->activate({}, target, staged));
    clock_.advance(std::chrono::hours(24));
    return staged;
  }
  TestRelease publish(const std::string& text) {
    return publisher_.publish(sample_directory({{"file", sample_file(text)}}));
  }

  SimClock clock_;
  SimDisk disk_{clock_};
  TestReporter reporter_;
  TestPublisher publisher_;
};

TEST_F(SimTarget, DropsOldReleasesButNotWhatIsNeeded) {
  auto target = open();
  std::vector<TestRelease> releases;
  for (int i = 0; i < 6; ++i) releases.push_back(publish("release " + std::to_string(i)));
  for (const TestRelease& release : releases) show(*target, release);
  must(target->pin(releases[1].id()));
  must(target->root().make_directory("releases/mine", 0755));  // not Duskline's
  must(target->drop_old(2));
  std::vector<model::ReleaseId> kept;
  for (const InstalledRelease& release : target->state().kept) kept.push_back(release.id);
  EXPECT_EQ(kept, (std::vector{releases[4].id(), releases[3].id(), releases[1].id()}));
  EXPECT_EQ(must(must(target->root().open_directory("releases"))->list()).size(), 5U);
  EXPECT_EQ(must(must(target->private_folder().open_directory("trees"))->list()).size(), 4U);
  EXPECT_EQ(must(must(target->private_folder().open_directory("files"))->list()).size(), 4U);
  EXPECT_EQ(must(target->private_folder().stat("trash")), std::nullopt);
  EXPECT_EQ(must_fail(target->tree(releases[0].id())), Code::not_found);
  EXPECT_EQ(must_fail(target->content(releases[0].id())), Code::not_found);
  EXPECT_EQ(must_fail(target->stamps(releases[0].id())), Code::not_found);
  EXPECT_EQ(must(target->tree(releases[1].id()))->index().id, releases[1].id());
  EXPECT_EQ(must(target->stamps(releases[1].id())).count(), 1U);
  EXPECT_EQ(read_content(*must(target->content(releases[3].id()))), releases[3].tree);
}

TEST_F(SimTarget, BelievesTheLinkAndNotItsState) {
  const TestRelease first = publish("1"), second = publish("2");
  {
    auto target = open();
    show(*target, first);
    show(*target, second);
    must(target->root().remove_file("current", disk::Missing::is_error));
    must(target->root().make_symlink("releases/" + first.id().hex(), "current"));  // by hand
  }
  auto target = open();
  EXPECT_EQ(target->state().current->id, first.id());
  EXPECT_EQ(target->state().kept.at(0).id, second.id());
  EXPECT_TRUE(reporter_.said("as it was set meanwhile"));
}

TEST_F(SimTarget, FindsWhatIsInstalledAfterTheStateWasLost) {
  const TestRelease release = publish("1");
  {
    auto target = open();
    show(*target, release);
    must(target->private_folder().remove_file("state.json", disk::Missing::is_error));
  }
  auto target = open();
  ASSERT_TRUE(target->state().current);
  EXPECT_EQ(target->state().current->id, release.id());
  EXPECT_EQ(target->state().current->number, release.sample.release.number);
}

TEST_F(SimTarget, NoticesThatTheLinkIsGoneOrForeign) {
  const TestRelease release = publish("1"), next = publish("2");
  {
    auto target = open();
    show(*target, release);
    must(target->root().remove_file("current", disk::Missing::is_error));
  }
  {
    auto target = open();
    EXPECT_EQ(target->state().current, std::nullopt);
    EXPECT_EQ(target->state().kept.at(0).id, release.id());
    must(target->root().make_symlink("/somewhere", "current"));
    const Staged staged = stage(*target, next, Mode::switched);
    EXPECT_EQ(must_fail(make_activator(Mode::switched, clock_, reporter_)->activate({}, *target, staged)),
              Code::refused);
    must(target->root().remove_file("current", disk::Missing::is_error));
    write_text(target->root(), "current", "a file");
    EXPECT_EQ(must_fail(make_activator(Mode::switched, clock_, reporter_)->activate({}, *target, staged)),
              Code::refused);
    must(target->root().remove_file("current", disk::Missing::is_error));
    must(make_activator(Mode::switched, clock_, reporter_)->activate({}, *target, staged));
  }
  EXPECT_EQ(open()->state().current->id, next.id());
}

TEST_F(SimTarget, RefusesASymlinkInThePlaceOfReleases) {
  auto target = open();
  must(target->root().make_directory("other", 0755));
  must(target->root().make_symlink("other", "releases"));
  const Staged staged = stage(*target, publish("1"), Mode::switched);
  EXPECT_EQ(must_fail(make_activator(Mode::switched, clock_, reporter_)->activate({}, *target, staged)), Code::refused);
  EXPECT_EQ(must(must(target->root().open_directory("other"))->list()).size(), 0U);
}

TEST_F(SimTarget, ForgetsKeptReleasesThatSomebodyRemoved) {
  const TestRelease first = publish("1"), second = publish("2");
  {
    auto target = open();
    show(*target, first);
    show(*target, second);
    must(target->root().remove_tree("releases/" + first.id().hex(), disk::Missing::is_error));
  }
  EXPECT_TRUE(open()->state().kept.empty());
}

TEST_F(SimTarget, OpensForReadingOnAReadOnlyFileSystem) {
  const TestRelease release = publish("1");
  show(*open(), release);
  disk_.make_read_only();
  const auto make = Target::open({}, disk_, "/target", Target::Make::create, {}, clock_, reporter_);
  EXPECT_EQ(must_fail(make), Code::read_only);
  auto target = must(Target::open({}, disk_, "/target", Target::Make::existing_only, {}, clock_, reporter_));
  EXPECT_EQ(target->state().current->id, release.id());
  EXPECT_EQ(must_fail(target->save_state()), Code::read_only);
}

TEST_F(SimTarget, ARecordOfAnotherReleaseIsNotBelieved) {
  const TestRelease first = publish("1"), second = publish("2");
  auto target = open();
  show(*target, first);
  must(target->private_folder().replace(folders::tree(first.id()), second.sample.object, 0600));
  EXPECT_EQ(must_fail(target->tree(first.id())), Code::corrupt);
}

}  // namespace
}  // namespace duskline::site
