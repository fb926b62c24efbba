#include "cli/progress.h"

#include <gtest/gtest.h>

namespace duskline::cli {
namespace {

using std::chrono::seconds;

TEST(ProgressRate, SettlesOnTheRateAndTellsTimeLeft) {
  ProgressRate rate;
  const SteadyTime start{};
  Progress progress{.phase = "fetch", .bytes_total = 100'000};
  for (int second = 0; second <= 30; ++second) {
    progress.bytes = 1000 * static_cast<std::uint64_t>(second);
    rate.update(progress, start + seconds(second));
  }
  EXPECT_NEAR(rate.bytes_per_second(), 1000, 1);
  ASSERT_TRUE(rate.left(progress));
  EXPECT_NEAR(std::chrono::duration<double>(*rate.left(progress)).count(), 70, 1);
}

TEST(ProgressRate, BeginsAnewWithEachPhase) {
  ProgressRate rate;
  rate.update({.phase = "scan", .bytes = 0, .bytes_total = 10}, SteadyTime{});
  rate.update({.phase = "scan", .bytes = 5, .bytes_total = 10}, SteadyTime{} + seconds(1));
  EXPECT_GT(rate.bytes_per_second(), 0);
  rate.update({.phase = "fetch", .bytes = 7, .bytes_total = 10}, SteadyTime{} + seconds(2));
  EXPECT_EQ(rate.bytes_per_second(), 0);
  EXPECT_FALSE(rate.left({.phase = "fetch", .bytes = 7, .bytes_total = 10}));
}

TEST(ProgressLine, SaysWhatIsKnown) {
  const Progress progress{
      .phase = "fetch", .files = 1204, .files_total = 20000, .bytes = 1 << 20, .bytes_total = 2 << 20};
  EXPECT_EQ(progress_line(progress, ProgressRate{}), "fetch  50%  1,204 of 20,000 files  1.0 MiB of 2.0 MiB");
  EXPECT_EQ(progress_line({.phase = "scan", .files = 3}, ProgressRate{}), "scan  3 files");
}

TEST(ProgressBar, FitsItsColumns) {
  const Progress progress{.phase = "fetch", .bytes = 1 << 20, .bytes_total = 2 << 20};
  for (const unsigned columns : {20U, 40U, 60U, 200U}) {
    EXPECT_LE(progress_bar(progress, ProgressRate{}, columns).size(), columns);
  }
  EXPECT_EQ(progress_bar(progress, ProgressRate{}, 200).substr(0, 18), "[===============  ");
}

}  // namespace
}  // namespace duskline::cli
