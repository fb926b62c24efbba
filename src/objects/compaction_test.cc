// Which segments are compacted, decided from tallies alone.
#include "objects/compaction.h"

#include <gtest/gtest.h>

namespace duskline::objects {
namespace {

using Segments = std::map<std::uint64_t, SegmentTally>;

SegmentTally tally(std::uint64_t live, std::map<std::uint64_t, std::uint64_t> gones = {}) {
  return {.bytes = 1000, .live_bytes = live, .gones = std::move(gones)};
}

TEST(Compaction, WhatIsGoneIsNeededWhileAnOlderSegmentMayHoldIt) {
  const Segments segments{{3, tally(0)}, {5, tally(0)}, {9, tally(0)}};
  EXPECT_TRUE(gone_is_needed(segments, 3, 5));
  EXPECT_TRUE(gone_is_needed(segments, 1, 5)) << "segment 1 is gone, what it held may be in 3";
  EXPECT_FALSE(gone_is_needed(segments, 5, 5)) << "its own segment goes with it";
  EXPECT_FALSE(gone_is_needed(segments, 4, 5));
  EXPECT_FALSE(gone_is_needed(segments, 6, 9));
}

TEST(Compaction, NeededIsWhatLivesAndWhatMustBeRemembered) {
  const Segments segments{{1, tally(10)}, {2, tally(100, {{1, 30}, {2, 500}})}};
  EXPECT_EQ(needed_bytes(segments, 1), 10U);
  EXPECT_EQ(needed_bytes(segments, 2), 130U);
  EXPECT_EQ(needed_bytes(segments, 7), 0U);
}

TEST(Compaction, TakesTheSegmentWithTheMostToGain) {
  Segments segments{{1, tally(600)}, {2, tally(400)}, {3, tally(100)}, {4, tally(0)}};
  EXPECT_EQ(choose_segment(segments, 4, {}), 3U) << "4 is still being written";
  EXPECT_EQ(choose_segment(segments, 4, {3}), 2U);
  EXPECT_FALSE(choose_segment(segments, 4, {2, 3})) << "1 is mostly needed";
  // Full of what must be remembered there would be nothing to gain, for ever.
  segments[3] = tally(100, {{1, 800}});
  EXPECT_EQ(choose_segment(segments, 4, {}), 2U);
}

}  // namespace
}  // namespace duskline::objects
