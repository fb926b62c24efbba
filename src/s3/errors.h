// What an S3 server's refusal means to us.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/transport.h"
#include "s3/xml.h"

namespace duskline::s3 {

struct Refusal {
  std::string_view what;  // "GET s3://bucket/key at https://host"
  int status = 0;
  ErrorDocument document;
  const http::Response& response;  // for its headers
  WallTime now{};                  // our clock
  bool conditional = false;        // the request had If-Match or If-None-Match
};

// Pure. The document's code decides before the status. ExpiredToken is Code::expired here.
[[nodiscard]] Error error_of(const Refusal& refusal);

// Retry-After in either of its forms; 0 where there is none. Never more than an hour.
[[nodiscard]] std::chrono::milliseconds retry_after_of(const http::Response& response, WallTime now);

}  // namespace duskline::s3
