// Acts on lifecycle rules: walks the buckets that have some, and removes what has expired.
#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

#include "base/clock.h"
#include "base/op.h"
#include "base/report.h"
#include "gateway/lifecycle.h"
#include "objects/objects.h"

namespace duskline::gateway {

struct LifecycleReport {
  std::uint64_t looked_at = 0, expired = 0, noncurrent = 0, markers = 0, uploads = 0, failed = 0;
};
// One walk over everything. What was changed meanwhile, or is locked, stays. Code::cancelled where `op` is stopped;
// single failures are counted and reported.
[[nodiscard]] Result<LifecycleReport> run_lifecycle(const Op& op, objects::Objects& objects, WallTime now,
                                                    const LifecycleDay& day, Reporter& reporter);

// Does so four times a day in the background, as long as it lives.
class LifecycleRunner {
 public:
  LifecycleRunner(objects::Objects& objects, Clock& clock, LifecycleDay day, Reporter& reporter);

 private:
  void run(const std::stop_token& stop);
  objects::Objects& objects_;
  Clock& clock_;
  const LifecycleDay day_;
  Reporter& reporter_;
  std::jthread thread_;  // goes first: stopped and joined
};

}  // namespace duskline::gateway
