// /healthz, /readyz and /metrics, beside the S3 protocol.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "gateway/metrics.h"
#include "gateway/service.h"

namespace duskline::gateway {

// Only for requests without a signature, so that buckets of these names stay within reach of those who have a key.
class ServerPages final : public Pages {
 public:
  // `lost_lines` may be empty. `domain` as in ServiceOptions: below it, paths are keys.
  ServerPages(Metrics& metrics, objects::Objects& objects, std::string domain,
              std::function<std::uint64_t()> lost_lines)
      : metrics_(metrics), objects_(objects), domain_(std::move(domain)), lost_lines_(std::move(lost_lines)) {}
  std::optional<http::Answer> page(const http::RequestHead& head) override;

  // Whether new requests are welcome: false while the server starts and drains.
  void set_ready(bool ready) { ready_ = ready; }
  void watch(http::Server* server) { server_ = server; }  // null before it goes

 private:
  [[nodiscard]] http::Answer answer_for(std::string_view path);

  Metrics& metrics_;
  objects::Objects& objects_;
  const std::string domain_;
  std::function<std::uint64_t()> lost_lines_;
  std::atomic<bool> ready_{false};
  std::atomic<http::Server*> server_{nullptr};
};

}  // namespace duskline::gateway
