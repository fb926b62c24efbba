#include "base/stream.h"

#include <gtest/gtest.h>

namespace duskline {
namespace {

TEST(BufferSink, takes_up_to_its_limit_and_no_byte_more) {
  Bytes out;
  BufferSink sink(out, 4);
  EXPECT_TRUE(sink.write(bytes_of("abc")));
  EXPECT_TRUE(sink.write(bytes_of("d")));
  const Status status = sink.write(bytes_of("e"));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::too_large);
  EXPECT_EQ(text_of(out), "abcd");
}

TEST(BufferSource, reads_to_the_end_and_again_after_rewind) {
  BufferSource source(bytes_of("abcde"));
  EXPECT_EQ(source.size_bytes(), 5U);
  for (int round = 0; round < 2; ++round) {
    std::string all;
    std::uint8_t piece[2];
    for (;;) {
      const auto count = source.read(piece);
      ASSERT_TRUE(count);
      if (*count == 0) break;
      all += text_of({piece, *count});
    }
    EXPECT_EQ(all, "abcde");
    ASSERT_TRUE(source.rewind());
  }
}

}  // namespace
}  // namespace duskline
