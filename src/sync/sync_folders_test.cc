// From directory to directory, and what holds for every kind of place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/sync_kit.h"
#include "testing/sim_disk.h"

namespace duskline::sync {
namespace {

using ::testing::HasSubstr;
using Tree = std::map<std::string, std::string>;

TEST(Folders, become_the_same) {
  Kit kit;
  kit.write("source/a", "one");
  kit.write("source/d/e/b", "two");
  kit.write("source/a.b/c", "three");
  kit.write("source/zero", "");
  std::filesystem::create_directories(kit.scratch.path("source/d/empty/deeper"));
  chmod(kit.scratch.path("source/a").c_str(), 0750);
  kit.age();
  const Totals totals = must(kit.across());
  EXPECT_EQ(kit.tree("target"), kit.tree("source"));
  EXPECT_EQ(totals.added, 5U);
  EXPECT_EQ(kit.mtime("target/a"), kit.mtime("source/a"));
  struct stat info{};
  stat(kit.scratch.path("target/a").c_str(), &info);
  EXPECT_EQ(info.st_mode & 07777U, 0750U);
  const Totals again = must(kit.across());
  EXPECT_EQ(again.added + again.changed + again.touched, 0U);
}

TEST(Folders, that_are_the_same_are_not_read_again) {
  Kit kit;
  kit.write("source/a", "one");
  kit.age();
  must(kit.across());
  // A file that may not be read fails where it is read: here nothing is.
  class NoReading final : public WrappedPlace {
   public:
    using WrappedPlace::WrappedPlace;
    Result<Version> fetch(const Op&, const std::string&, std::uint64_t, Bytes&) override {
      return Error{Code::internal, "read"};
    }
    Result<std::optional<Version>> look(const Op&, const std::string&) override {
      return Error{Code::internal, "looked"};
    }
  };
  const Totals totals = must(kit.sync(std::make_unique<NoReading>(kit.folder("source", true)),
                                      std::make_unique<NoReading>(kit.folder("target", false))));
  EXPECT_EQ(totals.kept, 1U);
}

TEST(Folders, are_read_again_where_a_stamp_is_as_young_as_the_reading) {
  Kit kit;
  kit.clock.later = {};
  kit.write("source/a", "one");
  must(kit.across());
  kit.clock.later = std::chrono::seconds(5);
  class Counting final : public WrappedPlace {
   public:
    Counting(std::unique_ptr<Place> inner, int& looks) : WrappedPlace(std::move(inner)), looks_(looks) {}
    Result<std::optional<Version>> look(const Op& op, const std::string& path) override {
      ++looks_;
      return inner().look(op, path);
    }

   private:
    int& looks_;
  };
  int looks = 0;
  for (int i = 0; i < 3; ++i) {
    must(kit.sync(std::make_unique<Counting>(kit.folder("source", true), looks), kit.folder("target", false)));
  }
  EXPECT_EQ(looks, 1);  // once; then the stamp is settled
}

TEST(Folders, show_an_edit_of_the_same_size_with_its_old_time) {
  Kit kit;
  kit.write("source/a", "one");
  kit.age();
  must(kit.across());
  kit.write("source/a", "two");
  kit.age();
  EXPECT_EQ(must(kit.across()).changed, 1U);
  EXPECT_EQ(kit.read("target/a"), "two");
  kit.write("target/a", "odd");  // on the other side
  kit.age("target");
  EXPECT_EQ(must(kit.across()).changed, 1U);
  EXPECT_EQ(kit.read("target/a"), "two");
}

TEST(Folders, differ_in_nothing_but_time_and_mode) {
  Kit kit;
  kit.write("source/a", "one");
  must(kit.across());
  kit.age();
  chmod(kit.scratch.path("source/a").c_str(), 0700);
  EXPECT_EQ(must(kit.across()).touched, 1U);
  EXPECT_EQ(kit.mtime("target/a"), kit.mtime("source/a"));
}

TEST(Folders, keep_what_only_the_destination_has_unless_told) {
  Kit kit;
  kit.write("source/a", "one");
  kit.write("target/b/c", "extra");
  kit.write("target/b/d", "extra");
  EXPECT_EQ(must(kit.across()).extra, 2U);
  EXPECT_EQ(kit.tree("target").size(), 3U);
  kit.options.extra = Options::Extra::remove;
  const auto refused = kit.across();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().describe(), HasSubstr("--max-delete 2"));
  kit.options.max_removals = {2, MaxRemovals::Unit::files};
  EXPECT_EQ(must(kit.across()).removed, 2U);
  EXPECT_EQ(kit.tree("target"), (Tree{{"a", "one"}}));
  EXPECT_FALSE(std::filesystem::exists(kit.scratch.path("target/b")));
}

TEST(Folders, are_not_changed_by_a_dry_run_or_a_check) {
  Kit kit;
  kit.write("source/new", "1");
  kit.write("source/changed", "22");
  kit.write("source/same", "3");
  kit.write("target/changed", "2");
  kit.write("target/same", "3");
  kit.write("target/extra", "4");
  kit.options.extra = Options::Extra::remove;
  kit.options.max_removals = {100, MaxRemovals::Unit::percent};
  for (const Mode mode : {Mode::dry_run, Mode::check}) {
    kit.options.mode = mode;
    const Totals totals = must(kit.across());
    EXPECT_EQ(totals.added, 1U);
    EXPECT_EQ(totals.changed, 1U);
    EXPECT_EQ(totals.removed + totals.extra, 1U);
    EXPECT_TRUE(kit.reporter.recorded("add new"));
    EXPECT_TRUE(kit.reporter.recorded("change changed"));
    EXPECT_TRUE(kit.reporter.recorded(mode == Mode::check ? "extra extra" : "remove extra"));
  }
  EXPECT_EQ(kit.tree("target"), (Tree{{"changed", "2"}, {"extra", "4"}, {"same", "3"}}));
}

TEST(Folders, change_places_of_files_and_directories_only_where_removal_is_allowed) {
  Kit kit;
  kit.write("source/x", "file");
  kit.write("source/y/z", "below");
  kit.write("target/x/old", "1");
  kit.write("target/y", "2");
  const Totals first = must(kit.across());
  EXPECT_EQ(first.failed, 2U);
  EXPECT_EQ(kit.tree("target"), (Tree{{"x/old", "1"}, {"y", "2"}}));
  kit.options.extra = Options::Extra::remove;
  kit.options.max_removals = {100, MaxRemovals::Unit::percent};
  must(kit.across());
  EXPECT_EQ(kit.tree("target"), (Tree{{"x", "file"}, {"y/z", "below"}}));
}

TEST(Folders, leave_out_what_the_rules_exclude_on_both_sides) {
  Kit kit;
  must(kit.rules.add(Rule::Verdict::exclude, "*.tmp", ""));
  must(kit.rules.add(Rule::Verdict::exclude, "/cache/", ""));
  kit.write("source/a", "1");
  kit.write("source/a.tmp", "1");
  kit.write("source/cache/b", "1");
  kit.write("target/b.tmp", "kept");
  kit.write("target/cache/c", "kept");
  kit.options.extra = Options::Extra::remove;
  must(kit.across());
  EXPECT_EQ(kit.tree("target"), (Tree{{"a", "1"}, {"b.tmp", "kept"}, {"cache/c", "kept"}}));
}

TEST(Folders, skip_links_and_special_files_with_a_record) {
  Kit kit;
  kit.write("source/a", "1");
  kit.write("outside/b", "2");
  std::filesystem::create_symlink("a", kit.scratch.path("source/link"));
  std::filesystem::create_symlink("../outside", kit.scratch.path("source/folder"));
  std::filesystem::create_symlink("nowhere", kit.scratch.path("source/broken"));
  std::filesystem::create_symlink("..", kit.scratch.path("source/loop"));
  mkfifo(kit.scratch.path("source/pipe").c_str(), 0600);
  EXPECT_EQ(must(kit.across()).skipped, 5U);
  EXPECT_TRUE(kit.reporter.recorded("skip link"));
  EXPECT_TRUE(kit.reporter.recorded("skip pipe"));
  EXPECT_EQ(kit.tree("target"), (Tree{{"a", "1"}}));
}

TEST(Folders, follow_links_where_asked_but_never_in_a_circle) {
  Kit kit;
  kit.write("source/a", "1");
  kit.write("source/folder.x", "3");
  kit.write("outside/b", "2");
  std::filesystem::create_symlink("a", kit.scratch.path("source/link"));
  std::filesystem::create_symlink("../outside", kit.scratch.path("source/folder"));
  std::filesystem::create_symlink("nowhere", kit.scratch.path("source/broken"));
  std::filesystem::create_symlink(".", kit.scratch.path("source/loop"));
  kit.links = FolderOptions::Links::follow;
  must(kit.across());
  EXPECT_EQ(kit.tree("target"), (Tree{{"a", "1"}, {"folder.x", "3"}, {"folder/b", "2"}, {"link", "1"}}));
  EXPECT_TRUE(kit.reporter.recorded("skip broken"));
  EXPECT_TRUE(kit.reporter.recorded("skip loop"));
}

TEST(Folders, never_write_through_a_link_of_the_destination) {
  Kit kit;
  kit.write("source/d/a", "1");
  kit.write("source/f", "2");
  kit.write("outside/f", "mine");
  std::filesystem::create_directory(kit.scratch.path("target"));
  std::filesystem::create_symlink("../outside", kit.scratch.path("target/d"));
  std::filesystem::create_symlink("../outside/f", kit.scratch.path("target/f"));
  EXPECT_EQ(must(kit.across()).failed, 1U);
  EXPECT_EQ(kit.tree("outside"), (Tree{{"f", "mine"}}));
  EXPECT_EQ(kit.read("target/f"), "2");
}

TEST(Folders, keep_what_is_replaced_or_removed_in_the_backup_place) {
  Kit kit;
  kit.backup = "backup";
  kit.write("source/a", "new!");
  kit.write("source/same", "1");
  kit.write("target/a", "old");
  kit.write("target/same", "1");
  kit.write("target/d/gone", "2");
  kit.options.extra = Options::Extra::remove;
  kit.options.max_removals = {100, MaxRemovals::Unit::percent};
  must(kit.across());
  EXPECT_EQ(kit.tree("backup"), (Tree{{"a", "old"}, {"d/gone", "2"}}));
  EXPECT_EQ(kit.tree("target"), kit.tree("source"));
}

TEST(Source, that_is_empty_or_shrunken_is_refused_by_the_name_of_its_flag) {
  Kit kit;
  const auto expect_refused = [&](const char* flag) {
    const auto result = kit.across();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::refused);
    EXPECT_THAT(result.error().describe(), HasSubstr(flag));
  };
  expect_refused("--allow-empty");
  for (int i = 0; i < 10; ++i) kit.write("source/" + std::to_string(i), "content");
  must(kit.across());
  for (int i = 0; i < 6; ++i) std::filesystem::remove(kit.scratch.path("source/" + std::to_string(i)));
  expect_refused("--allow-shrink");
  must(kit.rules.add(Rule::Verdict::exclude, "9", ""));  // other rules: the counts say nothing
  must(kit.across());
  kit.write("source/0", "x");
  kit.options.meant.shrink = true;
  must(kit.across());
  for (int i = 0; i < 10; ++i) std::filesystem::remove(kit.scratch.path("source/" + std::to_string(i)));
  expect_refused("--allow-empty");
  kit.options.meant.empty = true;
  must(kit.across());
}

