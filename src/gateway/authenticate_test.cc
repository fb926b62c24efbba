#include "gateway/authenticate.h"

#include <gtest/gtest.h>

#include "gateway/post_signature.h"
#include "gateway/signature_kit.h"
#include "http/date.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

std::string verdict(const Request& request) {
  ExampleKeys keys;
  Authenticator authenticator(keys);
  const auto identity = authenticator.identify(request);
  if (identity) return identity->caller.anonymous() ? "anonymous" : identity->caller.user;
  return std::string(info_of(identity.error().code).name);
}

http::Headers get_headers() {
  return {{"host", "examplebucket.s3.amazonaws.com"},
          {"range", "bytes=0-9"},
          {"x-amz-content-sha256", std::string(s3::empty_payload)},
          {"x-amz-date", example_date},
          {"authorization", example_authorization("host;range;x-amz-content-sha256;x-amz-date",
                                                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")}};
}

void set(http::Headers& headers, std::string_view name, std::string value) {
  for (auto& header : headers) {
    if (header.first == name) header.second = value;
  }
}

// The examples of Amazon's "Authenticating Requests: Using the Authorization Header".
TEST(Authenticator, AcceptsThePublishedHeaderExamples) {
  EXPECT_EQ(verdict(example_request("GET", "/test.txt", get_headers())), "user");
  EXPECT_EQ(verdict(example_request(
                "PUT", "/test%24file.text",
                {{"host", "examplebucket.s3.amazonaws.com"},
                 {"date", "Fri, 24 May 2013 00:00:00 GMT"},
                 {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
                 {"x-amz-date", example_date},
                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                 {"authorization",
                  example_authorization("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                                        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")}})),
            "user");
  const http::Headers bare = {{"host", "examplebucket.s3.amazonaws.com"},
                              {"x-amz-content-sha256", std::string(s3::empty_payload)},
                              {"x-amz-date", example_date}};
  auto lifecycle = bare, list = bare;
  lifecycle.emplace_back("authorization",
                         example_authorization("host;x-amz-content-sha256;x-amz-date",
                                               "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  list.emplace_back("authorization",
                    example_authorization("host;x-amz-content-sha256;x-amz-date",
                                          "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
  EXPECT_EQ(verdict(example_request("GET", "/?lifecycle", lifecycle)), "user");
  EXPECT_EQ(verdict(example_request("GET", "/?max-keys=2&prefix=J", list)), "user");
}

std::string presigned(const std::string& signature) {
  return "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%"
         "2F"
         "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=" +
         signature;
}
constexpr const char* presigned_signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

TEST(Authenticator, AcceptsThePublishedPresignedExample) {
  const http::Headers host = {{"host", "examplebucket.s3.amazonaws.com"}};
  Request request = example_request("GET", presigned(presigned_signature), host);
  EXPECT_EQ(verdict(request), "user");
  request.now = example_time + std::chrono::hours(24);
  EXPECT_EQ(verdict(request), "user");
  request.now += std::chrono::seconds(1);
  EXPECT_EQ(verdict(request), "AccessDenied");
  request.now = example_time - std::chrono::minutes(16);
  EXPECT_EQ(verdict(request), "AccessDenied");
  EXPECT_EQ(verdict(example_request("GET", presigned(std::string(64, '0')), host)), "SignatureDoesNotMatch");
  EXPECT_EQ(verdict(example_request("PUT", presigned(presigned_signature), host)), "SignatureDoesNotMatch");
}

TEST(Authenticator, RefusesWhatWasChanged) {
  for (const auto& [name, value] :
       {std::pair("range", "bytes=0-99"), std::pair("host", "examplebucket.s3.amazonaws.com:80"),
        std::pair("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), std::pair("x-amz-date", "20130524T000001Z")}) {
    auto headers = get_headers();
    set(headers, name, value);
    EXPECT_EQ(verdict(example_request("GET", "/test.txt", headers)), "SignatureDoesNotMatch") << name;
  }
  EXPECT_EQ(verdict(example_request("GET", "/test.txt?acl", get_headers())), "SignatureDoesNotMatch");
  EXPECT_EQ(verdict(example_request("GET", "/Test.txt", get_headers())), "SignatureDoesNotMatch");
  auto more = get_headers();
  more.emplace_back("x-amz-acl", "public-read");
  EXPECT_EQ(verdict(example_request("GET", "/test.txt", more)), "AccessDenied");
}

TEST(Authenticator, AllowsAQuarterOfAnHour) {
  for (const int sign : {-1, 1}) {
    Request request = example_request("GET", "/test.txt", get_headers());
    request.now = example_time + sign * std::chrono::minutes(15);
    EXPECT_EQ(verdict(request), "user");
    request.now += sign * std::chrono::seconds(1);
    EXPECT_EQ(verdict(request), "RequestTimeTooSkewed");
  }
}

std::string verdict_with(std::string_view name, std::string value) {
  auto headers = get_headers();
  if (value.empty()) {
    std::erase_if(headers, [&](const auto& header) { return header.first == name; });
  } else {
    set(headers, name, std::move(value));
  }
  return verdict(example_request("GET", "/test.txt", headers));
}

TEST(Authenticator, SaysWhatIsMalformed) {
  EXPECT_EQ(verdict_with("authorization", ""), "anonymous");
  EXPECT_EQ(verdict_with("authorization", "AWS nothing"), "InvalidArgument");
  EXPECT_EQ(verdict_with("authorization", "AWS4-ECDSA-P256-SHA256 Credential=x"), "InvalidRequest");
  EXPECT_EQ(verdict_with("authorization", "Basic eA=="), "InvalidArgument");
  EXPECT_EQ(verdict_with("authorization", "AWS4-HMAC-SHA256 "), "AuthorizationHeaderMalformed");
  EXPECT_EQ(verdict_with("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c,SignedHeaders=host,Signature=x"),
            "AuthorizationHeaderMalformed");
  EXPECT_EQ(verdict_with("authorization",
                         "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/iam/"
                         "aws4_request,SignedHeaders=host,Signature=x"),
            "AuthorizationHeaderMalformed");
  EXPECT_EQ(verdict_with("authorization",
                         "AWS4-HMAC-SHA256 Credential=NOBODY/20130524/us-east-1/s3/aws4_request,"
                         "SignedHeaders=host;x-amz-date,Signature=x"),
            "InvalidAccessKeyId");
  EXPECT_EQ(verdict_with("x-amz-date", ""), "AccessDenied");
  EXPECT_EQ(verdict_with("x-amz-date", "yesterday"), "AccessDenied");
  EXPECT_EQ(verdict_with("x-amz-content-sha256", ""), "InvalidRequest");
  EXPECT_EQ(verdict_with("x-amz-content-sha256", "rubbish"), "InvalidArgument");
  const http::Headers host = {{"host", "examplebucket.s3.amazonaws.com"}};
  std::string longer = presigned(presigned_signature);
  longer.replace(longer.find("86400"), 5, "604801");
  EXPECT_EQ(verdict(example_request("GET", longer, host)), "AuthorizationQueryParametersError");
  EXPECT_EQ(verdict(example_request("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256", host)),
            "AuthorizationQueryParametersError");
  EXPECT_EQ(verdict(example_request("GET", "/test.txt?AWSAccessKeyId=a&Signature=b&Expires=1", host)),
            "InvalidAccessKeyId");
  EXPECT_EQ(verdict(example_request("GET", presigned(presigned_signature), get_headers())), "InvalidArgument");
}

// The examples of Amazon's "Signing and authenticating REST requests" (AWS signature version 2); its bucket's name has
// changed since, and with it the signatures that are printed there. These follow from its strings to sign.
std::string old_verdict(const std::string& method, const std::string& target, http::Headers headers,
                        const std::string& string_to_sign) {
  headers.emplace_back("host", "awsexamplebucket1.s3.amazonaws.com");
  headers.emplace_back("authorization",
                       "AWS " + std::string(example_id) + ":" + signature_v2(example_secret, string_to_sign));
  Request request = example_request(method, target, headers);
  request.now = *http::parse_http_date("Tue, 27 Mar 2007 19:36:42 GMT");
  return verdict(request);
}

TEST(Authenticator, AcceptsTheOlderSignature) {
  EXPECT_EQ(old_verdict("GET", "/photos/puppy.jpg", {{"date", "Tue, 27 Mar 2007 19:36:42 +0000"}},
                        "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg"),
            "user");
  EXPECT_EQ(old_verdict("GET", "/photos/puppy.jpg", {{"date", "Tue, 27 Mar 2007 19:36:42 GMT"}},
                        "GET\n\n\nTue, 27 Mar 2007 19:36:42 GMT\n/awsexamplebucket1/photos/puppy.jpg"),
            "user");
  EXPECT_EQ(old_verdict("GET", "/?prefix=photos&max-keys=50", {{"date", "Tue, 27 Mar 2007 19:42:41 GMT"}},
                        "GET\n\n\nTue, 27 Mar 2007 19:42:41 GMT\n/awsexamplebucket1/"),
            "user");
  EXPECT_EQ(old_verdict("GET", "/?acl", {{"date", "Tue, 27 Mar 2007 19:44:46 GMT"}},
                        "GET\n\n\nTue, 27 Mar 2007 19:44:46 GMT\n/awsexamplebucket1/?acl"),
            "user");
  EXPECT_EQ(old_verdict("DELETE", "/photos/puppy.jpg",
                        {{"date", "Tue, 27 Mar 2007 21:20:27 GMT"}, {"x-amz-date", "Tue, 27 Mar 2007 19:20:26 GMT"}},
                        "DELETE\n\n\n\nx-amz-date:Tue, 27 Mar 2007 19:20:26 GMT\n/awsexamplebucket1/photos/puppy.jpg"),
            "RequestTimeTooSkewed");
  EXPECT_EQ(old_verdict("GET", "/photos/puppy.jpg", {{"date", "Tue, 27 Mar 2007 19:36:42 GMT"}},
                        "GET\n\n\nTue, 27 Mar 2007 19:36:42 GMT\n/awsexamplebucket1/photos/kitten.jpg"),
            "SignatureDoesNotMatch");
}

TEST(Authenticator, AcceptsTheOlderPresignedRequests) {
  const http::Headers host = {{"host", "examplebucket.s3.amazonaws.com"}};
  const std::string signature = signature_v2(example_secret, "GET\n\n\n1369353600\n/examplebucket/a%20b?versionId=v");
  const std::string query = "/a%20b?versionId=v&AWSAccessKeyId=" + std::string(example_id) +
                            "&Expires=1369353600&Signature=" + s3::uri_encode(signature, s3::Slash::encode);
  Request request = example_request("GET", query, host);
  request.now = WallTime(std::chrono::seconds(1369353600));
  EXPECT_EQ(verdict(request), "user");
  request.now += std::chrono::seconds(1);
  EXPECT_EQ(verdict(request), "AccessDenied");
  EXPECT_EQ(verdict(example_request("GET", query + "&acl", host)), "SignatureDoesNotMatch");
  EXPECT_EQ(verdict(example_request("GET", "/a?AWSAccessKeyId=a&Signature=b&Expires=soon", host)), "AccessDenied");
}

TEST(Authenticator, AnAnonymousCallerCannotSignChunks) {
  EXPECT_EQ(verdict(example_request("PUT", "/a",
                                    {{"host", "examplebucket.s3.amazonaws.com"},
                                     {"x-amz-decoded-content-length", "1"},
                                     {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}})),
            "AccessDenied");
}

// Its owner must hear of the clock, not of what follows from it.
TEST(Authenticator, SaysThatAClockIsWrongBeforeAnythingElse) {
  for (const char* date : {"20130524T010000Z", "20150101T000000Z", "19500707T215304Z", "20950707T215304Z"}) {
    auto headers = get_headers();
    set(headers, "x-amz-date", date);
    EXPECT_EQ(verdict(example_request("GET", "/test.txt", headers)), "RequestTimeTooSkewed") << date;
  }
  auto headers = get_headers();
  set(headers, "x-amz-date", "yesterday");
  EXPECT_EQ(verdict(example_request("GET", "/test.txt", headers)), "AccessDenied");
}

}  // namespace
}  // namespace duskline::gateway
