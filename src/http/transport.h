// HTTP requests: blocking, from any thread, over a pool of kept connections (libcurl).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/op.h"
#include "base/stream.h"

namespace duskline::http {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case in responses

struct Response {
  int status = 0;
  Headers headers;
  std::string body_start;  // of an error answer (status >= 300): at most 64 KiB; empty otherwise
  std::uint64_t body_bytes = 0;
  [[nodiscard]] const std::string* header(std::string_view lower_case_name) const;
  // Content-Length, where there is exactly one and it is a number.
  [[nodiscard]] std::optional<std::uint64_t> content_length() const;
};

enum class Proxies : std::uint8_t { environment, none };

struct Request {
  std::string method = "GET";
  std::string url;  // absolute; sent as it is, nothing is encoded again
  Headers headers;
  Source* body = nullptr;  // with Content-Length; rewound by the caller
  // Called once, when the status and headers of a 2xx are known and before its body: an error stops the transfer and is
  // returned by send(). May be empty.
  std::function<Status(const Response&)> accept;
  Proxies proxies = Proxies::environment;
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
  // An answer of any status is a success. The body of a 2xx goes to `sink` while it arrives, in the calling thread;
  // never more than Content-Length, or than `max_body_bytes` (Code::too_large). Failures: Code::unavailable (DNS,
  // connection, short body, stall, not HTTP), timeout, cancelled, io (TLS: with the reason and "--ca-file"), usage (a
  // bad URL), or what `sink`, `accept` or the body returned. Proxies from the environment: HTTP(S)_PROXY, NO_PROXY,
  // ALL_PROXY in both cases. Follows no redirect. A request on a kept connection that the server had closed meanwhile
  // is sent once more on a new one, with its body rewound. Messages hold no query, user or password of a URL.
  virtual Result<Response> send(const Op&, const Request&, Sink& sink, std::uint64_t max_body_bytes) = 0;
};
[[nodiscard]] std::unique_ptr<Transport> open_curl_transport(const TransportOptions& options);

}  // namespace duskline::http
