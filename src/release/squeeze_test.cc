#include "release/squeeze.h"

#include <gtest/gtest.h>

#include <random>

#include "testing/must.h"

namespace duskline::release {
namespace {

// Places are not signed, so nothing but the frame's own checksum shows a byte that changed on the way.
TEST(Squeeze, ShowsEachChangedByte) {
  std::mt19937_64 random(1);
  Bytes raw(3000);
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(i < 1000 ? random() : i / 50);
  Bytes stored;
  testing::must(Squeezer(3).squeeze(raw, stored));
  Bytes out;
  testing::must(unsqueeze(stored, raw.size(), "it", out));
  EXPECT_EQ(out, raw);
  for (std::size_t at = 0; at < stored.size(); ++at) {
    Bytes changed = stored;
    changed[at] ^= 0x10;
    EXPECT_FALSE(unsqueeze(changed, raw.size(), "it", out) && out != raw) << at;
  }
}

}  // namespace
}  // namespace duskline::release