TEST(Source, on_another_file_system_than_last_time_is_refused) {
  Kit kit;
  testing::SimDisk disk(kit.clock);
  auto top = must(disk.open_or_create(kit.source(), 0755));
  must(must(top->create("a", 0644))->write_at(0, bytes_of("x")));
  must(kit.sync(kit.folder("source", true, &disk), kit.folder("target", false)));
  kit.write("source/a", "x");
  const auto result = kit.across();  // the same path, now on the real disk
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::refused);
  EXPECT_THAT(result.error().describe(), HasSubstr("--allow-other-mount"));
  kit.options.meant.other_mount = true;
  must(kit.across());
}

// Its files would fill the disk below the mount point.
TEST(Destination, that_is_not_mounted_any_more_is_refused) {
  Kit kit;
  for (int i = 0; i < 3; ++i) kit.write("source/" + std::to_string(i), "x");
  class Elsewhere final : public WrappedPlace {
   public:
    Elsewhere(std::unique_ptr<Place> inner, Ground ground) : WrappedPlace(std::move(inner)), ground_(ground) {}
    Result<Ground> ground() override { return ground_; }

   private:
    Ground ground_;
  };
  const auto sync_to = [&](const Ground& ground) {
    return kit.sync(kit.folder("source", true), std::make_unique<Elsewhere>(kit.folder("target", false), ground));
  };
  must(sync_to({"disk 1", true}));
  must(sync_to({"disk 2", true}));  // disks that take turns, with what they hold
  const auto unmounted = sync_to({"disk 2", false});
  ASSERT_FALSE(unmounted);
  EXPECT_EQ(unmounted.error().code, Code::refused);
  EXPECT_THAT(unmounted.error().describe(), HasSubstr("--allow-other-mount"));
  std::filesystem::remove_all(kit.target());
  EXPECT_EQ(must(sync_to({"disk 2", true})).added, 3U);  // removed on purpose: the same disk
  std::filesystem::remove_all(kit.target());
  const auto other = sync_to({"disk 3", true});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().describe(), HasSubstr("another file system"));
  kit.options.meant.other_mount = true;
  EXPECT_EQ(must(sync_to({"disk 3", true})).added, 3U);
}

