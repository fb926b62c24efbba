#include "pack/frame.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>

namespace duskline::pack {
namespace {

using model::Codec;

Bytes random_data(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes data(size);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
  return data;
}

Bytes text_data(std::size_t size, std::uint64_t seed) {
  constexpr std::string_view words[] = {"the ",   "line ",  "of ",   "dusk ",  "travels ",
                                        "round ", "Earth ", "once ", "a day\n"};
  std::mt19937_64 random(seed);
  Bytes data;
  while (data.size() < size) {
    const std::string_view word = words[random() % std::size(words)];
    data.insert(data.end(), word.begin(), word.end());
  }
  data.resize(size);
  return data;
}

Bytes compressed(ByteView raw, int checksum = 0) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, checksum);
  Bytes out(ZSTD_compressBound(raw.size()));
  out.resize(ZSTD_compress2(context.get(), out.data(), out.size(), raw.data(), raw.size()));
  return out;
}

void expect_corrupt(const Status& status) {
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::corrupt);
}

TEST(Frame, text_is_compressed_at_every_effort_and_comes_back) {
  const Bytes raw = text_data(300'000, 1);
  FrameDecoder decoder;
  std::size_t last = raw.size();
  for (const Effort effort : {Effort::fast, Effort::normal, Effort::high}) {
    FrameEncoder encoder(effort);
    Bytes stored{7};  // what was there stays
    ASSERT_EQ(encoder.encode(raw, stored), Codec::zstd);
    EXPECT_EQ(stored.front(), 7);
    EXPECT_LT(stored.size(), last);
    last = stored.size();
    Bytes back;
    const Status status = decoder.decode(Codec::zstd, ByteView(stored).subspan(1), raw.size(), {}, back);
    ASSERT_TRUE(status) << status.error().describe();
    EXPECT_EQ(back, raw);
  }
}

TEST(Frame, what_does_not_compress_is_stored_as_it_is) {
  FrameEncoder encoder(Effort::normal);
  for (const std::size_t size : {0U, 1U, 10U, 3000U, 100'000U, 1U << 20}) {
    const Bytes raw = random_data(size, size + 1);
    Bytes stored;
    EXPECT_EQ(encoder.encode(raw, stored), Codec::raw) << size;
    EXPECT_EQ(stored, raw);
    Bytes back;
    FrameDecoder decoder;
    ASSERT_TRUE(decoder.decode(Codec::raw, stored, size, {}, back));
    EXPECT_EQ(back, raw);
  }
}

TEST(Frame, a_little_text_among_random_data_is_found) {
  Bytes raw = random_data(1 << 20, 9);
  const Bytes text = text_data(1 << 17, 10);
  std::copy(text.begin(), text.end(), raw.begin() + 400'000);
  FrameEncoder encoder(Effort::normal);
  Bytes stored;
  EXPECT_EQ(encoder.encode(raw, stored), Codec::zstd);
  EXPECT_LT(stored.size(), raw.size() - text.size() / 3);
}

TEST(Frame, one_encoder_and_decoder_serve_many_frames) {
  FrameEncoder encoder(Effort::fast);
  FrameDecoder decoder;
  Bytes back;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const Bytes raw = i % 3 == 0 ? random_data(i * 1000, i) : text_data(i * 2000, i);
    Bytes stored;
    const Codec codec = encoder.encode(raw, stored);
    ASSERT_TRUE(decoder.decode(codec, stored, raw.size(), {}, back));
    ASSERT_EQ(back, raw);
  }
}

TEST(Frame, its_beginning_can_be_had_before_its_end) {
  const Bytes raw = text_data(1 << 20, 9);
  Bytes stored, out;
  ASSERT_EQ(FrameEncoder(Effort::fast).encode(raw, stored), Codec::zstd);
  FrameDecoder decoder;
  std::size_t before = 0;
  for (const std::size_t length : {stored.size() / 3, stored.size() / 2, stored.size() - 1}) {
    decoder.decode_beginning(ByteView(stored).first(length), raw.size(), out);
    EXPECT_GT(out.size(), before);
    ASSERT_LE(out.size(), raw.size());
    EXPECT_TRUE(std::equal(out.begin(), out.end(), raw.begin()));
    before = out.size();
  }
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{5}, stored.size() / 2}) {  // cut short, or of another length
    decoder.decode_beginning(ByteView(stored).first(length), raw.size() + 1, out);
    EXPECT_TRUE(out.empty());
  }
  ASSERT_TRUE(decoder.decode(Codec::zstd, stored, raw.size(), {}, out));
  EXPECT_EQ(out, raw);
}

