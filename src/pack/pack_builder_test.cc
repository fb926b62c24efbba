#include "pack/pack_builder.h"

#include <gtest/gtest.h>

namespace duskline::pack {
namespace {

TEST(PackBuilder, lays_frames_end_to_end_and_names_the_pack_by_its_hash) {
  PackBuilder builder;
  EXPECT_TRUE(builder.is_empty());
  EXPECT_EQ(builder.append(bytes_of("abc")), 0U);
  EXPECT_EQ(builder.append(bytes_of("de")), 3U);
  EXPECT_FALSE(builder.is_empty());
  const PackBuilder::Pack pack = builder.finish();
  EXPECT_EQ(text_of(pack.bytes), "abcde");
  EXPECT_EQ(pack.hash, sha256("abcde"));
}

TEST(PackBuilder, begins_anew_after_finish) {
  PackBuilder builder;
  builder.append(bytes_of("abc"));
  (void)builder.finish();
  EXPECT_TRUE(builder.is_empty());
  EXPECT_EQ(builder.append(bytes_of("x")), 0U);
  EXPECT_EQ(builder.finish().hash, sha256("x"));
}

TEST(PackBuilder, is_full_from_its_target_on) {
  PackBuilder builder;
  const Bytes frame(1 << 20);
  for (std::size_t i = 0; i + 1 < pack_target_bytes / frame.size(); ++i) builder.append(frame);
  EXPECT_FALSE(builder.is_full());
  builder.append(frame);
  EXPECT_TRUE(builder.is_full());
}

}  // namespace
}  // namespace duskline::pack
