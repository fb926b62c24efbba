// A limit of bytes a second, shared by everything that moves.
#pragma once

#include <mutex>

#include "base/clock.h"
#include "base/op.h"
#include "base/result.h"
#include "store/pacing.h"

namespace duskline::sync {

class Pacer {
 public:
  Pacer(std::uint64_t bytes_per_second, Clock& clock) : clock_(clock), bucket_(bytes_per_second) {}

  // Waits until `bytes` more may have moved.
  Status pass(const Op& op, std::uint64_t bytes) {
    const SteadyTime now = clock_.steady();
    SteadyTime until;
    {
      const std::lock_guard lock(mutex_);
      until = bucket_.take(now, bytes);
    }
    if (until > now) clock_.sleep_until(until, op.stop);
    return op.check();
  }
  [[nodiscard]] std::size_t piece_bytes() const { return bucket_.piece_bytes(); }

 private:
  Clock& clock_;
  std::mutex mutex_;
  store::TokenBucket bucket_;
};

}  // namespace duskline::sync
