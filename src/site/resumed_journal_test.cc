// A journal that is gone on with after a power cut which kept a file's name and took over a newer ctime.
#include <gtest/gtest.h>

#include "site/test_support.h"

namespace duskline::site {
namespace {

constexpr const char* path = "/target";

TEST(ResumedJournal, removes_what_a_removal_that_was_cut_off_has_touched) {
  TestPublisher publisher;
  const TestRelease before =
      publisher.publish(sample_directory({{"gone", sample_file("x")}, {"same", sample_file("y")}}));
  const TestRelease after = publisher.publish(sample_directory({{"same", sample_file("y")}}));
  std::uint64_t cases = 0;
  bool was_cut = true;
  for (std::uint64_t change = 1; was_cut; ++change) {
    testing::SimClock clock;
    testing::SimDisk disk(clock);
    TestReporter reporter;
    auto target = must(try_open(disk, path, clock, reporter));
    must(
        make_activator(Mode::in_place, clock, reporter)->activate({}, *target, stage(*target, before, Mode::in_place)));
    const Staged staged = stage(*target, after, Mode::in_place, &before.tree);
    disk.cut_power_at_change(disk.changes() + change);
    was_cut = !make_activator(Mode::in_place, clock, reporter)->activate({}, *target, staged);
    target.reset();
    disk.restart();
    const auto root = must(disk.open(path));
    if (!must(root->stat("gone")) || !must(root->stat(".duskline/journal"))) continue;
    ++cases;
    clock.advance(std::chrono::seconds(1));
    must(root->set_mode("gone", must(root->stat("gone"))->mode));  // another ctime
    target = must(try_open(disk, path, clock, reporter));
    EXPECT_EQ(target->state().current->id, after.id());
    EXPECT_EQ(must(root->stat("gone")), std::nullopt) << "change " << change;
  }
  EXPECT_GT(cases, 0U);
}

}  // namespace
}  // namespace duskline::site
