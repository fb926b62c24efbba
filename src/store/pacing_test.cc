#include "store/pacing.h"

#include <gtest/gtest.h>

namespace duskline::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Outcome = RequestWindow::Outcome;

const SteadyTime start{std::chrono::hours(1)};

TEST(TokenBucket, lets_small_debts_through_and_collects_them_later) {
  TokenBucket bucket(1000);
  EXPECT_EQ(bucket.take(start, 10), start) << "10 ms of debt";
  EXPECT_EQ(bucket.take(start, 10), start) << "20 ms";
  EXPECT_EQ(bucket.take(start, 10), start + milliseconds(30));
  EXPECT_EQ(bucket.take(start, 1000), start + milliseconds(1030)) << "takers queue";
  EXPECT_EQ(bucket.take(start + seconds(10), 5), start + seconds(10)) << "what was not used is not saved up";
  EXPECT_EQ(bucket.take(start + seconds(10), 100), start + seconds(10) + milliseconds(105));
}

TEST(TokenBucket, keeps_the_rate_over_any_while) {
  constexpr std::uint64_t rate = 1'000'000;
  TokenBucket bucket(rate);
  SteadyTime now = start;
  std::uint64_t passed = 0;
  while (passed < 10 * rate) {
    passed += 1700;
    now = bucket.take(now, 1700);
  }
  const auto took = std::chrono::duration<double>(now - start).count();
  EXPECT_NEAR(took, 10.0, 0.03);
}

TEST(TokenBucket, survives_absurd_numbers) {
  TokenBucket slow(1);
  EXPECT_GT(slow.take(start, UINT64_MAX), start + std::chrono::hours(24 * 364));
  TokenBucket fast(UINT64_MAX);
  EXPECT_EQ(fast.take(start, 1 << 30), start);
}

TEST(TokenBucket, cuts_pieces_of_a_tenth_of_a_second) {
  EXPECT_EQ(TokenBucket(1).piece_bytes(), 1024U);
  EXPECT_EQ(TokenBucket(100'000).piece_bytes(), 10'000U);
  EXPECT_EQ(TokenBucket(UINT64_MAX).piece_bytes(), 256U << 10);
}

// Ends one epoch in which every request was used and each moved so much.
void run_epoch(RequestWindow& window, SteadyTime& now, std::uint64_t bytes, unsigned in_flight) {
  const unsigned requests = window.limit();
  window.finished(now, bytes, Outcome::done, in_flight);
  now += milliseconds(200);
  for (unsigned i = 1; i < std::max(requests, 2U); ++i) window.finished(now, bytes, Outcome::done, in_flight);
}

TEST(RequestWindow, starts_small_and_never_above_its_limit) {
  EXPECT_EQ(RequestWindow(32).limit(), 8U);
  EXPECT_EQ(RequestWindow(3).limit(), 3U);
  EXPECT_EQ(RequestWindow(0).limit(), 1U);
}

TEST(RequestWindow, grows_by_one_while_goodput_grows) {
  RequestWindow window(12);
  SteadyTime now = start;
  std::uint64_t bytes = 1 << 20;
  for (const unsigned expected : {9U, 10U, 11U, 12U, 12U}) {
    run_epoch(window, now, bytes, window.limit());
    EXPECT_EQ(window.limit(), expected);
    bytes = bytes * 3 / 2;
  }
}

TEST(RequestWindow, stays_where_more_does_not_help) {
  RequestWindow window(32);
  SteadyTime now = start;
  run_epoch(window, now, 9 << 20, window.limit());
  EXPECT_EQ(window.limit(), 9U);
  run_epoch(window, now, 8 << 20, window.limit());  // nine requests of 8/9: the link is full
  EXPECT_EQ(window.limit(), 9U);
}

TEST(RequestWindow, shrinks_by_one_where_goodput_falls) {
  RequestWindow window(32);
  SteadyTime now = start;
  run_epoch(window, now, 9 << 20, window.limit());
  run_epoch(window, now, 2 << 20, window.limit());
  EXPECT_EQ(window.limit(), 8U);
}

TEST(RequestWindow, learns_nothing_from_an_idle_while) {
  RequestWindow window(32);
  SteadyTime now = start;
  for (int i = 0; i < 10; ++i) run_epoch(window, now, 1 << (10 + i), 2);
  EXPECT_EQ(window.limit(), 8U);
}

TEST(RequestWindow, halves_once_for_a_burst_of_refusals) {
  RequestWindow window(32);
  SteadyTime now = start;
  for (unsigned in_flight = 8; in_flight >= 1; --in_flight) window.finished(now, 0, Outcome::throttled, in_flight);
  EXPECT_EQ(window.limit(), 4U) << "seven of them were in flight already when the first came back";
  window.finished(now, 0, Outcome::throttled, 4);
  EXPECT_EQ(window.limit(), 2U);
  for (int i = 0; i < 20; ++i) window.finished(now, 0, Outcome::throttled, 1);
  EXPECT_EQ(window.limit(), 1U) << "never below one";
  for (const unsigned expected : {2U, 3U, 4U}) {
    run_epoch(window, now, expected << 20, window.limit());
    EXPECT_EQ(window.limit(), expected) << "and grows again";
  }
}

}  // namespace
}  // namespace duskline::store
