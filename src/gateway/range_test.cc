#include "gateway/range.h"

#include <gtest/gtest.h>

#include "gateway/digests.h"

namespace duskline::gateway {
namespace {

std::string parsed(std::string_view header, std::uint64_t size) {
  const auto range = parse_range(header, size);
  if (!range) return std::string(info_of(range.error().code).name);
  return *range ? content_range(**range, size) : "ignored";
}

TEST(Range, FirstAndLast) {
  EXPECT_EQ(parsed("bytes=0-9", 100), "bytes 0-9/100");
  EXPECT_EQ(parsed("bytes=99-99", 100), "bytes 99-99/100");
  EXPECT_EQ(parsed("bytes=90-1000", 100), "bytes 90-99/100");
  EXPECT_EQ(parsed("bytes=0-18446744073709551999", 100), "bytes 0-99/100");
}

TEST(Range, OpenAndSuffix) {
  EXPECT_EQ(parsed("bytes=40-", 100), "bytes 40-99/100");
  EXPECT_EQ(parsed("bytes=-7", 100), "bytes 93-99/100");
  EXPECT_EQ(parsed("bytes=-700", 100), "bytes 0-99/100");
}

TEST(Range, BeyondTheEnd) {
  EXPECT_EQ(parsed("bytes=100-", 100), "InvalidRange");
  EXPECT_EQ(parsed("bytes=100-200", 100), "InvalidRange");
  EXPECT_EQ(parsed("bytes=-0", 100), "InvalidRange");
  EXPECT_EQ(parsed("bytes=0-0", 0), "InvalidRange");
  EXPECT_EQ(parsed("bytes=-5", 0), "InvalidRange");
  EXPECT_EQ(*find_header(parse_range("bytes=100-", 100).error().headers, "content-range"), "bytes */100");
}

TEST(Range, WhatIsNoSingleRangeIsIgnored) {
  for (const char* header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,3-4", "lines=0-1",
                             "bytes=+1-2", "bytes=1--2"}) {
    EXPECT_EQ(parsed(header, 100), "ignored") << header;
  }
}

TEST(CopyRange, LiesWhollyInside) {
  const auto range = parse_copy_range("bytes=10-19", 20);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->offset_bytes, 10U);
  EXPECT_EQ(range->length_bytes, 10U);
  for (const char* header : {"bytes=10-20", "bytes=10-", "bytes=-5", "0-5", "bytes=0-5-9", "bytes=2-1"}) {
    EXPECT_FALSE(parse_copy_range(header, 20)) << header;
  }
}

}  // namespace
}  // namespace duskline::gateway
