// AWS Signature Version 4: pure functions, used to sign and to check.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "s3/credentials.h"

namespace duskline::s3 {

inline constexpr std::string_view signing_algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";
// SHA-256 of nothing: the payload hash of a request without a body.
inline constexpr std::string_view empty_payload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Scope {
  std::string date;  // YYYYMMDD
  std::string region;
  std::string service;
  [[nodiscard]] std::string text() const;  // "20130524/us-east-1/s3/aws4_request"
};

// What a signature covers.
struct SignedParts {
  std::string method;
  std::string path;     // as sent: already percent-encoded; "" counts as "/"
  Pairs query;          // decoded
  Pairs headers;        // all that are signed; any case, any order
  std::string payload;  // lower-case hex SHA-256 of the body, or `unsigned_payload`
};

[[nodiscard]] std::string amz_date(WallTime time);  // "20130524T000000Z"
[[nodiscard]] std::optional<WallTime> parse_amz_date(std::string_view text);
[[nodiscard]] std::string canonical_query(const Pairs& query);
[[nodiscard]] std::string signed_header_names(const Pairs& headers);  // "host;range;x-amz-date"
[[nodiscard]] std::string canonical_request(const SignedParts& parts);
[[nodiscard]] std::string string_to_sign(std::string_view amz_date, const Scope& scope, std::string_view canonical);
[[nodiscard]] Hash256 signing_key(std::string_view secret_key, const Scope& scope);
[[nodiscard]] std::string signature(const Hash256& key, std::string_view string_to_sign);

// A key holds for one secret, day, region and service; the last one is kept. Any thread.
class SigningKeys {
 public:
  [[nodiscard]] Hash256 get(std::string_view secret_key, const Scope& scope);

 private:
  std::mutex mutex_;
  std::string cached_for_;
  Hash256 key_;
};

struct SigningContext {
  const Credentials& credentials;
  WallTime time;
  std::string region;
  std::string service = "s3";
};

// The headers to add to a request whose other headers (with "host") are in `parts`: x-amz-date,
// x-amz-content-sha256, x-amz-security-token where there is one, authorization.
[[nodiscard]] Pairs sign_headers(const SignedParts& parts, const SigningContext& context, SigningKeys& keys);

// The complete query string of a presigned request; `parts.headers` are those the caller will have to send ("host" at
// least), `parts.payload` is not looked at.
[[nodiscard]] std::string presign_query(SignedParts parts, const SigningContext& context, std::chrono::seconds lifetime,
                                        SigningKeys& keys);

}  // namespace duskline::s3
