// A store of our own while it is served: engine, users, protocol and HTTP server, put together.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cli/background_scrub.h"
#include "cli/command.h"

namespace duskline::cli {

struct ServeOptions {
  std::string directory;
  std::string listen = "127.0.0.1:9000";
  std::string region = "us-east-1", domain;
  bool anonymous = false;
  bool customer_keys_need_tls = false;
  std::vector<std::string> named_keys;
  std::string tls_certificate, tls_key;
  std::chrono::nanoseconds drain = std::chrono::seconds(30);
  unsigned workers = 32, max_connections = 20'000;
  std::uint64_t index_cache_bytes = 24 << 20;
  std::string access_log;  // empty: none
  ScrubPace scrub;
  std::chrono::nanoseconds bucket_log_every = std::chrono::minutes(10);
  std::chrono::nanoseconds lifecycle_day = std::chrono::days(1);
};

class StoreServer {
 public:
  virtual ~StoreServer() = default;
  // Serves when this returns. Code::locked where another process serves or checks the directory; and as
  // http::Server::start().
  static Result<std::unique_ptr<StoreServer>> start(Context& context, const ServeOptions& options);
  [[nodiscard]] virtual std::string url() const = 0;  // "https://127.0.0.1:9000"
  [[nodiscard]] virtual bool has_keys() const = 0;
  // Certificates and log files are opened anew. What cannot be is noted, and stays as it was. Any thread.
  virtual void reload() = 0;
  virtual void stop(std::chrono::nanoseconds drain) = 0;
};

}  // namespace duskline::cli