TEST(Patch, of_a_small_change_is_small_and_comes_back) {
  const Bytes base = random_data(1 << 20, 1);
  Bytes raw = base;
  raw.insert(raw.begin() + 100'000, {1, 2, 3});
  raw.erase(raw.begin() + 200'000, raw.begin() + 250'000);
  FrameDecoder decoder;
  for (const Effort effort : {Effort::fast, Effort::normal, Effort::high}) {
    FrameEncoder encoder(effort);
    Bytes patch;
    encoder.encode_patch(base, raw, patch);
    EXPECT_LT(patch.size(), 1000U);
    Bytes back;
    const Status status = decoder.decode(Codec::zstd_patch, patch, raw.size(), base, back);
    ASSERT_TRUE(status) << status.error().describe();
    EXPECT_EQ(back, raw);
  }
}

TEST(Patch, of_extremes_comes_back) {
  FrameEncoder encoder(Effort::normal);
  FrameDecoder decoder;
  const Bytes text = text_data(100'000, 1);
  const std::pair<Bytes, Bytes> pairs[] = {{{}, text}, {text, text}, {text, {1}}, {{1}, text}, {text, {}}};
  for (const auto& [base, raw] : pairs) {
    Bytes patch, back{9, 9};
    encoder.encode_patch(base, raw, patch);
    ASSERT_TRUE(decoder.decode(Codec::zstd_patch, patch, raw.size(), base, back));
    ASSERT_EQ(back, raw);
  }
}

TEST(Patch, patches_and_frames_do_not_disturb_each_other) {
  FrameEncoder encoder(Effort::fast);
  FrameDecoder decoder;
  const Bytes base = random_data(50'000, 1), text = text_data(50'000, 2);
  Bytes raw = base;
  raw[100] ^= 1;
  for (int round = 0; round < 3; ++round) {
    Bytes patch, stored, back;
    encoder.encode_patch(base, raw, patch);
    ASSERT_EQ(encoder.encode(text, stored), Codec::zstd);
    expect_corrupt(decoder.decode(Codec::zstd_patch, ByteView(patch).first(patch.size() - 1), raw.size(), base, back));
    ASSERT_TRUE(decoder.decode(Codec::zstd, stored, text.size(), {}, back));
    EXPECT_EQ(back, text);
    ASSERT_TRUE(decoder.decode(Codec::zstd_patch, patch, raw.size(), base, back));
    EXPECT_EQ(back, raw);
  }
}

TEST(Patch, with_another_base_never_gives_the_wrong_length) {
  FrameEncoder encoder(Effort::fast);
  FrameDecoder decoder;
  const Bytes base = random_data(50'000, 1), other = random_data(50'000, 2);
  Bytes raw = base, patch, back;
  raw[100] ^= 1;
  encoder.encode_patch(base, raw, patch);
  const auto check = [&](ByteView wrong_base) {
    if (decoder.decode(Codec::zstd_patch, patch, raw.size(), wrong_base, back)) {
      EXPECT_EQ(back.size(), raw.size());
      EXPECT_NE(back, raw);
    }
  };
  check(other);
  check({});
  check(ByteView(base).first(10));
}

TEST(HostileFrame, truncated_extended_or_of_another_length) {
  const Bytes raw = text_data(10'000, 1);
  const Bytes stored = compressed(raw);
  FrameDecoder decoder;
  Bytes back;
  for (std::size_t length = 0; length < stored.size(); length += 7) {
    expect_corrupt(decoder.decode(Codec::zstd, ByteView(stored).first(length), raw.size(), {}, back));
  }
  for (const std::uint64_t length : {std::uint64_t{0}, raw.size() - 1, raw.size() + 1}) {
    expect_corrupt(decoder.decode(Codec::zstd, stored, length, {}, back));
    expect_corrupt(decoder.decode(Codec::raw, raw, length, {}, back));
  }
  Bytes longer = stored;
  longer.push_back(0);
  expect_corrupt(decoder.decode(Codec::zstd, longer, raw.size(), {}, back));
  longer = stored;
  longer.insert(longer.end(), stored.begin(), stored.end());
  expect_corrupt(decoder.decode(Codec::zstd, longer, raw.size(), {}, back));
  ASSERT_TRUE(decoder.decode(Codec::zstd, stored, raw.size(), {}, back));  // the decoder still works
}

TEST(HostileFrame, larger_than_any_may_be) {
  FrameDecoder decoder;
  Bytes back;
  const Bytes bomb = compressed(Bytes(16 << 20));
  EXPECT_LT(bomb.size(), 2000U);
  expect_corrupt(decoder.decode(Codec::zstd, bomb, 16 << 20, {}, back));
  expect_corrupt(decoder.decode(Codec::zstd, bomb, 1 << 20, {}, back));
  expect_corrupt(decoder.decode(Codec::zstd, bomb, UINT64_MAX, {}, back));
  EXPECT_LE(back.capacity(), std::size_t{8} << 20);
}

TEST(HostileFrame, that_gives_more_or_less_than_its_header_says) {
  const Bytes raw = text_data(200, 1);
  Bytes stored = compressed(raw);
  // Single segment, content size in one byte at offset 5: 200 becomes 199 or 201.
  ASSERT_EQ(stored[5], 200);
  FrameDecoder decoder;
  Bytes back;
  for (const std::uint8_t said : {199, 201}) {
    stored[5] = said;
    expect_corrupt(decoder.decode(Codec::zstd, stored, said, {}, back));
  }
}

TEST(HostileFrame, of_a_kind_that_is_never_written) {
  FrameDecoder decoder;
  Bytes back;
  const Bytes skippable{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
  const Bytes zstd_0_5{0x25, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0, 0};
  expect_corrupt(decoder.decode(Codec::zstd, skippable, 0, {}, back));
  expect_corrupt(decoder.decode(Codec::zstd, zstd_0_5, 0, {}, back));
  expect_corrupt(decoder.decode(static_cast<Codec>(3), skippable, skippable.size(), {}, back));
  expect_corrupt(decoder.decode(Codec::zstd, {}, 0, {}, back));
}

TEST(HostileFrame, damaged_anywhere_it_never_gives_another_length) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Bytes raw = text_data(5000, 1);
  const Bytes stored = compressed(raw);
  FrameDecoder decoder;
  Bytes back;
  for (int round = 0; round < 2000; ++round) {
    Bytes damaged = stored;
    damaged[random() % damaged.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
    if (decoder.decode(Codec::zstd, damaged, raw.size(), {}, back)) {
      ASSERT_EQ(back.size(), raw.size());
    }
  }
}

}  // namespace
}  // namespace duskline::pack
