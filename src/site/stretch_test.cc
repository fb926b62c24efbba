#include "site/stretch.h"

#include <gtest/gtest.h>

namespace duskline::site {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kib = 1 << 10;
constexpr SteadyTime begun{1h};

std::vector<Part> parts_of(std::size_t count) {
  std::vector<Part> parts(count);
  for (std::size_t i = 0; i < count; ++i) {
    parts[i].stored.offset_bytes = i * 64 * kib;
    parts[i].stored.stored_bytes = 64 * kib;
  }
  return parts;
}

TEST(Stretch, IsItsReceiversWhereNobodyTakesOver) {
  const auto parts = parts_of(3);
  Stretch stretch(parts, begun);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(stretch.claim(i));
  EXPECT_FALSE(stretch.claim(3));
  EXPECT_EQ(stretch.own().size(), 3U);
  EXPECT_TRUE(stretch.take_over().empty());
}

TEST(Stretch, GivesTheLaterHalfOfWhatWasNotBegun) {
  const auto parts = parts_of(9);
  Stretch stretch(parts, begun);
  ASSERT_TRUE(stretch.claim(0));
  const auto taken = stretch.take_over();
  ASSERT_EQ(taken.size(), 4U);
  EXPECT_EQ(taken.front().stored.offset_bytes, 5 * 64 * kib);
  EXPECT_EQ(stretch.own().size(), 5U);
  EXPECT_TRUE(stretch.claim(4));
  EXPECT_FALSE(stretch.claim(5));
  EXPECT_TRUE(stretch.take_over().empty()) << "all that is left has begun";
}

TEST(Stretch, GivesTheLastPartToo) {
  const auto parts = parts_of(2);
  Stretch stretch(parts, begun);
  ASSERT_TRUE(stretch.claim(0));
  EXPECT_EQ(stretch.take_over().size(), 1U);
  EXPECT_FALSE(stretch.claim(1));
}

TEST(Stretch, IsSlowByThePaceSoFar) {
  const auto parts = parts_of(10);
  Stretch stretch(parts, begun);
  EXPECT_EQ(stretch.slow_bytes(begun + 10s), 0U) << "nothing to judge by";
  ASSERT_TRUE(stretch.claim(1));
  EXPECT_EQ(stretch.slow_bytes(begun + 60ms), 0U) << "8 parts to come at 30 ms each";
  EXPECT_EQ(stretch.slow_bytes(begun + 70ms), 8 * 64 * kib) << "at 35 ms each";
  ASSERT_TRUE(stretch.claim(9));
  EXPECT_EQ(stretch.slow_bytes(begun + 10s), 0U);
}

}  // namespace
}  // namespace duskline::site
