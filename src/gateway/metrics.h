// Counts of what the server does, as text that Prometheus reads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/observer.h"
#include "http/server.h"
#include "objects/objects.h"

namespace duskline::gateway {

// Any thread; counting a request takes no lock unless it failed.
class Metrics final : public Observer {
 public:
  Metrics();
  void finished(const Finished& request) override;
  // The whole text. `lost_lines`: of logs.
  [[nodiscard]] std::string text(const objects::Counts& objects, const http::ServerCounts& server,
                                 std::uint64_t lost_lines) const;

 private:
  static constexpr std::array<double, 12> bounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                    0.05,   0.1,   0.25,   1,     5,    30};  // seconds
  struct PerOperation {
    std::string_view name;
    std::array<std::atomic<std::uint64_t>, 6> by_class{};  // of the status: 2 for 2xx
    std::array<std::atomic<std::uint64_t>, bounds.size() + 1> latencies{};
    std::atomic<std::uint64_t> nanoseconds{0}, received_bytes{0}, sent_bytes{0}, broken_off{0};
  };
  void write_requests(std::string& out) const;
  void write_latencies(std::string& out) const;
  void write_errors(std::string& out) const;

  std::vector<std::unique_ptr<PerOperation>> operations_;  // by name
  std::map<const Operation*, PerOperation*> index_;        // several rows may share a name
  PerOperation* unknown_;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> errors_;  // by S3's names, which are few
};

}  // namespace duskline::gateway
