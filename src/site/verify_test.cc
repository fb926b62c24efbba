#include "site/verify.h"

#include <gtest/gtest.h>
#include "site/test_support.h"

namespace duskline::site {
namespace {

using model::EntryKind;
using testing::SimClock;
using testing::SimDisk;

SampleEntry sample() {
  SampleEntry tree = sample_directory();
  tree.children["a"] = sample_file("a");
  tree.children["empty"] = sample_file("");
  tree.children["big"] =
      sample_file(std::string(300'000, 'b') + std::string(200'000, '\0') + std::string(200'000, 'b'));
  tree.children["link"] = {.kind = EntryKind::symlink, .mode = 0, .mtime_ns = 5, .target = "a"};
  tree.children["none"] = sample_directory();
  tree.children["folder"] =
      sample_directory({{"x", sample_file("x")}, {"y", sample_file("y")}, {"z", sample_file("z")}});
  tree.children["folder"].children["deep"] = sample_directory({{"d", sample_file("d")}});
  return tree;
}

class Verify : public ::testing::TestWithParam<Mode> {
 protected:
  Verify() { install({}); }
  void install(Layout layout) {
    layout.mode = GetParam();
    target_.reset();
    target_ = must(try_open(disk_, "/target", clock_, reporter_));
    Staged staged = stage(*target_, release_, GetParam());
    staged.layout = layout;
    must(make_activator(GetParam(), clock_, reporter_)->activate({}, *target_, staged));
    content_ = must(target_->content(release_.id()));
  }
  VerifyResult run(const VerifyOptions& options = {}) {
    std::vector<std::string> lines;  // directories come in any order
    const VerifyResult result =
        must(verify({}, *target_, options, reporter_, [&](Finding finding, const std::string& path) {
          lines.push_back(path + ": " + std::string(name_of(finding)) + "\n");
        }));
    std::ranges::sort(lines);
    findings_.clear();
    for (const std::string& line : lines) findings_ += line;
    return result;
  }
  // Changes content but no time.
  void overwrite(const std::string& path, std::string_view text) {
    const auto stat = *must(content_->stat(path));
    must(must(content_->open_write(path))->write_at(0, bytes_of(text)));
    must(content_->set_mtime(path, stat.mtime_ns));
  }
  void touch_above(const std::string& path, std::int64_t mtime_ns = 1'700'000'000'000'000'000) {
    must(content_->set_mtime(path, mtime_ns));
  }

  SimClock clock_;
  SimDisk disk_{clock_};
  TestReporter reporter_;
  TestPublisher publisher_;
  TestRelease release_ = publisher_.publish(sample());
  std::unique_ptr<Target> target_;
  std::unique_ptr<disk::Directory> content_;
  std::string findings_;
};

TEST_P(Verify, FindsNothingInWhatWasJustInstalled) {
  const VerifyOptions by_parts{.workers = 3, .long_file_bytes = 100'000};
  for (const VerifyOptions& options : {VerifyOptions{.workers = 1}, VerifyOptions{.workers = 3}, by_parts}) {
    const VerifyResult result = run(options);
    EXPECT_TRUE(result.is_clean()) << findings_;
    EXPECT_EQ(findings_, "");
    EXPECT_EQ(result.files, release_.sample.release.stats.files);
    EXPECT_EQ(result.bytes, release_.sample.release.stats.bytes);
    EXPECT_EQ(result.tree, release_.sample.release.tree);
  }
}

TEST_P(Verify, FindsEveryKindOfDifference) {
  overwrite("a", "A");
  must(content_->remove_file("folder/x", disk::Missing::is_error));
  must(content_->set_mode("folder/y", 0600));
  must(content_->set_mtime("folder/z", 1));
  must(content_->set_mode("folder/deep", 0700));
  must(content_->remove_file("link", disk::Missing::is_error));
  must(content_->make_symlink("elsewhere", "link"));
  must(content_->remove_file("empty", disk::Missing::is_error));
  must(content_->make_directory("empty", 0755));
  must(content_->remove_directory("none", disk::Missing::is_error));
  write_text(*content_, "more", "more");
  touch_above("folder");
  const VerifyResult result = run();
  EXPECT_EQ(findings_,
            "a: changed\nempty: kind\nfolder/deep: mode\nfolder/x: missing\nfolder/y: mode\nfolder/z: mtime\n"
            "link: changed\nmore: extra\nnone: missing\n");
  EXPECT_EQ(result.changed, 3U);
  EXPECT_EQ(result.missing, 2U);
  EXPECT_EQ(result.extra, 1U);
  EXPECT_EQ(result.attributes, 3U);
  EXPECT_FALSE(result.is_clean());
}

TEST_P(Verify, FindsOneFlippedByteAnywhere) {
  const std::string path =
      "/target/" + (GetParam() == Mode::switched ? folders::release(release_.id().hex()) + "/" : std::string()) + "big";
  for (const std::uint64_t offset : {0, 299'999, 350'000, 500'000, 699'999}) {
    SCOPED_TRACE(offset);
    must(disk_.flip_byte(path, offset));
    for (const std::uint64_t long_file_bytes : {std::uint64_t{1} << 30, std::uint64_t{100'000}}) {
      EXPECT_FALSE(run({.long_file_bytes = long_file_bytes}).is_clean());
      EXPECT_EQ(findings_, "big: changed\n");
    }
    must(disk_.flip_byte(path, offset));
  }
}

TEST_P(Verify, LongerAndShorterFilesAreChanged) {
  write_text(*content_, "a", "aa");
  write_text(*content_, "folder/x", "");
  write_text(*content_, "empty", "no more");
  touch_above("folder");
  touch_above("", 0);
  run();
  EXPECT_EQ(findings_, "a: changed\nempty: changed\nfolder/x: changed\n");
}

TEST_P(Verify, ExtrasAreDifferencesOnlyInASwitchedTarget) {
  write_text(*content_, "folder/upload", "theirs");
  const VerifyResult result = run();
  EXPECT_EQ(findings_, "folder/upload: extra\n");
  EXPECT_EQ(result.extra, 1U);
  EXPECT_EQ(result.is_clean(), GetParam() == Mode::in_place);
}

TEST_P(Verify, KeepsOutOfWhatBelongsToTheSite) {
  install({.keep = {"folder/deep/", "*.env", "a"}});
  write_text(*content_, "site.env", "secret");
  must(content_->make_directory("folder/sub.env", 0700));
  must(content_->remove_tree("folder/deep", disk::Missing::is_error));
  overwrite("a", "A");
  EXPECT_TRUE(run().is_clean()) << findings_;
  EXPECT_EQ(findings_, "");
}

TEST_P(Verify, LooksOnlyAtTheSubtree) {
  install({.only = "folder/deep"});
  must(content_->remove_file("a", disk::Missing::is_error));
  must(content_->remove_file("folder/x", disk::Missing::is_error));
  EXPECT_TRUE(run().is_clean()) << findings_;
  overwrite("folder/deep/d", "D");
  EXPECT_FALSE(run().is_clean());
  EXPECT_EQ(findings_, "folder/deep/d: changed\n");
}

TEST_P(Verify, ComparesModesThroughTheMaskAndOwnersWhereAsked) {
  must(content_->set_mode("a", 0600));
  install({.owner = model::Owner{7, 8}, .mode_mask = 07700});
  for (const char* path : {"a", "empty", "big", "folder/x", "folder/y", "folder/z", "folder/deep/d"}) {
    must(content_->set_mode(path, 0600));
    must(content_->set_owner(path, {7, 8}));
  }
  for (const char* path : {"folder", "folder/deep", "none", "link"}) {
    if (path != std::string("link")) must(content_->set_mode(path, 0700));
    must(content_->set_owner(path, {7, 8}));
  }
  must(content_->set_mode("", 0700));
  EXPECT_TRUE(run().is_clean()) << findings_;
  must(content_->set_owner("folder/deep", {7, 9}));
  EXPECT_FALSE(run().is_clean());
  EXPECT_EQ(findings_, "folder/deep: owner\n");
}

TEST_P(Verify, WhatCannotBeReadIsSaid) {
  const std::uint64_t before = disk_.operations();
  run();
  const std::uint64_t count = disk_.operations() - before;
  // An error in any operation is a finding or an error of the run, and never passes for "clean".
  for (std::uint64_t at = 1; at <= count; ++at) {
    disk_.fail_at_operation(disk_.operations() + at, Code::io);
    std::uint64_t found = 0;
    const auto result = verify({}, *target_, {.workers = 1}, reporter_, [&](Finding, const std::string&) { ++found; });
    EXPECT_TRUE(!result || (found > 0 && !result->is_clean())) << at;
  }
  EXPECT_TRUE(run().is_clean());
}

TEST_P(Verify, MetadataDepthReadsOnlyWhatLooksEdited) {
  const VerifyOptions quick{.depth = VerifyOptions::Depth::metadata};
  EXPECT_EQ(run(quick).bytes, 0U);
  EXPECT_EQ(findings_, "");
  must(content_->set_mtime("a", 1));
  EXPECT_EQ(run(quick).bytes, 1U);
  EXPECT_EQ(findings_, "a: mtime\n");
  must(must(content_->open_write("a"))->write_at(0, bytes_of("A")));
  EXPECT_EQ(run(quick).changed, 1U);
}

TEST_P(Verify, HoldsToTheRate) {
  const auto before = clock_.slept();
  run({.workers = 2, .bytes_per_second = 100'000});
  const auto took = std::chrono::duration<double>(clock_.slept() - before).count();
  EXPECT_GT(took, 4.0);  // 700 kB in pieces of 256 KiB, the last of which is not waited for
  EXPECT_LT(took, 8.0);
}

TEST_P(Verify, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(must_fail(verify({.stop = stop.get_token()}, *target_, {}, reporter_, nullptr)), Code::cancelled);
}

TEST_P(Verify, TimesOfCoarseFileSystemsAreRight) {
  SampleEntry tree = sample_directory();
  for (const char* name : {"100ns", "second", "two", "wrong"}) {
    tree.children[name] = sample_file(name);
    tree.children[name].mtime_ns = 1'700'000'001'123'456'789;
  }
  release_ = publisher_.publish(tree);
  target_.reset();
  must(must(disk_.open("/"))->remove_tree("target", disk::Missing::is_error));
  install({});
  must(content_->set_mtime("100ns", 1'700'000'001'123'456'700));
  must(content_->set_mtime("second", 1'700'000'001'000'000'000));
  must(content_->set_mtime("two", 1'700'000'000'000'000'000));
  must(content_->set_mtime("wrong", 1'700'000'001'123'456'788));
  run();
  EXPECT_EQ(findings_, "wrong: mtime\n");
}

TEST_P(Verify, SortsManyFindingsOfADirectory) {
  SampleEntry tree = sample_directory({{"d", sample_directory()}});
  for (int i = 0; i < 300; ++i) tree.children["d"].children["f" + std::to_string(i)] = sample_file("x");
  release_ = publisher_.publish(tree);
  target_.reset();
  must(must(disk_.open("/"))->remove_tree("target", disk::Missing::is_error));
  install({});
  std::vector<std::string> wanted;
  for (const auto& [name, file] : tree.children["d"].children) {
    overwrite("d/" + name, "y");
    wanted.push_back("d/" + name);
  }
  std::vector<std::string> found;
  const auto result = must(verify({}, *target_, {.workers = 4}, reporter_,
                                  [&](Finding, const std::string& path) { found.push_back(path); }));
  EXPECT_EQ(found, wanted);
  EXPECT_EQ(result.changed, 300U);
}

INSTANTIATE_TEST_SUITE_P(Modes, Verify, ::testing::Values(Mode::switched, Mode::in_place),
                         [](const auto& info) { return info.param == Mode::switched ? "Switched" : "InPlace"; });

TEST(VerifyNothing, IsAnError) {
  SimClock clock;
  SimDisk disk(clock);
  TestReporter reporter;
  const auto target = must(try_open(disk, "/target", clock, reporter));
  EXPECT_EQ(must_fail(verify({}, *target, {}, reporter, nullptr)), Code::not_found);
  EXPECT_EQ(must_fail(verify({}, *target, {.release = model::ReleaseId{sha256("x")}}, reporter, nullptr)),
            Code::not_found);
}

}  // namespace
}  // namespace duskline::site
