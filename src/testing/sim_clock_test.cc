#include "testing/sim_clock.h"

#include <gtest/gtest.h>

namespace duskline::testing {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(SimClock, MovesOnlyWhenToldOrSleptOn) {
  SimClock clock;
  const WallTime wall = clock.now();
  const SteadyTime steady = clock.steady();
  EXPECT_EQ(clock.now(), wall);
  clock.advance(seconds(5));
  EXPECT_EQ(clock.now(), wall + seconds(5));
  EXPECT_EQ(clock.steady(), steady + seconds(5));
  EXPECT_TRUE(clock.sleep_until(steady + hours(1), {}));
  EXPECT_EQ(clock.steady(), steady + hours(1));
  EXPECT_EQ(clock.now(), wall + hours(1));
  EXPECT_EQ(clock.slept(), hours(1) - seconds(5));
}

TEST(SimClock, SleepsIntoThePastAndStoppedOnesEndAtOnce) {
  SimClock clock;
  const SteadyTime steady = clock.steady();
  EXPECT_TRUE(clock.sleep_until(steady - seconds(1), {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(clock.sleep_until(steady + seconds(1), stop.get_token()));
  EXPECT_EQ(clock.steady(), steady);
  EXPECT_EQ(clock.slept(), seconds(0));
}

TEST(SimClock, WallTimeCanBeSetBack) {
  SimClock clock;
  const WallTime early = clock.now() - hours(24);
  const SteadyTime steady = clock.steady();
  clock.set_wall(early);
  EXPECT_EQ(clock.now(), early);
  EXPECT_EQ(clock.steady(), steady);
}

}  // namespace
}  // namespace duskline::testing
