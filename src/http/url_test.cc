#include "http/url.h"

#include <gtest/gtest.h>

namespace duskline::http {
namespace {

TEST(Url, TakesThePartsApart) {
  const auto url = parse_url("HTTPS://S3.Example.COM:8443/Base/%2e?list-type=2&x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "s3.example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/Base/%2e");
  EXPECT_EQ(url->query, "list-type=2&x");
  EXPECT_EQ(url->authority(), "s3.example.com:8443");
}

TEST(Url, LeavesTheSchemesOwnPortOutOfTheAuthority) {
  EXPECT_EQ(parse_url("http://h:80/")->authority(), "h");
  EXPECT_EQ(parse_url("https://h:443")->authority(), "h");
  EXPECT_EQ(parse_url("http://h:443")->authority(), "h:443");
  EXPECT_EQ(parse_url("http://h")->origin(), "http://h");
}

TEST(Url, KnowsAddressesOfIpv6) {
  EXPECT_EQ(parse_url("http://[::1]:9000/x")->authority(), "[::1]:9000");
  EXPECT_EQ(parse_url("http://[fe80::1]")->host, "[fe80::1]");
}

TEST(Url, RefusesWhatCannotBeUsed) {
  for (const char* text : {"", "host/path", "ftp://h/", "http://", "http:///x", "http://h:0/", "http://h:70000/",
                           "http://h:1x/", "http://u:p@h/", "http://h/#f", "http://h/a b", "http://h/\n",
                           "http://h\xc3\xa9/", "http://h h/", "http://[::1/", "http://a_b$c/", "http://h:/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Code::usage) << text;
  }
  EXPECT_FALSE(parse_url("http://h/" + std::string(20'000, 'a')));
}

TEST(Url, ShowsNoSecrets) {
  EXPECT_EQ(loggable_url("https://user:pa55@h:1/a/b?X-Amz-Signature=5ec2e7#f"), "https://h:1/a/b");
  EXPECT_EQ(loggable_url("https://us@er:pa55@h/a@b"), "https://h/a@b");
  EXPECT_EQ(loggable_url("user:pa55@h/a"), "h/a");
  EXPECT_EQ(loggable_url("http://h/\x1b[2J"), "http://h/\\x1b[2J");
  const auto refused = parse_url("http://user:pa55@h/?token=5ec2e7");
  EXPECT_EQ(refused.error().message.find("pa55"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("5ec2e7"), std::string::npos);
}

}  // namespace
}  // namespace duskline::http
