#include <gtest/gtest.h>

#include <random>

#include "pack/delta.h"

namespace duskline::pack {
namespace {

using model::Chunk;

// One chunk per letter, of 10 bytes; '.' is a hole.
std::vector<Chunk> chunks(std::string_view letters) {
  std::vector<Chunk> chunks;
  for (const char c : letters) chunks.push_back({c == '.' ? Hash256{} : sha256(std::string_view(&c, 1)), 10});
  return chunks;
}

constexpr std::uint64_t no_limit = 1 << 20;

std::vector<Run> runs(std::string_view before, std::string_view after, std::uint64_t max_bytes = no_limit) {
  return changed_runs(chunks(before), chunks(after), max_bytes);
}

// Chunks [first, last) at their offset, patched from old chunks [base_first, base_last).
Run run(std::size_t first, std::size_t last, std::size_t base_first, std::size_t base_last) {
  return {first, last, first * 10, (last - first) * 10, base_first * 10, (base_last - base_first) * 10};
}

TEST(ChangedRuns, are_none_where_nothing_is_new) {
  EXPECT_TRUE(runs("abc", "abc").empty());
  EXPECT_TRUE(runs("abc", "ca").empty());
  EXPECT_TRUE(runs("abc", "").empty());
  EXPECT_TRUE(runs("", "").empty());
  EXPECT_TRUE(runs("aaa", "aaaaaa").empty());
}

TEST(ChangedRuns, lie_between_the_chunks_that_both_share) {
  EXPECT_EQ(runs("abcde", "abXde"), (std::vector{run(2, 3, 2, 3)}));
  EXPECT_EQ(runs("abcde", "aXYZe"), (std::vector{run(1, 4, 1, 4)}));
  EXPECT_EQ(runs("abcde", "aXbYcde"), (std::vector{run(1, 2, 1, 1), run(3, 4, 2, 2)}));
  EXPECT_EQ(runs("abcdefg", "aXcdeYg"), (std::vector{run(1, 2, 1, 2), run(5, 6, 5, 6)}));
}

TEST(ChangedRuns, reach_to_the_ends_of_the_file) {
  EXPECT_EQ(runs("abc", "Xbc"), (std::vector{run(0, 1, 0, 1)}));
  EXPECT_EQ(runs("abc", "abX"), (std::vector{run(2, 3, 2, 3)}));
  EXPECT_EQ(runs("abc", "XYZ"), (std::vector{run(0, 3, 0, 3)}));
  EXPECT_EQ(runs("", "XY"), (std::vector{run(0, 2, 0, 0)}));
}

TEST(ChangedRuns, find_their_base_beside_a_moved_part) {
  // "de" moved to the front and "c" was edited: X comes from c whichever side one looks from.
  EXPECT_EQ(runs("abcdef", "deabXf"), (std::vector{run(4, 5, 2, 3)}));
  // Between two parts that were moved together from far apart, the larger gone part is taken.
  EXPECT_EQ(runs("aBcdEFg", "cdXa"), (std::vector{run(2, 3, 4, 7)}));
}

TEST(ChangedRuns, have_a_base_also_where_the_old_chunk_occurs_elsewhere) {
  EXPECT_EQ(runs("abcbd", "aXcbd"), (std::vector{run(1, 2, 1, 2)}));
  EXPECT_EQ(runs("abcbd", "abcXd"), (std::vector{run(3, 4, 3, 4)}));
  EXPECT_EQ(runs("aabbb", "aaXbb"), (std::vector{run(2, 3, 2, 2)})) << "the same as an insertion";
  EXPECT_EQ(runs("abcdefgb", "aXgb"), (std::vector{run(1, 2, 2, 6)})) << "what is gone comes first";
  EXPECT_EQ(runs("abcdbe", "aXYdbe"), (std::vector{run(1, 3, 1, 3)})) << "one of two occurs elsewhere";
  // The neighbours have moved apart: no more than half again as much as there is to make.
  const auto far = runs("abcdefgbcdefz", "aXgbcdefz");
  ASSERT_EQ(far.size(), 1U);
  EXPECT_EQ(far.front().base_offset_bytes, 10U);
  EXPECT_EQ(far.front().base_length_bytes, 15U);
}

TEST(ChangedRuns, hold_no_hole_and_pass_over_equal_ones) {
  EXPECT_EQ(runs("ab.cd", "aX.Yd"), (std::vector{run(1, 2, 1, 2), run(3, 4, 3, 4)}));
  EXPECT_EQ(runs("ab", "a.X"), (std::vector{run(2, 3, 1, 2)}));
  EXPECT_TRUE(runs("abc", ".").empty());
}

TEST(ChangedRuns, longer_than_the_limit_are_split_and_their_bases_slide_along) {
  const auto split = runs("aBCDEFGz", "aUVWXYTz", 20);
  EXPECT_EQ(split, (std::vector{run(1, 3, 1, 3), run(3, 5, 3, 5), run(5, 7, 5, 7)}));
  for (const auto& piece : runs("aBCDEFGHIJKLMz", "aUVz", 20)) EXPECT_LE(piece.base_length_bytes, 20U);
}

TEST(ChangedRuns, one_chunk_larger_than_the_limit_is_a_run_of_its_own) { EXPECT_EQ(runs("abc", "aXYc", 5).size(), 2U); }

TEST(ChangedRuns, of_a_file_that_repeats_one_chunk_take_no_quadratic_time) {
  const std::vector<Chunk> before(200'000, chunks("a")[0]);
  std::vector<Chunk> after = before;
  after[100'000] = chunks("X")[0];
  const auto found = changed_runs(before, after, no_limit);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first, 100'000U);
}

TEST(ChangedRuns, cover_just_what_is_new_and_stay_in_the_old_file) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto letters = [&](std::size_t most) {
    std::string text(random() % most, ' ');
    for (char& c : text) c = "abcdefgh.ijklmnopqrst"[random() % 21];
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    const std::string before = letters(20), after = letters(20);
    SCOPED_TRACE(before + " " + after);
    const std::uint64_t limit = 10 + random() % 60;
    std::string covered(after.size(), '-'), expected(after.size(), '-');
    for (const auto& piece : runs(before, after, limit)) {
      ASSERT_LT(piece.first, piece.last);
      ASSERT_EQ(piece.offset_bytes, piece.first * 10);
      ASSERT_EQ(piece.length_bytes, (piece.last - piece.first) * 10);
      ASSERT_LE(piece.length_bytes, limit);
      ASSERT_LE(piece.base_length_bytes, limit);
      ASSERT_LE(piece.base_offset_bytes + piece.base_length_bytes, before.size() * 10);
      for (std::size_t i = piece.first; i < piece.last; ++i) covered[i] = covered[i] == '-' ? 'x' : '!';
    }
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after[i] != '.' && before.find(after[i]) == std::string::npos) expected[i] = 'x';
    }
    ASSERT_EQ(covered, expected);
  }
}

}  // namespace
}  // namespace duskline::pack
