#include "gateway/metadata.h"

#include <gtest/gtest.h>

#include "gateway/digests.h"
#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

http::Headers given_back(const http::Headers& headers) {
  objects::Properties properties;
  EXPECT_TRUE(take_metadata(headers, properties));
  EXPECT_TRUE(take_storage_class(headers, properties));
  http::Headers answer;
  give_metadata(properties, answer);
  return answer;
}

TEST(Metadata, ComesBackAsItWasGiven) {
  const auto back = given_back({{"content-type", "text/x"},
                                {"cache-control", "no-cache"},
                                {"x-amz-meta-colour", "dusk"},
                                {"x-amz-meta-twice", "1"},
                                {"x-amz-meta-twice", "2"},
                                {"x-amz-storage-class", "STANDARD_IA"},
                                {"user-agent", "none of ours"}});
  EXPECT_EQ(*find_header(back, "content-type"), "text/x");
  EXPECT_EQ(*find_header(back, "cache-control"), "no-cache");
  EXPECT_EQ(*find_header(back, "x-amz-meta-colour"), "dusk");
  EXPECT_EQ(*find_header(back, "x-amz-meta-twice"), "1,2");
  EXPECT_EQ(*find_header(back, "x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(find_header(back, "user-agent"), nullptr);
}

TEST(Metadata, HasADefaultTypeAndNoFraming) {
  const auto back = given_back({{"content-encoding", "aws-chunked, gzip"}, {"x-amz-storage-class", "STANDARD"}});
  EXPECT_EQ(*find_header(back, "content-type"), "binary/octet-stream");
  EXPECT_EQ(*find_header(back, "content-encoding"), "gzip");
  EXPECT_EQ(find_header(back, "x-amz-storage-class"), nullptr);
  EXPECT_EQ(find_header(given_back({{"content-encoding", "aws-chunked"}}), "content-encoding"), nullptr);
}

TEST(Metadata, IsLimited) {
  objects::Properties properties;
  EXPECT_TRUE(take_metadata({{"x-amz-meta-a", std::string(2047, 'v')}}, properties));
  const auto refused = take_metadata({{"x-amz-meta-a", std::string(2048, 'v')}}, properties);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::metadata_too_large);
  EXPECT_EQ(take_storage_class({{"x-amz-storage-class", "GOLD"}}, properties).error().code,
            ErrorCode::invalid_storage_class);
}

// Those of a form may be anything: they would break the answers.
TEST(Metadata, HasNamesThatHeadersCanHave) {
  for (const char* name : {"x-amz-meta-a b", "x-amz-meta-a:b", "x-amz-meta-a\r\nb", "x-amz-meta-\xc3\xa4"}) {
    objects::Properties properties;
    const auto taken = take_metadata({{name, "value"}}, properties);
    ASSERT_FALSE(taken) << name;
    EXPECT_EQ(taken.error().code, ErrorCode::invalid_argument) << name;
  }
}

TEST(EncodedWords, ShowWhatIsBeyondAscii) {
  EXPECT_EQ(encode_words("plain"), "plain");
  EXPECT_EQ(encode_words("\xC3\x84"), "=?UTF-8?B?w4Q=?=");
  EXPECT_EQ(encode_words("\xE9"), "\xE9");  // in no encoding that we know: as it came
  EXPECT_EQ(decode_words("=?UTF-8?B?w4Q=?="), "\xC3\x84");
  EXPECT_EQ(decode_words("a =?utf-8?Q?=C3=84_b?= c"), "a \xC3\x84 b c");
  EXPECT_EQ(decode_words("=?UTF-8?Q?a?= =?UTF-8?Q?b?="), "ab");
  for (const char* text : {"=?", "=?UTF-8?B?", "=?UTF-8?X?a?=", "=?UTF-8?B?!?=", "=?KOI8-R?Q?a?=", "=?UTF-8?Q?=0A?="}) {
    EXPECT_EQ(decode_words(text), text);
  }
}

}  // namespace
}  // namespace duskline::gateway
