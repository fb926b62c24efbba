#include "sync/bucket_headers.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/hash.h"
#include "testing/must.h"

namespace duskline::sync {
namespace {

using testing::must;

TEST(Mtime, is_written_as_rclone_does_and_read_in_any_precision) {
  EXPECT_EQ(mtime_text(1'700'000'000'123'456'789), "1700000000.123456789");
  EXPECT_EQ(mtime_text(1'700'000'000'000'000'000), "1700000000.000000000");
  EXPECT_EQ(mtime_text(-1), "-0.000000001");
  for (const std::int64_t ns :
       {0LL, 1LL, -1LL, 1'700'000'000'123'456'789LL, -1'500'000'000LL, 9'223'372'035'999'999'999LL}) {
    EXPECT_EQ(parse_mtime(mtime_text(ns)), ns);
  }
  EXPECT_EQ(parse_mtime("1700000000"), 1'700'000'000'000'000'000);
  EXPECT_EQ(parse_mtime("1700000000.5"), 1'700'000'000'500'000'000);
  EXPECT_EQ(parse_mtime("1.1234567899"), 1'123'456'789);
  for (const char* bad : {"", ".", ".5", "-", "x", "1.x", "1e9", "99999999999", "9223372036.0", " 1", "1 "}) {
    EXPECT_FALSE(parse_mtime(bad)) << bad;
  }
}

http::Response answer(http::Headers headers) {
  http::Response response;
  response.status = 200;
  response.headers = std::move(headers);
  return response;
}

constexpr const char* md5_tag = "\"0123456789abcdef0123456789abcdef\"";

TEST(Version, holds_what_goes_with_the_content) {
  const Version version = must(version_of(answer({{"etag", md5_tag},
                                                  {"content-length", "12"},
                                                  {"last-modified", "Sat, 21 Nov 2026 12:00:00 GMT"},
                                                  {"content-type", "text/html"},
                                                  {"server", "x"},
                                                  {"x-amz-meta-mtime", "5.5"},
                                                  {"x-amz-meta-colour", "blue"}}),
                                          EtagKind::md5));
  EXPECT_EQ(version.stamp.etag, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(version.stamp.size_bytes, 12U);
  EXPECT_GT(version.stamp.modified_ns, 0);
  EXPECT_EQ(version.attributes.mtime_ns, 5'500'000'000);
  EXPECT_TRUE(version.has_md5_etag);
  const s3::Pairs headers = headers_of(version.attributes, "a.css");
  EXPECT_EQ(
      headers,
      (s3::Pairs{{"content-type", "text/html"}, {"x-amz-meta-colour", "blue"}, {"x-amz-meta-mtime", "5.500000000"}}));
  EXPECT_EQ(headers_of({}, "a.css"), (s3::Pairs{{"content-type", "text/css"}}));
}

TEST(Version, without_an_etag_is_refused) {
  EXPECT_FALSE(version_of(answer({{"content-length", "1"}}), EtagKind::md5));
  EXPECT_FALSE(version_of(answer({{"etag", ""}}), EtagKind::md5));
  EXPECT_FALSE(version_of(answer({{"etag", std::string(2000, 'x')}}), EtagKind::md5));
}

TEST(Version, of_an_encrypted_object_may_have_an_etag_that_is_no_md5) {
  const auto has_md5 = [](http::Headers headers, EtagKind kind) {
    headers.emplace_back("etag", md5_tag);
    return must(version_of(answer(std::move(headers)), kind)).has_md5_etag;
  };
  EXPECT_TRUE(has_md5({{"x-amz-server-side-encryption", "AES256"}}, EtagKind::md5));
  EXPECT_FALSE(has_md5({{"x-amz-server-side-encryption", "AES256"}}, EtagKind::md5_if_unencrypted));
  EXPECT_FALSE(has_md5({{"x-amz-server-side-encryption", "aws:kms"}}, EtagKind::md5));
  EXPECT_FALSE(has_md5({{"x-amz-server-side-encryption-customer-algorithm", "AES256"}}, EtagKind::md5));
  EXPECT_FALSE(has_md5({}, EtagKind::opaque));
}

TEST(Body, is_checked_by_what_its_answer_promises) {
  const std::string body = "content";
  const auto check = [&](http::Headers headers) {
    const http::Response response = answer(std::move(headers));
    return check_body(body_check_of(response, must(version_of(response, EtagKind::md5))), bytes_of(body), "a");
  };
  const std::string right = to_hex(md5(bytes_of(body)));
  EXPECT_TRUE(check({{"etag", "\"" + right + "\""}}));
  EXPECT_FALSE(check({{"etag", md5_tag}}));
  EXPECT_TRUE(check({{"etag", "\"" + right + "-2\""}}));
  EXPECT_TRUE(check({{"etag", "opaque"}}));
  EXPECT_TRUE(check({{"etag", "opaque"}, {"x-amz-checksum-sha256", to_base64(sha256(body).bytes)}}));
  EXPECT_FALSE(check({{"etag", "\"" + right + "\""}, {"x-amz-checksum-sha256", to_base64(sha256("other").bytes)}}));
}

}  // namespace
}  // namespace duskline::sync