TEST(Runs, of_one_pair_do_not_stack) {
  Kit kit;
  kit.write("source/a", "1");
  const auto lock = must(kit.cache().try_lock("lock"));
  kit.options.wait = Options::Wait::no;
  const auto result = kit.across();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::locked);
}

TEST(Runs, use_what_a_killed_run_had_recorded) {
  Kit kit;
  for (int i = 0; i < 50; ++i) kit.write("source/" + std::to_string(100 + i), "content");
  kit.age();
  // The 40th file ends the run, as a full disk would.
  class Full final : public WrappedPlace {
   public:
    using WrappedPlace::WrappedPlace;
    Result<std::optional<Stamp>> copy(const Op& op, const NewFile& file, Origin& origin) override {
      if (file.path >= "140") return Error{Code::no_space, "full"};
      return inner().copy(op, file, origin);
    }
  };
  kit.options.workers = 1;
  EXPECT_FALSE(kit.sync(kit.folder("source", true), std::make_unique<Full>(kit.folder("target", false))));
  const std::size_t there = kit.tree("target").size();
  EXPECT_GT(there, 0U);
  const Totals totals = must(kit.across());
  EXPECT_EQ(totals.kept, there);
  EXPECT_EQ(totals.added, 50 - there);
  EXPECT_EQ(kit.tree("target"), kit.tree("source"));
}

