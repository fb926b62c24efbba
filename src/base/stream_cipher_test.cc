#include "base/stream_cipher.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace duskline {
namespace {

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 251);
  return bytes;
}

Bytes applied(ByteView key, std::uint64_t offset, ByteView in) {
  Bytes out(in.size());
  auto cipher = StreamCipher::at(key, offset);
  EXPECT_TRUE(cipher && cipher->apply(in, out));
  return out;
}

// What `openssl enc -aes-256-ctr` makes of 16 zeros.
TEST(StreamCipher, IsAes256InCounterMode) {
  const Bytes key = *from_hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  EXPECT_EQ(to_hex(applied(key, 0, Bytes(16))), "e568f68194cf76d6174d4cc04310a854");
}

TEST(StreamCipher, BeginsAnywhere) {
  const Bytes key(32, 7), text = pattern(1000);
  const Bytes whole = applied(key, 0, text);
  EXPECT_NE(whole, text);
  EXPECT_EQ(applied(key, 0, whole), text);
  for (const std::size_t from : {1U, 15U, 16U, 17U, 255U, 999U}) {
    const auto part = ByteView(whole).subspan(from);
    EXPECT_EQ(applied(key, from, part), Bytes(text.begin() + static_cast<std::ptrdiff_t>(from), text.end())) << from;
  }
}

TEST(StreamCipher, GoesOnWhereItStopped) {
  const Bytes key(32, 7), text = pattern(100);
  const Bytes whole = applied(key, 0, text);
  auto cipher = StreamCipher::at(key, 0);
  ASSERT_TRUE(cipher);
  Bytes out(text);
  ASSERT_TRUE(cipher->apply(ByteView(out).first(33), ByteSpan(out).first(33)));
  ASSERT_TRUE(cipher->apply(ByteView(out).subspan(33), ByteSpan(out).subspan(33)));
  EXPECT_EQ(out, whole);
}

TEST(StreamCipher, CountsBeyond4GiB) {
  const Bytes key(32, 7), text = pattern(64);
  const std::uint64_t far = (std::uint64_t{1} << 40) + 5;
  EXPECT_NE(applied(key, far, text), applied(key, 5, text));
  EXPECT_EQ(applied(key, far, applied(key, far, text)), text);
}

TEST(StreamCipher, TakesKeysOfOneLengthOnly) { EXPECT_FALSE(StreamCipher::at(Bytes(16), 0)); }

}  // namespace
}  // namespace duskline
