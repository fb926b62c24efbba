#include "base/clock.h"

#include <gtest/gtest.h>

namespace duskline {
namespace {

using namespace std::chrono_literals;

TEST(Time, formats_with_just_the_digits_that_are_needed) {
  EXPECT_EQ(format_time(WallTime{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_time(WallTime{1795253400s}), "2026-11-21T09:30:00Z");
  EXPECT_EQ(format_time(WallTime{1795253400s + 250ms}), "2026-11-21T09:30:00.25Z");
  EXPECT_EQ(format_time(WallTime{1795253400s + 1ns}), "2026-11-21T09:30:00.000000001Z");
}

TEST(Time, parses_what_it_formats) {
  for (const WallTime time : {WallTime{}, WallTime{1795253400s}, WallTime{1795253400s + 123456789ns},
                              WallTime{951782400s /* 2000-02-29 */}}) {
    EXPECT_EQ(parse_time(format_time(time)), time) << format_time(time);
  }
}

TEST(Time, refuses_what_is_no_time) {
  for (const std::string_view bad :
       {"", "now", "2026-11-21", "2026-11-21T09:30:00", "2026-11-21T09:30:00+01:00", "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T09:60:00Z", "2026-11-21T09:30:00.Z",
        "2026-11-21T09:30:00.1234567890Z", "2026-11-21T09:30:00Zx", "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z",
        "2026-11-21T-9:30:00Z", "2026-1-21T09:30:00Z", " 2026-11-21T09:30:00Z"}) {
    EXPECT_EQ(parse_time(bad), std::nullopt) << bad;
  }
}

TEST(RealClock, a_stop_ends_a_sleep) {
  RealClock clock;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(clock.sleep_until(clock.steady() + 1h, stop.get_token()));
  EXPECT_TRUE(clock.sleep_until(clock.steady(), std::stop_token{}));
}

}  // namespace
}  // namespace duskline