TEST(Runs, remove_nothing_where_something_failed) {
  Kit kit;
  kit.write("source/a", "1");
  kit.write("source/b", "2");
  kit.write("target/extra", "3");
  class Failing final : public WrappedPlace {
   public:
    using WrappedPlace::WrappedPlace;
    Result<std::optional<Stamp>> copy(const Op& op, const NewFile& file, Origin& origin) override {
      if (file.path == "b") return Error{Code::io, "broken"};
      return inner().copy(op, file, origin);
    }
  };
  kit.options.extra = Options::Extra::remove;
  const Totals totals =
      must(kit.sync(kit.folder("source", true), std::make_unique<Failing>(kit.folder("target", false))));
  EXPECT_EQ(totals.failed, 1U);
  EXPECT_EQ(totals.added, 1U);
  EXPECT_EQ(kit.read("target/extra"), "3");
  EXPECT_THAT(kit.reporter.notes, HasSubstr("not removed"));
}

TEST(Runs, read_a_file_again_that_was_edited_meanwhile) {
  Kit kit;
  kit.write("source/a", "one");
  kit.write("source/busy", "1");
  class Editing final : public WrappedPlace {
   public:
    Editing(std::unique_ptr<Place> inner, Kit& kit) : WrappedPlace(std::move(inner)), kit_(kit) {}
    Result<std::optional<Stamp>> copy(const Op& op, const NewFile& file, Origin& origin) override {
      if (file.path == "a" && !edited_) kit_.write("source/a", "edited");
      if (file.path == "a") edited_ = true;
      if (file.path == "busy") kit_.write("source/busy", std::to_string(++count_) + "xx");
      return inner().copy(op, file, origin);
    }

   private:
    Kit& kit_;
    bool edited_ = false;
    int count_ = 0;
  };
  kit.options.workers = 1;
  const Totals totals =
      must(kit.sync(kit.folder("source", true), std::make_unique<Editing>(kit.folder("target", false), kit)));
  EXPECT_EQ(kit.read("target/a"), "edited");
  EXPECT_EQ(totals.failed, 1U);
  EXPECT_EQ(kit.read("target/busy"), "absent");
  EXPECT_THAT(kit.reporter.reasons, HasSubstr("hold still"));
}

TEST(Runs, put_large_files_in_place_whole_and_tidy_up_after_killed_ones) {
  Kit kit;
  kit.write("source/a", "1");
  kit.write("target/.duskline-tmp-tag-s7", "left behind");
  kit.write("target/.duskline-tmp-other-s7", "of another pair");
  must(kit.across());
  EXPECT_EQ(kit.tree("target"), (Tree{{".duskline-tmp-other-s7", "of another pair"}, {"a", "1"}}));
}

