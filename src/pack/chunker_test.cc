#include "pack/chunker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/hash.h"

namespace duskline::pack {
namespace {

Bytes random_data(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes data(size);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
  return data;
}

std::vector<std::size_t> boundaries(ByteView data, const ChunkSizes& sizes) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < data.size();) {
    at += next_chunk(data.subspan(at, std::min<std::size_t>(sizes.max_bytes, data.size() - at)), sizes);
    ends.push_back(at);
  }
  return ends;
}

TEST(Chunker, sizes_grow_with_the_file) {
  constexpr std::uint64_t gib = std::uint64_t{1} << 30;
  EXPECT_EQ(chunk_sizes_for(0).average_bytes, 64U << 10);
  EXPECT_EQ(chunk_sizes_for(8 * gib).average_bytes, 64U << 10);
  EXPECT_EQ(chunk_sizes_for(8 * gib + 1).average_bytes, 256U << 10);
  EXPECT_EQ(chunk_sizes_for(128 * gib).average_bytes, 256U << 10);
  EXPECT_EQ(chunk_sizes_for(128 * gib + 1).average_bytes, 1U << 20);
  EXPECT_EQ(chunk_sizes_for(0).min_bytes, 32U << 10);
  EXPECT_EQ(chunk_sizes_for(0).max_bytes, 256U << 10);
}

TEST(Chunker, boundaries_are_those_of_the_format) {
  // Part of the format: chunks of two publishers, or of two versions, must meet.
  const Bytes data = random_data(1 << 20, 1);
  std::string text;
  for (const std::size_t end : boundaries(data, chunk_sizes_for(data.size()))) text += std::to_string(end) + " ";
  EXPECT_EQ(text,
            "86644 137886 194574 235807 310421 368556 465572 527434 596360 643137 688930 728895 782662 841078 880891 "
            "917330 963627 999118 1048576 ");
}

TEST(Chunker, chunks_keep_their_limits_and_average) {
  const Bytes data = random_data(16 << 20, 2);
  const ChunkSizes sizes = chunk_sizes_for(data.size());
  const auto ends = boundaries(data, sizes);
  std::size_t last = 0;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
    ASSERT_GE(ends[i] - last, sizes.min_bytes);
    ASSERT_LE(ends[i] - last, sizes.max_bytes);
    last = ends[i];
  }
  EXPECT_EQ(ends.back(), data.size());
  const std::size_t average = data.size() / ends.size();
  EXPECT_GT(average, sizes.average_bytes * 9 / 10);
  EXPECT_LT(average, sizes.average_bytes * 11 / 10);
}

TEST(Chunker, an_insertion_moves_only_the_boundaries_near_it) {
  Bytes data = random_data(8 << 20, 3);
  const ChunkSizes sizes = chunk_sizes_for(data.size());
  const auto hashes = [&] {
    std::set<Hash256> hashes;
    std::size_t from = 0;
    for (const std::size_t end : boundaries(data, sizes)) {
      hashes.insert(sha256(ByteView(data).subspan(from, end - from)));
      from = end;
    }
    return hashes;
  };
  const auto before = hashes();
  const Bytes inserted = random_data(777, 4);
  data.insert(data.begin() + (4 << 20), inserted.begin(), inserted.end());
  const auto after = hashes();
  std::vector<Hash256> kept;
  std::set_intersection(before.begin(), before.end(), after.begin(), after.end(), std::back_inserter(kept));
  EXPECT_GE(kept.size() + 6, before.size());
}

TEST(Chunker, data_without_variety_is_cut_at_the_maximum) {
  const Bytes zeros(1 << 20);
  const ChunkSizes sizes = chunk_sizes_for(zeros.size());
  EXPECT_EQ(next_chunk(ByteView(zeros).first(sizes.max_bytes), sizes), sizes.max_bytes);
}

TEST(Chunker, what_is_left_at_the_end_is_one_chunk) {
  const ChunkSizes sizes = chunk_sizes_for(0);
  const Bytes zeros(sizes.min_bytes + 1);
  EXPECT_EQ(next_chunk({}, sizes), 0U);
  EXPECT_EQ(next_chunk(ByteView(zeros).first(1), sizes), 1U);
  EXPECT_EQ(next_chunk(ByteView(zeros).first(sizes.min_bytes), sizes), sizes.min_bytes);
  EXPECT_EQ(next_chunk(zeros, sizes), zeros.size());
}

}  // namespace
}  // namespace duskline::pack
