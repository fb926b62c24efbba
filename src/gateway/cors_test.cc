#include "gateway/cors.h"

#include <gtest/gtest.h>

#include "gateway/hooks.h"
#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

std::string document(const std::string& rules) { return "<CORSConfiguration>" + rules + "</CORSConfiguration>"; }
std::string rule(const std::string& more = "", const std::string& origin = "http://*.example.org",
                 const std::string& method = "GET") {
  return "<CORSRule><AllowedOrigin>" + origin + "</AllowedOrigin><AllowedMethod>" + method + "</AllowedMethod>" + more +
         "</CORSRule>";
}
ErrorCode refusal(const std::string& xml) {
  const auto rules = parse_cors(xml);
  return rules ? ErrorCode::internal_error : rules.error().code;
}
std::string value(const http::Headers& headers, std::string_view name) {
  for (const auto& [each, text] : headers) {
    if (each == name) return text;
  }
  return "-";
}

TEST(Cors, DocumentsReadBack) {
  const CorsRules rules =
      parse_cors(document(rule("<ID>one</ID><AllowedHeader>x-*</AllowedHeader>"
                               "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>30</MaxAgeSeconds>") +
                          rule("", "*", "PUT")))
          .value();
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(parse_cors(cors_document(rules)).value(), rules);
}

TEST(Cors, RefusesWhatBreaksItsRules) {
  EXPECT_EQ(refusal(""), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(document("")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(document("<Rule/>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(document("<CORSRule/>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(document(rule("<MaxAgeSeconds>soon</MaxAgeSeconds>"))), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(document(rule("<ExposeHeader>a&#13;&#10;b: c</ExposeHeader>"))), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(document(rule("", "http://*.*"))), ErrorCode::invalid_request);
  EXPECT_EQ(refusal(document(rule("", "*", "PATCH"))), ErrorCode::invalid_request);
  EXPECT_EQ(refusal(document(rule("<AllowedHeader>*-*</AllowedHeader>"))), ErrorCode::invalid_request);
  EXPECT_EQ(refusal(document(rule("<ExposeHeader>*</ExposeHeader>"))), ErrorCode::invalid_request);
  std::string many;
  for (int i = 0; i < 101; ++i) many += rule();
  EXPECT_EQ(refusal(document(many)), ErrorCode::malformed_xml);
}

TEST(Cors, TheFirstRuleThatFitsAnswers) {
  const CorsRules rules =
      parse_cors(document(rule("<AllowedHeader>X-Amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
                               "<MaxAgeSeconds>30</MaxAgeSeconds>") +
                          rule("", "*", "PUT")))
          .value();
  const auto fits = cors_headers(rules, {"http://www.example.org", "GET", {"x-amz-date"}});
  EXPECT_EQ(value(fits, "access-control-allow-origin"), "http://www.example.org");
  EXPECT_EQ(value(fits, "access-control-allow-credentials"), "true");
  EXPECT_EQ(value(fits, "access-control-allow-headers"), "x-amz-date");
  EXPECT_EQ(value(fits, "access-control-allow-methods"), "GET");
  EXPECT_EQ(value(fits, "access-control-expose-headers"), "ETag");
  EXPECT_EQ(value(fits, "access-control-max-age"), "30");
  EXPECT_NE(value(fits, "vary"), "-");
  const auto anybody = cors_headers(rules, {"http://elsewhere", "PUT", {}});
  EXPECT_EQ(value(anybody, "access-control-allow-origin"), "*");
  EXPECT_EQ(value(anybody, "access-control-allow-credentials"), "-");
  EXPECT_TRUE(cors_headers(rules, {"http://elsewhere", "GET", {}}).empty());
  EXPECT_TRUE(cors_headers(rules, {"http://www.example.org", "GET", {"content-type"}}).empty());
  EXPECT_TRUE(cors_headers(rules, {"http://.example.org.evil", "GET", {}}).empty());
}

TEST(Cors, WildcardsStandAnywhere) {
  const auto allows = [](const std::string& pattern, std::string_view origin) {
    return !cors_headers(parse_cors(document(rule("", pattern))).value(), {origin, "GET", {}}).empty();
  };
  EXPECT_TRUE(allows("*suffix", "http://suffix"));
  EXPECT_FALSE(allows("*suffix", "http://suffix.x"));
  EXPECT_TRUE(allows("start*end", "startend"));
  EXPECT_TRUE(allows("start*end", "start-middle-end"));
  EXPECT_FALSE(allows("starts*send", "startsen"));
  EXPECT_TRUE(allows("prefix*", "prefix"));
}

TEST(Cors, AnswersGetHeadersWhereThePageIsKnown) {
  objects::Bucket bucket;
  auto head = std::make_shared<http::RequestHead>();
  head->method = "GET";
  Request request;
  request.head = head;
  http::Headers headers;
  give_cors(request, bucket, headers);
  head->headers = {{"origin", "http://www.example.org"}};
  give_cors(request, bucket, headers);
  EXPECT_TRUE(headers.empty());
  bucket.properties[std::string(property::cors)] = document(rule());
  give_cors(request, bucket, headers);
  EXPECT_EQ(value(headers, "access-control-allow-origin"), "http://www.example.org");
}

TEST(HeaderList, IsSplitAndInLowerCase) {
  EXPECT_EQ(header_list(" X-A ,b,, C"), (std::vector<std::string>{"x-a", "b", "c"}));
  EXPECT_TRUE(header_list("").empty());
}

}  // namespace
}  // namespace duskline::gateway
