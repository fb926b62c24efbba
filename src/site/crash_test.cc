// Activations that are cut off at every single change of the disk, and that meet an error at every operation.
#include <gtest/gtest.h>

#include <functional>

#include "site/steps.h"
#include "site/test_support.h"
#include "site/verify.h"
#include "testing/effort.h"

namespace duskline::site {
namespace {

using testing::SimClock;
using testing::SimDisk;

constexpr const char* path = "/target";

SampleEntry old_tree() {
  SampleEntry tree = sample_directory();
  tree.children["same"] = sample_file("as it was");
  tree.children["changed"] = sample_file("before");
  tree.children["mode"] = sample_file("only its mode changes");
  tree.children["gone"] = sample_file("will be removed");
  tree.children["link"] = {.kind = model::EntryKind::symlink, .mode = 0, .mtime_ns = 5, .target = "same"};
  tree.children["becomes-file"] = sample_directory({{"x", sample_file("x")}, {"y", sample_file("y")}});
  tree.children["becomes-directory"] = sample_file("a file");
  tree.children["link-becomes-directory"] = {
      .kind = model::EntryKind::symlink, .mode = 0, .mtime_ns = 5, .target = "becomes-file"};
  tree.children["directory-becomes-link"] = sample_directory({{"z", sample_file("z")}});
  tree.children["gone-directory"] = sample_directory({{"deep", sample_directory({{"f", sample_file("f")}})}});
  tree.children["gone-directory"].attributes = {testing::sample_default_acl(1)};
  tree.children["attributes"] = sample_directory({{"f", sample_file("f")}});
  tree.children["attributes"].attributes = {{"user.old", {1}}};
  tree.mtime_ns = 0;
  return tree;
}

SampleEntry new_tree() {
  SampleEntry tree = old_tree();
  tree.children["changed"] = sample_file("after, and longer than before");
  tree.children["mode"].mode = 0600;
  tree.children.erase("gone");
  tree.children.erase("gone-directory");
  tree.children["link"].target = "changed";
  tree.children["becomes-file"] = sample_file("a file now");
  tree.children["becomes-directory"] = sample_directory({{"inner", sample_file("new")}});
  tree.children["link-becomes-directory"] = sample_directory({{"inner", sample_file("no link")}});
  tree.children["directory-becomes-link"] = {
      .kind = model::EntryKind::symlink, .mode = 0, .mtime_ns = 6, .target = "same"};
  tree.children["attributes"].attributes = {testing::sample_default_acl(2), {"user.new", {2}}};
  tree.children["attributes"].children["below"] = sample_directory({{"f", sample_file("new")}});
  tree.children["added"] = sample_directory({{"one", sample_file("1")}, {"two", sample_file(std::string(9000, 't'))}});
  return tree;
}

enum class Outcome : std::uint8_t { none, passes, fails };

struct Scenario {
  Mode mode = Mode::switched;
  Outcome check = Outcome::none;
};

// What pull does around an activation whose check has this verdict; without a shell.
Status activate(Target& target, Staged staged, Outcome check, SimClock& clock, Reporter& reporter) {
  staged.check = check == Outcome::none ? Check::none : Check::follows;
  DL_TRY(make_activator(staged.layout->mode, clock, reporter)->activate({}, target, staged));
  if (check == Outcome::passes) return accept(target);
  if (check == Outcome::fails) return take_back(target, Verdict::rejected, reporter);
  return {};
}

class World {
 public:
  World(std::uint64_t seed, const Scenario& scenario, const TestRelease& before, const TestRelease& after)
      : scenario_(scenario), before_(before), after_(after), disk_(clock_, {.seed = seed}) {
    open();
    must(activate(*target_, stage(*target_, before_, scenario_.mode), Outcome::none, clock_, reporter_));
    staged_ = stage(*target_, after_, scenario_.mode, &before_.tree);
    first_change_ = disk_.changes() + 1;
    first_operation_ = disk_.operations() + 1;
  }

  void open() {
    target_.reset();
    target_ = must(try_open(disk_, path, clock_, reporter_));
  }
  Status run() { return activate(*target_, staged_, scenario_.check, clock_, reporter_); }
  void lose_power() {
    target_.reset();
    disk_.crash();
  }

  // In-place, at any moment: no file is half one thing and half another.
  void expect_whole_files() {
    if (scenario_.mode == Mode::switched) return;
    const auto root = must(disk_.open(path));
    expect_whole(read_tree(*root), &before_.tree, &after_.tree, "");
  }

  // The target shows one whole release, and its state says which.
  void expect_settled() {
    const State& state = target_->state();
    ASSERT_TRUE(state.current) << reporter_.notes();
    const bool is_new = state.current->id == after_.id();
    ASSERT_TRUE(is_new || state.current->id == before_.id());
    EXPECT_FALSE(state.pending);
    const auto shown = must(target_->content(state.current->id));
    EXPECT_EQ(listing(read_content(*shown)), listing(is_new ? after_.tree : before_.tree)) << reporter_.notes();
    if (scenario_.mode == Mode::switched) {
      EXPECT_EQ(must(target_->root().read_link("current")), "releases/" + state.current->folder);
    }
    const auto found = must(verify({}, *target_, {.workers = 1}, reporter_, nullptr));
    EXPECT_TRUE(found.is_clean()) << reporter_.notes();
    EXPECT_EQ(found.extra, 0U);
    EXPECT_EQ(must(target_->private_folder().stat(folders::journal)), std::nullopt);
    EXPECT_EQ(must(target_->private_folder().stat(folders::journal_back)), std::nullopt);
    if (scenario_.check == Outcome::none) {
      EXPECT_EQ(state.unchecked, std::nullopt);
    }
    EXPECT_EQ(must(decode_state(encode_state(state))), state);
  }

