// The decisions of LimitStore, as pure classes: time comes in as an argument.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace duskline::store {

// Bytes a second. Small debts are let through, so that a fast link does not sleep for every piece; they are paid with
// the next sleep, so that the average holds.
class TokenBucket {
 public:
  explicit TokenBucket(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}
  // Takes `bytes` and returns when the taker may go on; `now` where that is at once. Takers queue in order of call.
  [[nodiscard]] SteadyTime take(SteadyTime now, std::uint64_t bytes);
  // A piece that takes about a tenth of a second, so that stopping is quick and other takers get their turn.
  [[nodiscard]] std::size_t piece_bytes() const;

 private:
  std::uint64_t bytes_per_second_;
  SteadyTime paid_until_{};
};

// How many requests may be in flight: one more after every epoch in which all were used and goodput grew, one less
// where it fell, half when the server throttles.
class RequestWindow {
 public:
  enum class Outcome : std::uint8_t { done, throttled };
  explicit RequestWindow(unsigned most);
  [[nodiscard]] unsigned limit() const { return limit_; }
  // A request ended that moved `bytes`; `in_flight` counts it.
  void finished(SteadyTime now, std::uint64_t bytes, Outcome outcome, unsigned in_flight);

 private:
  void start_epoch(SteadyTime now);
  void end_epoch(SteadyTime now);

  unsigned most_, limit_;
  unsigned immune_ = 0;  // requests that were already in flight at the last halving: their answers say nothing new
  SteadyTime epoch_start_{};
  unsigned epoch_requests_ = 0;
  std::uint64_t epoch_bytes_ = 0;
  bool epoch_open_ = false, epoch_was_full_ = false;
  double last_goodput_ = 0;
};

}  // namespace duskline::store
