// What an incoming request's signature says and covers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/error.h"
#include "gateway/request.h"
#include "s3/sigv4.h"

namespace duskline::gateway {

struct SignatureClaim {
  SignedBy where = SignedBy::header;
  std::string access_key;
  s3::Scope scope;
  std::string date;  // "20130524T000000Z"
  WallTime time{};
  std::string signed_headers;  // "host;x-amz-date"
  std::string signature;
  std::string payload;                          // x-amz-content-sha256, or UNSIGNED-PAYLOAD
  std::optional<std::chrono::seconds> expires;  // of a presigned request
};

// Nothing for a request without any. Errors say which part is missing or malformed.
[[nodiscard]] Expected<std::optional<SignatureClaim>> read_claim(const Request& request);

// "AKID/20130524/us-east-1/s3/aws4_request"
struct Credential {
  std::string access_key;
  s3::Scope scope;
};
[[nodiscard]] std::optional<Credential> parse_credential(std::string_view text);

// Host and every x-amz-* header must be signed.
[[nodiscard]] Done check_coverage(const SignatureClaim& claim, const Request& request);
// Within 15 minutes of now, or within its life where it is presigned.
[[nodiscard]] Done check_time(const SignatureClaim& claim, WallTime now);

enum class PathForm : std::uint8_t { encoded_anew, as_sent };
[[nodiscard]] std::string canonical_request(const SignatureClaim& claim, const Request& request, PathForm path);

}  // namespace duskline::gateway
