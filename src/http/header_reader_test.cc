#include "http/header_reader.h"

#include <gtest/gtest.h>

#include "http/date.h"

namespace duskline::http {
namespace {

Status feed(HeaderReader& reader, std::initializer_list<std::string_view> lines) {
  for (const auto line : lines) DL_TRY(reader.line(line));
  return {};
}

TEST(HeaderReader, KeepsNamesInLowerCaseAndTrimsValues) {
  HeaderReader reader(1000);
  ASSERT_TRUE(feed(reader, {"HTTP/1.1 206 Partial Content\r\n", "ETag:  \"a b\" \r\n", "X-Empty:\r\n", "\r\n"}));
  EXPECT_TRUE(reader.complete());
  EXPECT_EQ(reader.response().status, 206);
  EXPECT_EQ(*reader.response().header("etag"), "\"a b\"");
  EXPECT_EQ(*reader.response().header("x-empty"), "");
  EXPECT_EQ(reader.response().header("absent"), nullptr);
}

TEST(HeaderReader, ForgetsInterimAnswers) {
  HeaderReader reader(1000);
  ASSERT_TRUE(
      feed(reader, {"HTTP/1.1 100 Continue\r\n", "A: 1\r\n", "\r\n", "HTTP/1.1 200 OK\r\n", "B: 2\r\n", "\r\n"}));
  EXPECT_EQ(reader.response().status, 200);
  EXPECT_EQ(reader.response().header("a"), nullptr);
  EXPECT_NE(reader.response().header("b"), nullptr);
}

TEST(HeaderReader, IgnoresTrailers) {
  HeaderReader reader(1000);
  ASSERT_TRUE(feed(reader, {"HTTP/1.1 200 OK\r\n", "\r\n", "ETag: \"late\"\r\n"}));
  EXPECT_EQ(reader.response().header("etag"), nullptr);
}

TEST(HeaderReader, BoundsBytesAndCount) {
  HeaderReader small(30);
  EXPECT_EQ(feed(small, {"HTTP/1.1 200 OK\r\n", "A: 0123456789\r\n"}).error().code, Code::unavailable);
  HeaderReader many(1 << 20);
  ASSERT_TRUE(many.line("HTTP/1.1 200 OK\r\n"));
  for (int i = 0; i < 256; ++i) ASSERT_TRUE(many.line("A: b\r\n"));
  EXPECT_EQ(many.line("A: b\r\n").error().code, Code::unavailable);
}

TEST(HeaderReader, RefusesMalformedLines) {
  for (const char* line : {"no colon\r\n", ": no name\r\n"}) {
    HeaderReader reader(1000);
    ASSERT_TRUE(reader.line("HTTP/1.1 200 OK\r\n"));
    EXPECT_FALSE(reader.line(line)) << line;
  }
  for (const char* line : {"HTTP/1.1\r\n", "HTTP/1.1 abc\r\n", "HTTP/1.1 2\r\n", "HTTP/1.1 -20 x\r\n"}) {
    HeaderReader reader(1000);
    EXPECT_FALSE(reader.line(line)) << line;
  }
}

TEST(Response, TakesOnlyAnUnambiguousLength) {
  Response response;
  EXPECT_FALSE(response.content_length());
  response.headers = {{"content-length", "12"}};
  EXPECT_EQ(response.content_length(), 12U);
  response.headers.emplace_back("content-length", "13");
  EXPECT_FALSE(response.content_length());
  for (const char* bad : {"", "-1", "1x", "99999999999999999999"}) {
    response.headers = {{"content-length", bad}};
    EXPECT_FALSE(response.content_length()) << bad;
  }
}

TEST(HttpDate, ReadsAndWritesTheOneForm) {
  const auto time = parse_http_date("Fri, 24 May 2013 00:01:02 GMT");
  ASSERT_TRUE(time);
  EXPECT_EQ(format_time(*time), "2013-05-24T00:01:02Z");
  EXPECT_EQ(format_http_date(*time), "Fri, 24 May 2013 00:01:02 GMT");
  for (const char* bad :
       {"", "Friday, 24-May-13 00:01:02 GMT", "Fri, 31 Feb 2013 00:01:02 GMT", "Fri, 24 Foo 2013 00:01:02 GMT",
        "Fri, 24 May 2013 24:01:02 GMT", "Fri, 24 May 9999 00:01:02 GMT", "Fri, 24 May 2013 00:01:02 CET",
        "Fri, -4 May 2013 00:01:02 GMT"}) {
    EXPECT_FALSE(parse_http_date(bad)) << bad;
  }
}

}  // namespace
}  // namespace duskline::http
