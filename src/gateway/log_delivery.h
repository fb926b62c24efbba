// Puts a line for each request into logs that lie in buckets, for those buckets whose owners want that. As at Amazon
// it is best effort: lines come late, and what was not delivered when the process is killed is lost.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/report.h"
#include "base/sealing.h"
#include "gateway/access.h"
#include "gateway/bucket_logging.h"
#include "gateway/observer.h"
#include "objects/objects.h"

namespace duskline::gateway {

// All outlive the LogDelivery.
struct LogDeliveryParts {
  objects::Objects& objects;
  KeySource& users;
  Clock& clock;
  Reporter& reporter;
  const SealingKey* sealing;  // for target buckets that are encrypted; may be null
  std::string region;
};

class LogDelivery final : public Observer {
 public:
  static constexpr std::size_t full_log_bytes = 1 << 20;      // of one bucket: delivered at once
  static constexpr std::size_t max_pending_bytes = 16 << 20;  // of all; beyond, lines are dropped, and reported

  LogDelivery(LogDeliveryParts parts, std::chrono::nanoseconds every);
  ~LogDelivery() override { finish(); }
  void finished(const Finished& request) override;
  // Delivers what there is, and ends. Nothing is taken afterwards. Idempotent.
  void finish();

 private:
  struct Pending {
    std::string text;
    WallTime first{};  // when the first line's request came
  };
  // A log for each bucket and each day, since a day may be part of its name.
  using Logs = std::map<std::pair<std::string, std::int64_t>, Pending>;

  void run(const std::stop_token& stop);
  void deliver_all();
  Status deliver(const std::string& source, const Pending& log);
  Status put(const objects::Bucket& source, const objects::Bucket& target, const BucketLogging& logging,
             const Pending& log);

  const LogDeliveryParts parts_;
  const std::chrono::nanoseconds every_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  Logs logs_;
  std::size_t pending_bytes_ = 0;
  std::uint64_t dropped_ = 0;
  bool full_ = false, ended_ = false;
  std::jthread thread_;  // goes first: stopped and joined
};

}  // namespace duskline::gateway
