// HTTP requests: blocking, from any thread, over a pool of kept connections (libcurl).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/op.h"
#include "base/stream.h"

namespace duskline::http {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case in responses

struct Request {
  std::string method = "GET";
  std::string url;  // absolute; sent as it is, nothing is encoded again
  Headers headers;
  Source* body = nullptr;  // with Content-Length; rewound by the caller
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body_start;  // of an error answer (status >= 300): at most 64 KiB; empty otherwise
  std::uint64_t body_bytes = 0;
  [[nodiscard]] const std::string* header(std::string_view lower_case_name) const;
};

struct TransportOptions {
  std::string ca_file;  // PEM; else the system's
  std::string user_agent = "duskline";
  std::chrono::milliseconds connect_limit{10'000};
  std::chrono::milliseconds stall_limit{30'000};  // nothing received or sent for so long: Code::unavailable
  std::uint64_t max_header_bytes = 64 << 10;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // An answer of any status is a success. The body of a 2xx goes to `sink` while it arrives; never more than
  // Content-Length, or than `max_body_bytes`. Failures: Code::unavailable (DNS, connection, short body, stall),
  // timeout, cancelled, io (TLS: with the reason and "--ca-file"). Proxies from the environment: HTTP(S)_PROXY,
  // NO_PROXY, ALL_PROXY in both cases. Follows no redirect.
  virtual Result<Response> send(const Op&, const Request&, Sink& sink, std::uint64_t max_body_bytes) = 0;
};
[[nodiscard]] std::unique_ptr<Transport> open_curl_transport(const TransportOptions& options);

}  // namespace duskline::http
