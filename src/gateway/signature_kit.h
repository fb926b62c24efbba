// For tests of signatures: the credentials and the requests of Amazon's published examples.
#pragma once

#include <memory>
#include <string>

#include "gateway/access.h"
#include "gateway/request.h"
#include "gateway/route.h"

namespace duskline::gateway {

inline constexpr const char* example_id = "AKIAIOSFODNN7EXAMPLE";
inline constexpr const char* example_secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
inline constexpr const char* example_date = "20130524T000000Z";
inline constexpr const char* example_scope = "20130524/us-east-1/s3/aws4_request";
inline const WallTime example_time = *s3::parse_amz_date(example_date);

class ExampleKeys final : public KeySource {
 public:
  std::shared_ptr<const AccessKey> find(std::string_view id) override {
    if (id != example_id) return nullptr;
    return std::make_shared<AccessKey>(AccessKey{example_id, example_secret, "user", "User", {}});
  }
  std::optional<std::string> display_name(std::string_view) override { return "User"; }
  std::optional<std::string> user_by_email(std::string_view) override { return std::nullopt; }
};

inline Request example_request(std::string method, std::string target, http::Headers headers) {
  auto head = std::make_shared<http::RequestHead>();
  head->method = std::move(method);
  head->target = std::move(target);
  head->headers = std::move(headers);
  Request request;
  request.head = head;
  request.now = example_time;
  ServiceOptions options;
  options.domain = "s3.amazonaws.com";
  if (!locate(request, options)) std::abort();
  return request;
}

inline std::string example_authorization(const std::string& signed_headers, const std::string& signature) {
  return "AWS4-HMAC-SHA256 Credential=" + std::string(example_id) + "/" + example_scope +
         ",SignedHeaders=" + signed_headers + ",Signature=" + signature;
}

}  // namespace duskline::gateway
