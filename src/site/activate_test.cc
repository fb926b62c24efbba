#include "site/activate.h"

#include <gtest/gtest.h>

#include "site/test_support.h"
#include "site/verify.h"
#include "testing/scratch.h"

namespace duskline::site {
namespace {

using End = HookedActivation::End;
using model::EntryKind;
using testing::Scratch;
using testing::SimClock;

constexpr std::int64_t edited_at = 1'800'000'000'000'000'000;

SampleEntry symlink_to(const std::string& target) {
  return {.kind = EntryKind::symlink, .mode = 0, .mtime_ns = 5, .target = target};
}

// On the real file system, in both modes.
class Activation : public ::testing::TestWithParam<Mode> {
 protected:
  Activation() {
    old_.children["file"] = sample_file("before");
    old_.children["gone"] = sample_file("gone");
    old_.children["folder"] = sample_directory({{"inner", sample_file("inner")}, {"other", sample_file("other")}});
    old_.children["link"] = symlink_to("file");
    new_ = old_;
    new_.children["file"] = sample_file("after");
    new_.children.erase("gone");
    new_.children["folder"].children["inner"] = sample_file("changed");
    new_.children["folder"].children["added"] = sample_file("added");
    new_.children["link"] = symlink_to("folder");
    before_ = publisher_.publish(old_);
    after_ = publisher_.publish(new_);
    open();
    target_->state().set = "packages";
    target_->state().channel = "live";
  }

  void open() {
    target_.reset();
    target_ = must(try_open(*disk_, path_, clock_, reporter_));
  }
  Staged staged(const TestRelease& release, const TestRelease* before = nullptr) {
    Staged ready = stage(*target_, release, GetParam(), before == nullptr ? nullptr : &before->tree);
    ready.sync = Sync::no;  // crash_test.cc is about that
    return ready;
  }
  HookedActivation show(const TestRelease& release, const TestRelease* before, const Hooks& hooks = {}) {
    clock_.advance(std::chrono::hours(24));
    return must(activate_with_hooks({}, *target_, staged(release, before), hooks, clock_, reporter_));
  }
  void show_first() { EXPECT_EQ(show(before_, nullptr).end, End::shown); }
  std::string content() {
    const auto& current = target_->state().current;
    if (!current) return "nothing";
    return listing(read_content(*must(target_->content(current->id))));
  }
  [[nodiscard]] std::string shown_path() const { return GetParam() == Mode::switched ? path_ + "/current" : path_; }
  void expect_clean() {
    const auto found = must(verify({}, *target_, {.workers = 2}, reporter_, nullptr));
    EXPECT_TRUE(found.is_clean()) << content();
  }