  // Whatever was found, the next run gets to where the first should have.
  void expect_next_run_succeeds() {
    if (target_->state().current->id != after_.id()) {
      must(
          activate(*target_, stage(*target_, after_, scenario_.mode, &before_.tree), Outcome::none, clock_, reporter_));
    } else if (target_->state().unchecked) {
      must(accept(*target_));
    }
    expect_settled();
    EXPECT_EQ(target_->state().current->id, after_.id());
    must(target_->drop_old(0));
    open();
    expect_settled();
  }

  SimDisk& disk() { return disk_; }
  Target& target() { return *target_; }
  [[nodiscard]] std::uint64_t first_change() const { return first_change_; }
  [[nodiscard]] std::uint64_t first_operation() const { return first_operation_; }
  void close() { target_.reset(); }

 private:
  static void expect_whole(const SampleEntry& found, const SampleEntry* before, const SampleEntry* after,
                           const std::string& name) {
    const auto child = [](const SampleEntry* of, const std::string& n) -> const SampleEntry* {
      return of != nullptr && of->children.contains(n) ? &of->children.at(n) : nullptr;
    };
    if (found.kind == model::EntryKind::file) {
      const bool is_old = before != nullptr && found.content == before->content;
      const bool is_new = after != nullptr && found.content == after->content;
      EXPECT_TRUE(is_old || is_new) << name;
    }
    for (const auto& [n, below] : found.children) {
      expect_whole(below, child(before, n), child(after, n), name + "/" + n);
    }
  }

  Scenario scenario_;
  const TestRelease& before_;
  const TestRelease& after_;
  SimClock clock_;
  SimDisk disk_;
  TestReporter reporter_;
  std::unique_ptr<Target> target_;
  Staged staged_;
  std::uint64_t first_change_ = 0, first_operation_ = 0;
};

class Crash : public ::testing::TestWithParam<Scenario> {
 protected:
  TestPublisher publisher_;
  TestRelease before_ = publisher_.publish(old_tree());
  TestRelease after_ = publisher_.publish(new_tree());

  World make(std::uint64_t seed) { return {seed, GetParam(), before_, after_}; }
};

TEST_P(Crash, WithoutOneTheScenarioEndsAsItShould) {
  World world = make(1);
  must(world.run());
  world.expect_settled();
  const bool is_new = GetParam().check != Outcome::fails;
  EXPECT_EQ(world.target().state().current->id, is_new ? after_.id() : before_.id());
  EXPECT_EQ(world.target().state().rejected == after_.id(), !is_new);
  const State saved = world.target().state();
  world.open();
  EXPECT_EQ(world.target().state(), saved);
  world.expect_settled();
}

TEST_P(Crash, WhatWasReturnedLasts) {
  constexpr std::uint64_t seeds = testing::effort(20);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world = make(seed);
    must(world.run());
    world.lose_power();
    world.open();
    world.expect_settled();
    const bool is_new = GetParam().check != Outcome::fails;
    EXPECT_EQ(world.target().state().current->id, is_new ? after_.id() : before_.id());
    if (HasFailure()) return;
  }
}

TEST_P(Crash, PowerCutAtEveryChange) {
  World whole = make(1);
  must(whole.run());
  const std::uint64_t changes = whole.disk().changes() - whole.first_change() + 1;
  ASSERT_GT(changes, 20U);
  for (std::uint64_t cut = 0; cut < changes; cut += testing::stride) {
    SCOPED_TRACE("change " + std::to_string(cut) + " of " + std::to_string(changes));
    World world = make(cut + 1);
    world.disk().cut_power_at_change(world.first_change() + cut);
    (void)world.run();  // may succeed where only tidying up was left
    world.lose_power();
    world.expect_whole_files();
    // The power goes again while the crash is being recovered from.
    world.disk().cut_power_at_change(world.disk().changes() + 1 + cut % 23);
    TestReporter quiet;
    SimClock clock;
    if (auto again = try_open(world.disk(), path, clock, quiet)) again->reset();
    world.disk().crash();
    world.expect_whole_files();
    world.open();
    world.expect_settled();
    world.expect_next_run_succeeds();
    if (HasFailure()) return;
  }
}

TEST_P(Crash, ErrorAtEveryOperation) {
  World whole = make(1);
  must(whole.run());
  const std::uint64_t operations = whole.disk().operations() - whole.first_operation() + 1;
  for (std::uint64_t at = 0; at < operations; at += testing::stride) {
    SCOPED_TRACE("operation " + std::to_string(at) + " of " + std::to_string(operations));
    World world = make(1);
    world.disk().fail_at_operation(world.first_operation() + at, at % 2 == 0 ? Code::io : Code::no_space);
    (void)world.run();
    world.expect_whole_files();
    world.open();
    world.expect_settled();
    world.expect_next_run_succeeds();
    if (HasFailure()) return;
  }
}

std::string scenario_name(const ::testing::TestParamInfo<Scenario>& info) {
  const std::string mode = info.param.mode == Mode::switched ? "Switched" : "InPlace";
  return mode + (info.param.check == Outcome::none ? "" : info.param.check == Outcome::passes ? "Passing" : "Failing");
}

INSTANTIATE_TEST_SUITE_P(
    Modes, Crash,
    ::testing::Values(Scenario{Mode::switched, Outcome::none}, Scenario{Mode::switched, Outcome::passes},
                      Scenario{Mode::switched, Outcome::fails}, Scenario{Mode::in_place, Outcome::none},
                      Scenario{Mode::in_place, Outcome::passes}, Scenario{Mode::in_place, Outcome::fails}),
    scenario_name);

}  // namespace
}  // namespace duskline::site
