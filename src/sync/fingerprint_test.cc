#include "sync/fingerprint.h"

#include <gtest/gtest.h>

#include <random>

#include "base/digest.h"
#include "sync/md5_lanes.h"
#include "testing/must.h"

namespace duskline::sync {
namespace {

using testing::must;

Bytes some_bytes(std::size_t count) {
  std::mt19937 random(7);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

ReadAt reader_of(const Bytes& bytes) {
  return [&bytes](std::uint64_t offset, ByteSpan into) -> Result<std::size_t> {
    const std::size_t count =
        std::min<std::size_t>(into.size(), bytes.size() - std::min<std::uint64_t>(bytes.size(), offset));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  };
}

TEST(Md5Lanes, agree_with_the_library_at_every_length) {
  const Bytes bytes = some_bytes(300);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const ByteView part = ByteView(bytes).first(length);
    EXPECT_EQ(to_hex(md5_of_bytes(part)), to_hex(md5(part))) << length;
  }
  EXPECT_EQ(to_hex(md5_of_bytes(bytes_of("abc"))), "900150983cd24fb0d6963f7d28e17f72");  // RFC 1321
}

TEST(Md5Lanes, agree_with_the_library_for_many_ranges_of_odd_lengths) {
  const Bytes bytes = some_bytes(1'000'003);
  for (const std::uint64_t part : {63ULL, 64ULL, 65ULL, 30'011ULL, 65'536ULL, 100'000ULL, 2'000'000ULL}) {
    std::vector<Range> ranges;
    for (std::uint64_t at = 0; at < bytes.size() && ranges.size() < 100; at += part) {
      ranges.push_back({at, std::min<std::uint64_t>(part, bytes.size() - at)});
    }
    ranges.push_back({5, 0});
    const auto digests = must(md5_of_ranges({}, reader_of(bytes), ranges));
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_EQ(to_hex(digests[i]),
                to_hex(md5(ByteView(bytes).subspan(ranges[i].offset_bytes, ranges[i].length_bytes))));
    }
  }
}

TEST(Md5Lanes, say_that_a_file_became_shorter) {
  const Bytes bytes = some_bytes(10);
  const std::vector<Range> ranges{{0, 20}};
  const auto result = md5_of_ranges({}, reader_of(bytes), ranges);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::changing);
}

std::string etag_in_parts(const Bytes& bytes, std::uint64_t part) {
  std::vector<std::string> etags;
  for (std::uint64_t at = 0; at < bytes.size(); at += part) {
    etags.push_back(to_hex(md5(ByteView(bytes).subspan(at, std::min<std::uint64_t>(part, bytes.size() - at)))));
  }
  return etag_of_parts(etags);
}

TEST(Fingerprint, tells_content_by_the_parts_that_others_use) {
  const Bytes bytes = some_bytes((40 << 20) + 11);
  for (const std::uint64_t mib : {5, 8, 15, 16, 32}) {
    const Fingerprint wanted = fingerprint_of(etag_in_parts(bytes, mib << 20), bytes.size(), 0);
    EXPECT_TRUE(must(matches({}, reader_of(bytes), bytes.size(), wanted))) << mib;
  }
  const Fingerprint odd = fingerprint_of(etag_in_parts(bytes, 6'543'210), bytes.size(), 0);
  EXPECT_FALSE(must(matches({}, reader_of(bytes), bytes.size(), odd)));
  EXPECT_FALSE(odd.is_certain);
  const Fingerprint told = fingerprint_of(etag_in_parts(bytes, 6'543'210), bytes.size(), 6'543'210);
  EXPECT_TRUE(must(matches({}, reader_of(bytes), bytes.size(), told)));
  EXPECT_TRUE(told.is_certain);
  Bytes other = bytes;
  other[30 << 20] ^= 1U;
  const Fingerprint wanted = fingerprint_of(etag_in_parts(bytes, 16 << 20), bytes.size(), 0);
  EXPECT_FALSE(must(matches({}, reader_of(other), other.size(), wanted)));
}

TEST(Fingerprint, of_a_whole_object_is_its_md5) {
  const Bytes bytes = some_bytes(1000);
  EXPECT_TRUE(must(matches({}, reader_of(bytes), bytes.size(), fingerprint_of(to_hex(md5(bytes)), bytes.size(), 0))));
  EXPECT_FALSE(must(matches({}, reader_of(bytes), bytes.size(), fingerprint_of("opaque", bytes.size(), 0))));
}

TEST(Pieces, are_never_more_than_ten_thousand) {
  EXPECT_EQ(piece_bytes_for(0, 16 << 20), 16U << 20);
  EXPECT_EQ(piece_bytes_for(std::uint64_t{100} << 30, 16 << 20), 16U << 20);
  const std::uint64_t huge = std::uint64_t{5} << 40;
  const std::uint64_t piece = piece_bytes_for(huge, 16 << 20);
  EXPECT_LE((huge + piece - 1) / piece, 10'000U);
}

}  // namespace
}  // namespace duskline::sync