  Scratch scratch_;
  std::string path_ = scratch_.path("target");
  std::unique_ptr<disk::Filesystem> disk_ = disk::open_real_disk();
  SimClock clock_;
  TestReporter reporter_;
  TestPublisher publisher_;
  SampleEntry old_ = sample_directory(), new_;
  TestRelease before_, after_;
  std::unique_ptr<Target> target_;
};

TEST_P(Activation, ShowsTheNewReleaseAndRemembersTheOld) {
  show_first();
  EXPECT_EQ(content(), listing(before_.tree));
  EXPECT_EQ(show(after_, &before_).end, End::shown);
  EXPECT_EQ(content(), listing(after_.tree));
  expect_clean();
  const State state = target_->state();
  EXPECT_EQ(state.current->id, after_.id());
  EXPECT_EQ(state.current->number, after_.sample.release.number);
  EXPECT_EQ(state.current->activated, clock_.now());
  EXPECT_EQ(state.kept.at(0).id, before_.id());
  EXPECT_EQ(state.layout.mode, GetParam());
  EXPECT_EQ(must(target_->private_folder().stat(folders::staged_tree)), std::nullopt);
  open();
  EXPECT_EQ(target_->state(), state);
}

TEST_P(Activation, DoesNotBeginWhereItsFoldersAreNotItsOwn) {
  show_first();
  const std::string was = content();
  const std::string trees = std::string(folders::trees);
  must(target_->private_folder().rename(trees, target_->root(), "trees"));
  must(target_->private_folder().make_symlink("/tmp", trees));
  const auto refused = activate_with_hooks({}, *target_, staged(after_, &before_), {}, clock_, reporter_);
  EXPECT_EQ(must_fail(refused), Code::refused);
  EXPECT_NE(refused.error().describe().find("trees\" is not a directory"), std::string::npos)
      << refused.error().describe();
  EXPECT_FALSE(target_->state().pending);
  must(target_->private_folder().remove_file(trees, disk::Missing::is_error));
  must(target_->root().rename("trees", target_->private_folder(), trees));
  EXPECT_EQ(content(), was);
  EXPECT_EQ(show(after_, &before_).end, End::shown);
}

TEST_P(Activation, LeavesStampsThatFit) {
  show_first();
  show(after_, &before_);
  StampReader stamps = must(target_->stamps(after_.id()));
  ASSERT_EQ(stamps.count(), after_.sample.release.stats.files);
  const auto top = must(target_->content(after_.id()));
  for (const char* name : {"file", "folder/added", "folder/inner"}) {
    EXPECT_EQ(must(stamps.next()), stamp_of(*must(top->stat(name)))) << name;
  }
}

TEST_P(Activation, RunsCommandsAroundItInOrder) {
  show_first();
  const std::string log = scratch_.path("log");
  const Hooks hooks{.before = "echo before $DUSKLINE_NUMBER $(cat '" + shown_path() + "/file') >>" + log,
                    .after = "echo after $DUSKLINE_SET $DUSKLINE_CHANNEL $(cat '" + shown_path() + "/file') >>" + log,
                    .check = "echo check $DUSKLINE_PREVIOUS $DUSKLINE_RELEASE $DUSKLINE_TARGET >>" + log};
  EXPECT_EQ(show(after_, &before_, hooks).end, End::shown);
  const auto text = must(must(disk_->open(scratch_.path()))->read_all("log", 4096));
  EXPECT_EQ(text_of(*text), "before 2 before\nafter packages live after\ncheck " + before_.id().hex() + " " +
                                after_.id().hex() + " " + path_ + "\n");
  EXPECT_EQ(target_->state().unchecked, std::nullopt);
  EXPECT_EQ(must(target_->private_folder().stat(folders::previous)), std::nullopt);
  EXPECT_EQ(must(target_->private_folder().stat(folders::undo)), std::nullopt);
}

TEST_P(Activation, DoesNotHappenWhenTheCommandBeforeItFails) {
  show_first();
  const Staged ready = staged(after_, &before_);
  const auto result = must(activate_with_hooks({}, *target_, ready, {.before = "exit 1"}, clock_, reporter_));
  EXPECT_EQ(result.end, End::before_failed);
  EXPECT_EQ(result.error.value_or(Error{}).code, Code::io);
  EXPECT_EQ(content(), listing(before_.tree));
  EXPECT_EQ(show(after_, &before_).end, End::shown);
}

TEST_P(Activation, StaysWhenTheCommandAfterItFails) {
  show_first();
  const auto result = show(after_, &before_, {.after = "exit 1", .check = "exit 0"});
  EXPECT_EQ(result.end, End::after_failed);
  ASSERT_TRUE(result.error);
  EXPECT_NE(result.error->describe().find("is shown, but"), std::string::npos);
  EXPECT_EQ(content(), listing(after_.tree));
  EXPECT_EQ(target_->state().after_due, after_.id());
  open();
  // Only the command after it is due, and only until it has succeeded once.
  const Staged shown{.id = after_.id(), .release = after_.sample.release, .layout = {}};
  for (const char* command : {"exit 1", "exit 0"}) {
    EXPECT_EQ(target_->state().after_due, after_.id());
    const Hooks hooks{.before = "exit 1", .after = command, .check = "exit 1"};
    must(activate_with_hooks({}, *target_, shown, hooks, clock_, reporter_));
  }
  EXPECT_EQ(target_->state().after_due, std::nullopt);
  EXPECT_EQ(content(), listing(after_.tree));
}

TEST_P(Activation, IsTakenBackWhenTheCheckFails) {
  show_first();
  const State before = target_->state();
  const std::string log = scratch_.path("log");
  const auto result = show(after_, &before_, {.after = "echo $DUSKLINE_RELEASE >>" + log, .check = "exit 7"});
  EXPECT_EQ(result.end, End::rolled_back);
  ASSERT_TRUE(result.error);
  EXPECT_NE(result.error->describe().find("status 7"), std::string::npos);
  EXPECT_EQ(content(), listing(before_.tree));
  expect_clean();
  EXPECT_EQ(target_->state().current->id, before_.id());
  EXPECT_EQ(target_->state().rejected, after_.id());
  EXPECT_EQ(target_->state().unchecked, std::nullopt);
  EXPECT_EQ(target_->state().pinned, std::nullopt);
  // What it reloaded was told again.
  EXPECT_EQ(text_of(*must(must(disk_->open(scratch_.path()))->read_all("log", 4096))),
            after_.id().hex() + "\n" + before_.id().hex() + "\n");
  const State state = target_->state();
  open();
  EXPECT_EQ(target_->state(), state);
  EXPECT_EQ(content(), listing(before_.tree));
  EXPECT_EQ(show(after_, &before_, {.check = "true"}).end, End::shown);  // asked for again
  EXPECT_EQ(target_->state().rejected, std::nullopt);
  EXPECT_EQ(content(), listing(after_.tree));
}

TEST_P(Activation, TakenBackAtTheTimeLimitToo) {
  show_first();
  EXPECT_EQ(show(after_, &before_, {.check = "sleep 1000", .limit = std::chrono::milliseconds(50)}).end,
            End::rolled_back);
  EXPECT_EQ(content(), listing(before_.tree));
}

TEST_P(Activation, AStoppedCheckSaysNothingAboutTheRelease) {
  show_first();
  std::stop_source stop;
  const Op op{.stop = stop.get_token()};
  class Stopper final : public Reporter {
   public:
    explicit Stopper(std::stop_source& source) : source_(source) {}
    void note(Severity, std::string_view message) override {
      if (message == "check: waiting") source_.request_stop();
    }
    void progress(const Progress&) override {}
    void record(const FileRecord&) override {}

   private:
    std::stop_source& source_;
  } stopper(stop);
  const auto result = must(activate_with_hooks(op, *target_, staged(after_, &before_),
                                               {.check = "echo waiting; sleep 1000"}, clock_, stopper));
  EXPECT_EQ(result.end, End::rolled_back);
  EXPECT_EQ(target_->state().rejected, std::nullopt);
  EXPECT_EQ(content(), listing(before_.tree));
}

TEST_P(Activation, TheFirstOneIsTakenBackToNothing) {
  const auto result = show(before_, nullptr, {.check = "false"});
  EXPECT_EQ(result.end, End::rolled_back);
  EXPECT_EQ(target_->state().current, std::nullopt);
  EXPECT_EQ(must(target_->root().stat("current")), std::nullopt);
  EXPECT_EQ(must(target_->root().stat("file")), std::nullopt);
  open();
  EXPECT_EQ(target_->state().current, std::nullopt);
}

TEST_P(Activation, AnUncheckedReleaseIsOnlyChecked) {
  show_first();
  Staged ready = staged(after_, &before_);
  ready.check = Check::follows;
  must(make_activator(GetParam(), clock_, reporter_)->activate({}, *target_, ready));  // and then the power goes
  open();
  EXPECT_EQ(target_->state().unchecked, after_.id());
  const Staged shown{.id = after_.id(), .release = after_.sample.release, .layout = {}};
  const Hooks failing{.before = "exit 1", .check = "exit 1"};
  EXPECT_EQ(must(activate_with_hooks({}, *target_, shown, failing, clock_, reporter_)).end, End::rolled_back);
  EXPECT_EQ(content(), listing(before_.tree));
}

TEST_P(Activation, TheSameReleaseLaidDownInAnotherWayCanBeTakenBack) {
  show_first();
  Staged ready = staged(before_, &before_);
  ready.layout->keep = {"uploads"};
  const auto result = must(activate_with_hooks({}, *target_, ready, {.check = "false"}, clock_, reporter_));
  EXPECT_EQ(result.end, End::rolled_back);
  EXPECT_EQ(target_->state().current->id, before_.id());
  EXPECT_TRUE(target_->state().layout.keep.empty());
  EXPECT_EQ(target_->state().rejected, std::nullopt);
  ready = staged(before_, &before_);
  ready.layout->keep = {"uploads"};
  must(activate_with_hooks({}, *target_, ready, {}, clock_, reporter_));
  EXPECT_EQ(target_->state().layout.keep.size(), 1U);
  must(target_->drop_old(0));
  open();
  EXPECT_EQ(content(), listing(before_.tree));
  EXPECT_TRUE(target_->state().kept.empty());
}

TEST_P(Activation, TheModeOfATargetStays) {
  show_first();
  Staged ready = staged(after_, &before_);
  ready.layout->mode = GetParam() == Mode::switched ? Mode::in_place : Mode::switched;
  EXPECT_EQ(must_fail(activate_with_hooks({}, *target_, ready, {}, clock_, reporter_)), Code::refused);
}

INSTANTIATE_TEST_SUITE_P(Modes, Activation, ::testing::Values(Mode::switched, Mode::in_place),
                         [](const auto& info) { return info.param == Mode::switched ? "Switched" : "InPlace"; });

class Switched : public Activation {};

TEST_P(Switched, GoesBackAtOnceAndPins) {
  show_first();
  show(after_, &before_);
  EXPECT_EQ(must(switch_back({}, *target_, std::nullopt, reporter_)).id, before_.id());
  EXPECT_EQ(content(), listing(before_.tree));
  EXPECT_EQ(target_->state().pinned, before_.id());
  EXPECT_EQ(target_->state().kept.at(0).id, after_.id());
  open();
  EXPECT_EQ(target_->state().pinned, before_.id());
  EXPECT_EQ(must(switch_back({}, *target_, after_.id(), reporter_)).id, after_.id());
  EXPECT_EQ(content(), listing(after_.tree));
  EXPECT_EQ(must_fail(switch_back({}, *target_, model::ReleaseId{sha256("x")}, reporter_)), Code::not_found);
}

TEST_P(Switched, DoesNotGoBackToWhatIsBroken) {
  show_first();
  show(after_, &before_);
  const std::string folder = "releases/" + target_->state().kept.at(0).folder;
  disk::Directory& root = target_->root();
  must(must(root.open_write(folder + "/file"))->write_at(0, bytes_of("BEFORE")));  // the time tells
  const auto edited = switch_back({}, *target_, std::nullopt, reporter_);
  EXPECT_EQ(must_fail(edited), Code::difference);
  EXPECT_NE(edited.error().message.find("\"file\" is changed"), std::string::npos) << edited.error().message;
  must(root.remove_file(folder + "/file", disk::Missing::is_error));
  EXPECT_EQ(must_fail(switch_back({}, *target_, std::nullopt, reporter_)), Code::difference);
  EXPECT_EQ(content(), listing(after_.tree));
  EXPECT_EQ(target_->state().pinned, std::nullopt);
  write_text(root, folder + "/file", "before");  // the same bytes at another time are right
  must(root.set_mtime(folder + "/file", edited_at));
  EXPECT_EQ(must(switch_back({}, *target_, std::nullopt, reporter_)).id, before_.id());
}

TEST_P(Switched, ATopThatMayNotBeWrittenIsMovedAllTheSame) {
  Staged ready = staged(before_);
  must(target_->private_folder().set_mode(folders::staged_tree, 0555));
  must(activate_with_hooks({}, *target_, ready, {}, clock_, reporter_));
  EXPECT_EQ(must(target_->content(before_.id()))->stat()->mode, 0555U);
}

INSTANTIATE_TEST_SUITE_P(Real, Switched, ::testing::Values(Mode::switched));

class InPlace : public Activation {
 protected:
  // Stages the second release, lets `meddle` change the target, activates.
  template <typename Meddle>
  HookedActivation show_after(Meddle&& meddle, const Hooks& hooks = {}) {
    show_first();
    const Staged ready = staged(after_, &before_);
    meddle(target_->root());
    return must(activate_with_hooks({}, *target_, ready, hooks, clock_, reporter_));
  }
  std::string read(const std::string& path) {
    const auto bytes = must(target_->root().read_all(path, 4096));
    return bytes ? std::string(text_of(*bytes)) : "(absent)";
  }
  void edit(disk::Directory& root, const std::string& path) {
    const auto file = must(root.open_write(path));
    must(file->write_at(0, bytes_of("EDITED")));
    must(file->set_mtime(edited_at));
  }
};

TEST_P(InPlace, KeepsNoOldReleases) {
  show_first();
  show(after_, &before_);
  EXPECT_EQ(must_fail(switch_back({}, *target_, std::nullopt, reporter_)), Code::not_found);
  EXPECT_EQ(must_fail(target_->content(before_.id())), Code::not_found);
}

TEST_P(InPlace, SetsAsideWhatOthersEditedSincePlanning) {
  show_after([&](disk::Directory& root) { edit(root, "file"); });
  EXPECT_EQ(read("file"), "after");
  EXPECT_EQ(read(".duskline/set-aside/file"), "EDITED");
  EXPECT_TRUE(reporter_.said("edited by others"));
  EXPECT_TRUE(reporter_.recorded("set-aside file"));
  expect_clean();
}

TEST_P(InPlace, LeavesWhatOthersEditedWhereItShouldBeRemoved) {
  show_after([&](disk::Directory& root) { edit(root, "gone"); });
  EXPECT_EQ(read("gone"), "EDITED");
  EXPECT_TRUE(reporter_.recorded("keep gone"));
  EXPECT_EQ(must(verify({}, *target_, {}, reporter_, nullptr)).extra, 1U);
}

TEST_P(InPlace, SetsAsideWhatOthersMadeSincePlanning) {
  show_after([&](disk::Directory& root) {
    write_text(root, "folder/added", "theirs");
    must(root.remove_file("link", disk::Missing::is_error));
    must(root.make_directory("link", 0755));
    write_text(root, "link/precious", "theirs too");
  });
  EXPECT_EQ(read("folder/added"), "added");
  EXPECT_EQ(read(".duskline/set-aside/folder/added"), "theirs");
  EXPECT_EQ(read(".duskline/set-aside/link/precious"), "theirs too");
  expect_clean();
}

TEST_P(InPlace, SetsAsideEveryTime) {
  show_after([&](disk::Directory& root) { edit(root, "file"); });
  const Staged ready = staged(before_, &after_);
  edit(target_->root(), "file");
  must(activate_with_hooks({}, *target_, ready, {}, clock_, reporter_));
  EXPECT_EQ(read("file"), "before");
  EXPECT_EQ(read(".duskline/set-aside.1/file"), "EDITED");
}

TEST_P(InPlace, KeepsDirectoriesThatHoldOtherThings) {
  SampleEntry without = old_;
  without.children.erase("folder");
  after_ = publisher_.publish(without);
  show_after([&](disk::Directory& root) { write_text(root, "folder/upload", "theirs"); });
  EXPECT_EQ(read("folder/upload"), "theirs");
  EXPECT_EQ(read("folder/inner"), "(absent)");
  EXPECT_TRUE(reporter_.recorded("keep folder"));
}

TEST_P(InPlace, RefusesADirectoryThatBecameASymlink) {
  show_first();
  const Staged ready = staged(after_, &before_);
  must(target_->root().rename("folder", target_->root(), "moved"));
  must(target_->root().make_symlink("moved", "folder"));
  const auto refused = activate_with_hooks({}, *target_, ready, {}, clock_, reporter_);
  EXPECT_EQ(must_fail(refused), Code::refused);
  EXPECT_NE(refused.error().describe().find("has become a symlink"), std::string::npos);
  EXPECT_EQ(read("file"), "before");  // nothing was changed
  EXPECT_EQ(read("moved/inner"), "inner");
  EXPECT_EQ(target_->state().current->id, before_.id());
  open();
  EXPECT_EQ(target_->state().current->id, before_.id());
}

TEST_P(InPlace, RefusesAListWhoseFilesAreMissing) {
  show_first();
  const Staged ready = staged(after_, &before_);
  must(target_->private_folder().remove_file("staging/tree/folder/added", disk::Missing::is_error));
  EXPECT_EQ(must_fail(activate_with_hooks({}, *target_, ready, {}, clock_, reporter_)), Code::corrupt);
  EXPECT_EQ(content(), listing(before_.tree));
}

TEST_P(InPlace, RefusesAListForAnotherRelease) {
  show_first();
  Staged ready = staged(after_, &before_);
  ready.id = before_.id();
  EXPECT_EQ(must_fail(activate_with_hooks({}, *target_, ready, {}, clock_, reporter_)), Code::corrupt);
}

TEST_P(InPlace, AFailedCheckBringsBackEditedFilesToo) {
  const auto result = show_after([&](disk::Directory& root) { edit(root, "file"); },
                                 {.after = "echo cache >made-by-command", .check = "false"});
  EXPECT_EQ(result.end, End::rolled_back);
  EXPECT_EQ(read("file"), "EDITED");
  EXPECT_EQ(read("gone"), "gone");
  EXPECT_EQ(read("made-by-command"), "cache\n");
}

TEST_P(InPlace, HardLinksAreMadeAndUndone) {
  show_first();
  SampleEntry tree = old_;
  tree.children["second"] = tree.children["file"];
  after_ = publisher_.publish(tree);
  Staged ready = staged(after_, &before_);
  // As a planner would say it, instead of placing a second file.
  disk::Directory& own = target_->private_folder();
  must(own.remove_file(folders::staged_changes, disk::Missing::is_error));
  ChangeWriter changes(must(own.create(folders::staged_changes, 0600)), after_.id());
  must(changes.add({.kind = Change::Kind::make_hard_link, .path = "second", .other = "file"}));
  must(changes.finish());
  must(activate_with_hooks({}, *target_, ready, {}, clock_, reporter_));
  disk::Directory& root = target_->root();
  EXPECT_EQ(must(root.stat("second"))->inode, must(root.stat("file"))->inode);
  expect_clean();

  ready = staged(before_, &after_);
  must(own.remove_file(folders::staged_changes, disk::Missing::is_error));
  ChangeWriter again(must(own.create(folders::staged_changes, 0600)), before_.id());
  must(again.add({.kind = Change::Kind::remove_file, .path = "second", .seen = saw(*must(root.stat("second")))}));
  must(again.finish());
  const auto result = must(activate_with_hooks({}, *target_, ready, {.check = "false"}, clock_, reporter_));
  EXPECT_EQ(result.end, End::rolled_back);
  EXPECT_EQ(must(root.stat("second"))->inode, must(root.stat("file"))->inode);
}

TEST_P(InPlace, RecoversAfterTheStateWasLostAsWell) {
  show_first();
  staged(after_, &before_);
  disk::Directory& own = target_->private_folder();
  must(own.rename(folders::staged_changes, own, folders::journal));
  must(own.remove_file(folders::state, disk::Missing::is_error));
  open();
  EXPECT_EQ(listing(read_content(target_->root())), listing(after_.tree));
  EXPECT_EQ(must(target_->private_folder().stat(folders::journal)), std::nullopt);
}

TEST_P(InPlace, ATornJournalIsSaid) {
  show_first();
  must(target_->private_folder().replace(folders::journal, bytes_of("DLCHNGE1 torn"), 0600));
  target_.reset();
  const auto opened = try_open(*disk_, path_, clock_, reporter_);
  EXPECT_EQ(must_fail(opened), Code::corrupt);
  EXPECT_NE(opened.error().describe().find("journal"), std::string::npos) << opened.error().describe();
}

INSTANTIATE_TEST_SUITE_P(Real, InPlace, ::testing::Values(Mode::in_place));

}  // namespace
}  // namespace duskline::site
