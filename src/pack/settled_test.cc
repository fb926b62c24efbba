#include "pack/settled.h"

#include <gtest/gtest.h>

#include <random>

#include "pack/frame.h"

namespace duskline::pack {
namespace {

Bytes random_data(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes data(size);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
  return data;
}

Bytes quick_patch(ByteView base, ByteView raw) {
  Bytes patch;
  FrameEncoder(Effort::fast).encode_patch(base, raw, patch);
  return patch;
}

// As tables of addresses do after an insertion: every eighth byte differs by one.
Bytes shifted_addresses(Bytes data) {
  for (std::size_t i = 0; i < data.size(); i += 8) ++data[i];
  return data;
}

TEST(Settled, where_the_new_bytes_are_long_and_random) {
  const Bytes base = random_data(300'000, 1);
  for (const std::size_t edit : {2000U, 4096U, 70'000U, 200'000U}) {
    Bytes raw = base;
    const Bytes fresh = random_data(edit, edit);
    std::copy(fresh.begin(), fresh.end(), raw.begin() + 50'000);
    const Bytes patch = quick_patch(base, raw);
    EXPECT_GE(patch.size(), edit);
    EXPECT_TRUE(is_settled(patch, raw.size())) << edit;
  }
  EXPECT_TRUE(is_settled(quick_patch({}, base), base.size()));
}

TEST(Settled, where_hardly_anything_is_left) {
  const Bytes base = random_data(300'000, 1);
  EXPECT_TRUE(is_settled(quick_patch(base, base), base.size()));
}

TEST(Settled, not_where_short_matches_may_be_found) {
  const Bytes base = random_data(300'000, 1);
  const Bytes raw = shifted_addresses(base);
  EXPECT_FALSE(is_settled(quick_patch(base, raw), raw.size()));
  Bytes text;
  while (text.size() < 300'000) {
    const std::string number = std::to_string(base[text.size() % base.size()] * 7919) + " lines\n";
    text.insert(text.end(), number.begin(), number.end());
  }
  EXPECT_FALSE(is_settled(quick_patch({}, text), text.size()));
}

TEST(Settled, whatever_bytes_it_is_given_it_ends) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Bytes base = random_data(3000, 1);
  const Bytes patch = quick_patch(base, shifted_addresses(base));
  for (int round = 0; round < 1000; ++round) {
    Bytes damaged = patch;
    damaged[random() % damaged.size()] ^= static_cast<std::uint8_t>(random());
    (void)is_settled(ByteView(damaged).first(random() % damaged.size()), 100);
  }
}

}  // namespace
}  // namespace duskline::pack
