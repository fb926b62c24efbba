// Holds several threads together to a rate.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"
#include "base/op.h"

namespace duskline::site {

class Pacer {
 public:
  Pacer(std::uint64_t bytes_per_second, Clock& clock) : rate_(bytes_per_second), clock_(clock), free_(clock.steady()) {}

  // Waits until `bytes` more may pass. Any thread.
  Status take(const Op& op, std::uint64_t bytes) {
    if (rate_ == 0) return {};
    SteadyTime turn;
    {
      const std::lock_guard lock(mutex_);
      const SteadyTime now = clock_.steady();
      if (free_ < now) free_ = now;  // time that was not used is not saved up
      turn = free_;
      constexpr double nanoseconds_a_second = 1e9;
      free_ += std::chrono::nanoseconds(
          static_cast<std::int64_t>(static_cast<double>(bytes) * nanoseconds_a_second / static_cast<double>(rate_)));
    }
    clock_.sleep_until(turn, op.stop);
    return op.check();
  }

 private:
  const std::uint64_t rate_;
  Clock& clock_;
  std::mutex mutex_;
  SteadyTime free_;
};

}  // namespace duskline::site
