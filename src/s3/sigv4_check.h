// The receiving side of Signature Version 4.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "s3/sigv4.h"

namespace duskline::s3 {

struct ReceivedRequest {
  std::string method;
  std::string path;  // as received, still percent-encoded
  Pairs query;       // decoded
  Pairs headers;     // names in lower case
};

// What a request says about who signed it, and how.
struct Claim {
  std::string access_key;
  Scope scope;
  std::string date;  // as in x-amz-date
  WallTime time{};
  std::string signed_headers;  // "host;x-amz-date"
  std::string signature;
  std::string payload;                          // the body's claimed hash, or unsigned_payload
  std::string session_token;                    // may be empty
  std::optional<std::chrono::seconds> expires;  // of a presigned request
};

// From the Authorization header, or from a presigned query. Nothing where there is neither, or it is malformed.
[[nodiscard]] std::optional<Claim> parse_claim(const ReceivedRequest& request);

enum class Verdict : std::uint8_t { valid, wrong, skewed, expired };
// Compares in constant time. `host` must be among the signed headers, and every x-amz-* header that was sent. The
// caller compares `claim.payload` with the body that came.
[[nodiscard]] Verdict check_claim(const Claim& claim, const ReceivedRequest& request, std::string_view secret_key,
                                  WallTime now);

// "a=1&b" as decoded pairs; nothing where it is malformed.
[[nodiscard]] std::optional<Pairs> parse_query(std::string_view query);

}  // namespace duskline::s3