// On a file system that takes "A" and "a" for one name, what is surplus by its name is what has just been written.
TEST(Removal, leaves_another_file_than_was_listed) {
  Kit kit;
  kit.write("source/keep", "1");
  kit.write("target/keep", "1");
  kit.write("target/surplus", "listed");
  class Replacing final : public WrappedPlace {
   public:
    Replacing(std::unique_ptr<Place> inner, Kit& kit) : WrappedPlace(std::move(inner)), kit_(kit) {}
    Result<std::vector<RemoveFailure>> remove(const Op& op, std::span<const Removal> removals) override {
      kit_.write("target/other", "put in its place");
      std::filesystem::rename(kit_.scratch.path("target/other"), kit_.scratch.path("target/surplus"));
      return inner().remove(op, removals);
    }

   private:
    Kit& kit_;
  };
  kit.options.extra = Options::Extra::remove;
  const Totals totals =
      must(kit.sync(kit.folder("source", true), std::make_unique<Replacing>(kit.folder("target", false), kit)));
  EXPECT_EQ(totals.failed, 1U);
  EXPECT_EQ(totals.removed, 0U);
  EXPECT_EQ(kit.read("target/surplus"), "put in its place");
}

TEST(Removal, spares_what_the_source_has_as_something_that_is_not_copied) {
  Kit kit;
  for (int i = 0; i < 20; ++i) kit.write("source/" + std::to_string(i), "x");
  must(kit.across());
  kit.write("target/link", "older");
  kit.write("target/way/file", "older");
  kit.write("target/gone", "older");
  std::filesystem::create_symlink("0", kit.scratch.path("source/link"));
  std::filesystem::create_symlink(".", kit.scratch.path("source/way"));
  kit.options.extra = Options::Extra::remove;
  const Totals totals = must(kit.across());
  EXPECT_EQ(totals.removed, 1U);
  EXPECT_EQ(totals.extra, 2U);
  EXPECT_EQ(totals.failed, 0U);
  EXPECT_EQ(kit.read("target/link"), "older");
  EXPECT_EQ(kit.read("target/way/file"), "older");
  EXPECT_EQ(kit.read("target/gone"), "absent");
}

TEST(Growing, beyond_what_travels_in_one_go_is_no_failure) {
  Kit kit;
  kit.write("source/log", "short when it was listed");
  class Growing final : public WrappedPlace {
   public:
    Growing(std::unique_ptr<Place> inner, Kit& kit) : WrappedPlace(std::move(inner)), kit_(kit) {}
    Result<Version> fetch(const Op& op, const std::string& path, std::uint64_t limit, Bytes& into) override {
      kit_.write("source/log", std::string(3'000'000, 'x'));
      return inner().fetch(op, path, limit, into);
    }

   private:
    Kit& kit_;
  };
  EXPECT_EQ(must(kit.sync(std::make_unique<Growing>(kit.folder("source", true), kit), kit.bucket())).added, 1U);
  EXPECT_EQ(kit.objects().at("log").size(), 3'000'000U);
}

// Two machines that sync to one shared directory do not know of each other.
TEST(LargeFiles, whose_draft_another_run_replaced_are_not_put_in_place) {
  Kit kit;
  kit.options.piece_bytes = 1'000'000;
  kit.options.workers = 1;
  kit.write("source/large", std::string(2'500'000, 'x'));
  kit.age();
  must(kit.up());
  class Meddling final : public WrappedPlace {
   public:
    Meddling(std::unique_ptr<Place> inner, Kit& kit) : WrappedPlace(std::move(inner)), kit_(kit) {}
    Result<Stamp> finish(const Op& op, const NewFile& file, Upload& upload, const Fingerprint& expected) override {
      if (std::exchange(first_, false)) {
        std::filesystem::remove(kit_.scratch.path("target/" + upload.token));
        kit_.write("target/" + upload.token, "another run's, half done");
      }
      return inner().finish(op, file, upload, expected);
    }

   private:
    Kit& kit_;
    bool first_ = true;
  };
  must(kit.sync(kit.bucket(), std::make_unique<Meddling>(kit.folder("target", false), kit)));
  EXPECT_EQ(kit.read("target/large"), std::string(2'500'000, 'x'));  // fetched anew
  EXPECT_EQ(kit.tree("target").size(), 1U);
}

}  // namespace
}  // namespace duskline::sync
