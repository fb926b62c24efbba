#include "pack/chunk_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace duskline::pack {
namespace {

TEST(ChunkIndex, keeps_the_first_place_until_it_is_moved) {
  ChunkIndex index;
  const Hash256 chunk = sha256("chunk");
  EXPECT_EQ(index.find(chunk), std::nullopt);
  EXPECT_TRUE(index.add(chunk, {1, 2}));
  EXPECT_FALSE(index.add(chunk, {3, 4}));
  EXPECT_EQ(index.find(chunk), (ChunkPlace{1, 2}));
  index.move(chunk, {5, 6});
  EXPECT_EQ(index.find(chunk), (ChunkPlace{5, 6}));
  index.move(sha256("new"), {7, 8});
  EXPECT_EQ(index.find(sha256("new")), (ChunkPlace{7, 8}));
  EXPECT_EQ(index.size(), 2U);
}

TEST(ChunkIndex, numbers_packs_once_and_frames_each_time) {
  ChunkIndex index;
  EXPECT_EQ(index.add_pack(sha256("a")), 0U);
  EXPECT_EQ(index.add_pack(sha256("b")), 1U);
  EXPECT_EQ(index.add_pack(sha256("a")), 0U);
  EXPECT_EQ(index.packs().size(), 2U);
  model::Frame frame;
  frame.raw_bytes = 9;
  EXPECT_EQ(index.add_frame(frame), 0U);
  EXPECT_EQ(index.add_frame(frame), 1U);
  EXPECT_EQ(index.frames()[1], frame);
}

TEST(ChunkIndex, behaves_as_a_map_while_it_grows) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  ChunkIndex index;
  std::map<Hash256, ChunkPlace> model;
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    const Hash256 chunk = sha256(std::to_string(random() % 30'000));
    const ChunkPlace place{static_cast<std::uint32_t>(random() % 1000), i};
    ASSERT_EQ(index.add(chunk, place), model.emplace(chunk, place).second);
  }
  ASSERT_EQ(index.size(), model.size());
  for (const auto& [chunk, place] : model) ASSERT_EQ(index.find(chunk), place);
  EXPECT_EQ(index.find(sha256("never added")), std::nullopt);
}

TEST(ChunkIndex, tells_chunks_with_equal_beginnings_apart) {
  ChunkIndex index;
  Hash256 one = sha256("x"), other = one;
  other.bytes[15] ^= 1;
  index.add(one, {1, 1});
  EXPECT_EQ(index.find(other), std::nullopt);
  index.add(other, {2, 2});
  EXPECT_EQ(index.find(one), (ChunkPlace{1, 1}));
  EXPECT_EQ(index.find(other), (ChunkPlace{2, 2}));
}

}  // namespace
}  // namespace duskline::pack
