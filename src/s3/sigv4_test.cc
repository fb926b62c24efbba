#include "s3/sigv4.h"

#include <gtest/gtest.h>

#include "s3/sigv4_check.h"
#include "s3/uri.h"

namespace duskline::s3 {
namespace {

// The test suite that AWS publishes for Signature Version 4 (names as there).
constexpr std::string_view suite_secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::string_view suite_time = "20150830T123600Z";

struct Vector {
  const char* name;
  SignedParts parts;
  const char* signature;
};

Pairs suite_headers(Pairs more = {}) {
  more.emplace_back("Host", "example.amazonaws.com");
  more.emplace_back("X-Amz-Date", suite_time);
  return more;
}

SignedParts suite_request(std::string method, std::string path, Pairs query = {}, Pairs more = {}) {
  return {std::move(method), std::move(path), std::move(query), suite_headers(std::move(more)),
          std::string(empty_payload)};
}

class SigV4Suite : public ::testing::TestWithParam<Vector> {};

TEST_P(SigV4Suite, GivesThePublishedSignature) {
  const Scope scope{"20150830", "us-east-1", "service"};
  const std::string text = string_to_sign(suite_time, scope, canonical_request(GetParam().parts));
  EXPECT_EQ(signature(signing_key(suite_secret, scope), text), GetParam().signature) << text;
}

SignedParts with_form() {
  SignedParts parts =
      suite_request("POST", "/", {}, {{"Content-Type", "application/x-www-form-urlencoded"}, {"Content-Length", "13"}});
  parts.payload = sha256("Param1=value1").hex();
  parts.headers.emplace_back("x-amz-content-sha256", parts.payload);
  return parts;
}

INSTANTIATE_TEST_SUITE_P(
    Aws, SigV4Suite,
    ::testing::Values(
        Vector{"get_vanilla", suite_request("GET", "/"),
               "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        Vector{"get_vanilla_query_order_key_case",
               suite_request("GET", "/", {{"Param2", "value2"}, {"Param1", "value1"}}),
               "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        Vector{"get_vanilla_query_order_encoded",
               suite_request("GET", "/", {{"Param-3", "Value3"}, {"Param", "Value2"}, {"\xe1\x88\xb4", "Value1"}}),
               "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
        Vector{"get_vanilla_utf8_query", suite_request("GET", "/", {{"\xe1\x88\xb4", "bar"}}),
               "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        Vector{"get_utf8", suite_request("GET", uri_encode("/\xe1\x88\xb4", Slash::keep)),
               "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        Vector{"get_space_unnormalized", suite_request("GET", uri_encode("/example space/", Slash::keep)),
               "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        Vector{"get_slashes_unnormalized", suite_request("GET", "//example//"),
               "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"},
        Vector{"get_header_key_duplicate",
               suite_request("GET", "/", {},
                             {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}),
               "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        Vector{"get_header_value_trim",
               suite_request("GET", "/", {}, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}),
               "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        Vector{"get_vanilla_with_session_token",
               suite_request("GET", "/", {},
                             {{"X-Amz-Security-Token",
                               "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"}}),
               "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
        Vector{"post_vanilla", suite_request("POST", "/"),
               "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        Vector{"post_x_www_form_urlencoded", with_form(),
               "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"}),
    [](const auto& info) { return info.param.name; });

// The examples of "Authenticating Requests (AWS Signature Version 4)" in the S3 documentation.
const Credentials example{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", std::nullopt};
const WallTime example_time = *parse_amz_date("20130524T000000Z");

std::string authorization_of(const SignedParts& parts) {
  SigningKeys keys;
  for (const auto& [name, value] : sign_headers(parts, {example, example_time, "us-east-1"}, keys)) {
    if (name == "authorization") return value;
  }
  return "";
}

TEST(SigV4, SignsTheExamplesOfTheS3Documentation) {
  const std::pair<std::string, std::string> host{"Host", "examplebucket.s3.amazonaws.com"};
  EXPECT_EQ(authorization_of({"GET", "/test.txt", {}, {host, {"Range", "bytes=0-9"}}, std::string(empty_payload)}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  const auto ends_with = [](const std::string& text, std::string_view end) { return text.ends_with(end); };
  EXPECT_PRED2(ends_with,
               authorization_of(
                   {"PUT",
                    uri_encode("/test$file.text", Slash::keep),
                    {},
                    {host, {"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                    sha256("Welcome to Amazon S3.").hex()}),
               "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_PRED2(ends_with, authorization_of({"GET", "/", {{"lifecycle", ""}}, {host}, std::string(empty_payload)}),
               "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_PRED2(ends_with,
               authorization_of({"GET", "", {{"prefix", "J"}, {"max-keys", "2"}}, {host}, std::string(empty_payload)}),
               "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, PresignsTheExampleOfTheS3Documentation) {
  SigningKeys keys;
  const SignedParts parts{"GET", "/test.txt", {}, {{"host", "examplebucket.s3.amazonaws.com"}}, ""};
  EXPECT_EQ(presign_query(parts, {example, example_time, "us-east-1"}, std::chrono::days(1), keys),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
            "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4, KeepsOneKeyAndNoticesWhatChanges) {
  SigningKeys keys;
  const Scope first{"20150830", "us-east-1", "s3"};
  for (int i = 0; i < 2; ++i) {
    for (const Scope& scope : {first, Scope{"20150831", "us-east-1", "s3"}, Scope{"20150830", "eu", "s3"},
                               Scope{"20150830", "us-east-1", "sts"}}) {
      EXPECT_EQ(keys.get("secret", scope), signing_key("secret", scope));
      EXPECT_EQ(keys.get("other", scope), signing_key("other", scope));
    }
  }
}

TEST(SigV4, ReadsItsOwnDates) {
  EXPECT_EQ(amz_date(example_time), "20130524T000000Z");
  for (const char* bad :
       {"", "20130524", "20130524T000000", "2013-05-24T00:00:00Z", "20130532T000000Z", "20130524 000000Z"}) {
    EXPECT_FALSE(parse_amz_date(bad)) << bad;
  }
}

TEST(UriEncode, LeavesOnlyUnreservedBytes) {
  EXPECT_EQ(uri_encode("AZaz09-._~/ +%\x01\xff", Slash::keep), "AZaz09-._~/%20%2B%25%01%FF");
  EXPECT_EQ(uri_encode("a/b", Slash::encode), "a%2Fb");
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(uri_decode(uri_encode(all, Slash::encode)), all);
  for (const char* bad : {"%", "%4", "%zz", "a%"}) EXPECT_FALSE(uri_decode(bad)) << bad;
}

// The receiving side, against what the sending side makes.
ReceivedRequest received(const SignedParts& parts, const Credentials& credentials) {
  SigningKeys keys;
  ReceivedRequest request{parts.method, parts.path, parts.query, parts.headers};
  for (auto& pair : sign_headers(parts, {credentials, example_time, "eu-1"}, keys)) request.headers.push_back(pair);
  return request;
}

const SignedParts sample{"PUT",
                         "/b/a%20key",
                         {{"partNumber", "1"}, {"x", ""}},
                         {{"host", "h:1"}, {"range", "bytes=0-1"}},
                         std::string(empty_payload)};

Verdict verdict(const ReceivedRequest& request, std::chrono::seconds later = std::chrono::seconds(0),
                std::string_view secret = example.secret_key) {
  const auto claim = parse_claim(request);
  return claim ? check_claim(*claim, request, secret, example_time + later) : Verdict::wrong;
}

TEST(SigV4Check, AcceptsWhatWasSigned) {
  const auto request = received(sample, example);
  ASSERT_TRUE(parse_claim(request));
  EXPECT_EQ(parse_claim(request)->access_key, example.access_key);
  EXPECT_EQ(parse_claim(request)->scope.region, "eu-1");
  EXPECT_EQ(verdict(request), Verdict::valid);
  Credentials session = example;
  session.access_key = "a/key/with/slashes";
  session.session_token = "token";
  const auto with_token = received(sample, session);
  EXPECT_EQ(parse_claim(with_token)->session_token, "token");
  EXPECT_EQ(parse_claim(with_token)->access_key, session.access_key);
  EXPECT_EQ(verdict(with_token), Verdict::valid);
}

TEST(SigV4Check, NoticesEveryChange) {
  const auto good = received(sample, example);
  EXPECT_EQ(verdict(good, {}, "another secret"), Verdict::wrong);
  auto changed = good;
  changed.method = "GET";
  EXPECT_EQ(verdict(changed), Verdict::wrong);
  changed = good;
  changed.path += "x";
  EXPECT_EQ(verdict(changed), Verdict::wrong);
  changed = good;
  changed.query.emplace_back("more", "");
  EXPECT_EQ(verdict(changed), Verdict::wrong);
  changed = good;
  changed.headers.emplace_back("x-amz-meta-more", "1");
  EXPECT_EQ(verdict(changed), Verdict::wrong);
  for (std::size_t i = 0; i < good.headers.size(); ++i) {
    changed = good;
    changed.headers[i].second += "1";
    EXPECT_EQ(verdict(changed), Verdict::wrong) << changed.headers[i].first;
    changed = good;
    changed.headers.erase(changed.headers.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(verdict(changed), Verdict::wrong) << good.headers[i].first;
  }
}

TEST(SigV4Check, LooksAtTheClock) {
  const auto request = received(sample, example);
  EXPECT_EQ(verdict(request, std::chrono::minutes(14)), Verdict::valid);
  EXPECT_EQ(verdict(request, std::chrono::minutes(16)), Verdict::skewed);
  EXPECT_EQ(verdict(request, -std::chrono::minutes(16)), Verdict::skewed);
}

TEST(SigV4Check, ChecksPresignedRequests) {
  SigningKeys keys;
  SignedParts parts{"GET", "/k", {{"versionId", "1"}}, {{"host", "h"}}, ""};
  ReceivedRequest request{"GET", "/k", {}, {{"host", "h"}, {"user-agent", "x"}}};
  request.query = *parse_query(presign_query(parts, {example, example_time, "us-east-1"}, std::chrono::hours(2), keys));
  EXPECT_EQ(verdict(request), Verdict::valid);
  EXPECT_EQ(verdict(request, std::chrono::minutes(119)), Verdict::valid);
  EXPECT_EQ(verdict(request, std::chrono::minutes(121)), Verdict::expired);
  EXPECT_EQ(verdict(request, -std::chrono::minutes(16)), Verdict::skewed);
  request.query.front().second += "1";
  EXPECT_EQ(verdict(request), Verdict::wrong);
}

TEST(SigV4Check, FindsNoClaimInWhatIsMalformed) {
  const auto good = received(sample, example);
  EXPECT_FALSE(parse_claim({"GET", "/", {}, {{"host", "h"}}}));
  for (const char* bad :
       {"AWS AKID:abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=1",
        "AWS4-HMAC-SHA256 Credential=/20130524/eu-1/s3/aws4_request, SignedHeaders=host, Signature=1",
        "AWS4-HMAC-SHA256 Credential=a/20130525/eu-1/s3/aws4_request, SignedHeaders=host, Signature=1",
        "AWS4-HMAC-SHA256 nonsense"}) {
    auto request = good;
    request.headers.back().second = bad;
    EXPECT_FALSE(parse_claim(request)) << bad;
  }
}

TEST(ParseQuery, DecodesPairs) {
  EXPECT_EQ(parse_query("a=1&b&c=%20%3D&&d="), (Pairs{{"a", "1"}, {"b", ""}, {"c", " ="}, {"d", ""}}));
  EXPECT_EQ(parse_query(""), Pairs{});
  EXPECT_FALSE(parse_query("a=%"));
}

}  // namespace
}  // namespace duskline::s3
