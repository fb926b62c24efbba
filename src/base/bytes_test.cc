#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace duskline {
namespace {

Bytes written(const auto& write) {
  Bytes out;
  ByteWriter writer(out);
  write(writer);
  return out;
}

TEST(Hex, round_trips_and_refuses_what_is_not_hex) {
  const Bytes bytes{0x00, 0x7f, 0xff};
  EXPECT_EQ(to_hex(bytes), "007fff");
  EXPECT_EQ(from_hex("007FfF"), bytes);
  EXPECT_EQ(from_hex(""), Bytes{});
  EXPECT_EQ(from_hex("0"), std::nullopt);
  EXPECT_EQ(from_hex("0g"), std::nullopt);
}

TEST(Base64, gives_the_examples_of_its_rfc) {
  const std::pair<std::string_view, std::string_view> examples[] = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : examples) {
    EXPECT_EQ(to_base64(bytes_of(plain)), coded);
    const auto back = from_base64(coded);
    ASSERT_TRUE(back) << coded;
    EXPECT_EQ(text_of(*back), plain);
  }
}

TEST(Base64, refuses_bad_length_bad_digits_and_pads_inside) {
  for (const std::string_view bad : {"Zg=", "Z", "Zg==Zg==", "=g==", "Z===", "Zm9*", "Zm9v\n"}) {
    EXPECT_EQ(from_base64(bad), std::nullopt) << bad;
  }
}

TEST(ByteWriter, varints_round_trip_at_every_length) {
  for (int bits = 0; bits < 64; ++bits) {
    for (const std::uint64_t value : {std::uint64_t{1} << bits, (std::uint64_t{1} << bits) - 1, ~std::uint64_t{0}}) {
      const Bytes bytes = written([&](ByteWriter& w) { w.varint(value); });
      ByteReader read(bytes);
      EXPECT_EQ(read.varint(), value);
      EXPECT_TRUE(read.ok() && read.at_end());
    }
  }
}

TEST(ByteWriter, zigzag_round_trips_and_keeps_small_numbers_short) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{-64}, least, most}) {
    const Bytes bytes = written([&](ByteWriter& w) { w.zigzag(value); });
    ByteReader read(bytes);
    EXPECT_EQ(read.zigzag(), value);
    EXPECT_TRUE(read.ok() && read.at_end());
    EXPECT_EQ(bytes.size() == 1, value >= -64 && value < 64) << value;
  }
}

TEST(ByteWriter, fixed_integers_are_little_endian) {
  EXPECT_EQ(written([](ByteWriter& w) { w.u32_fixed(0x01020304); }), (Bytes{4, 3, 2, 1}));
  EXPECT_EQ(written([](ByteWriter& w) { w.u64_fixed(0x0102030405060708); }), (Bytes{8, 7, 6, 5, 4, 3, 2, 1}));
  const Bytes bytes{4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1};
  ByteReader read(bytes);
  EXPECT_EQ(read.u32_fixed(), 0x01020304U);
  EXPECT_EQ(read.u64_fixed(), 0x0102030405060708U);
}

TEST(ByteReader, refuses_varints_that_are_padded_too_large_or_cut_short) {
  const Bytes padded{0x80, 0x00};
  const Bytes padded_one{0x81, 0x80, 0x00};
  const Bytes beyond_64_bits{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
  const Bytes eleven_bytes{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
  const Bytes cut{0x80};
  for (const Bytes& bytes : {padded, padded_one, beyond_64_bits, eleven_bytes, cut, Bytes{}}) {
    ByteReader read(bytes);
    EXPECT_EQ(read.varint(), 0U);
    EXPECT_FALSE(read.ok()) << to_hex(bytes);
  }
}

TEST(ByteReader, a_failed_reader_stays_failed_and_gives_nothing) {
  const Bytes bytes{1, 2, 3};
  ByteReader read(bytes);
  EXPECT_TRUE(read.raw(4).empty());
  EXPECT_FALSE(read.ok());
  EXPECT_EQ(read.u8(), 0);
  EXPECT_EQ(read.u32_fixed(), 0U);
  EXPECT_EQ(read.varint(), 0U);
  EXPECT_EQ(read.text(10), "");
  EXPECT_EQ(read.left(), 0U);
}

TEST(ByteReader, refuses_a_text_above_the_callers_limit) {
  const Bytes bytes = written([](ByteWriter& w) { w.text("four"); });
  ByteReader enough(bytes);
  EXPECT_EQ(enough.text(4), "four");
  EXPECT_TRUE(enough.ok());
  ByteReader too_small(bytes);
  EXPECT_EQ(too_small.text(3), "");
  EXPECT_FALSE(too_small.ok());
}

TEST(ByteReader, refuses_a_text_longer_than_what_is_there) {
  const Bytes bytes{200, 1, 'x'};
  ByteReader read(bytes);
  EXPECT_EQ(read.text(1000), "");
  EXPECT_FALSE(read.ok());
}

}  // namespace
}  // namespace duskline
