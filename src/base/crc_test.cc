#include "base/crc.h"

#include <gtest/gtest.h>

#include <random>

namespace duskline {
namespace {

std::uint64_t crc(CrcKind kind, ByteView bytes) {
  Crc check(kind);
  check.update(bytes);
  return check.value();
}

constexpr CrcKind kinds[] = {CrcKind::crc32, CrcKind::crc32c, CrcKind::crc64nvme};

TEST(Crc, GivesThePublishedCheckValues) {
  const ByteView digits = bytes_of("123456789");
  EXPECT_EQ(crc(CrcKind::crc32, digits), 0xCBF43926U);
  EXPECT_EQ(crc(CrcKind::crc32c, digits), 0xE3069283U);
  EXPECT_EQ(crc(CrcKind::crc64nvme, digits), 0xAE8B14860A799888U);
  for (const CrcKind kind : kinds) EXPECT_EQ(crc(kind, {}), 0U);
}

TEST(Crc, IsTheSameHoweverTheBytesCome) {
  std::mt19937 random(7);
  Bytes bytes(5000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  for (const CrcKind kind : kinds) {
    for (const std::size_t length : {1U, 15U, 255U, 256U, 257U, 320U, 319U, 1024U, 4999U, 5000U}) {
      const ByteView whole = ByteView(bytes).first(length);
      Crc by_bytes(kind);  // never long enough to be folded
      for (const std::uint8_t& byte : whole) by_bytes.update({&byte, 1});
      EXPECT_EQ(crc(kind, whole), by_bytes.value()) << length;
      Crc halves(kind);
      halves.update(whole.first(length / 3));
      halves.update(whole.subspan(length / 3));
      EXPECT_EQ(halves.value(), by_bytes.value()) << length;
    }
  }
}

TEST(Crc, OfBothFollowsFromTheTwo) {
  const std::string text(3000, 'q');
  for (const CrcKind kind : kinds) {
    for (const std::size_t cut : {0U, 1U, 64U, 2999U, 3000U}) {
      const ByteView all = bytes_of(text);
      EXPECT_EQ(crc_of_both(kind, crc(kind, all.first(cut)), crc(kind, all.subspan(cut)), 3000 - cut), crc(kind, all));
    }
  }
}

}  // namespace
}  // namespace duskline
