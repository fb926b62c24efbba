#include "testing/sim_clock.h"

namespace duskline::testing {

SimClock::SimClock(WallTime start) : wall_(start), steady_(std::chrono::hours(1)) {}

WallTime SimClock::now() const {
  const std::lock_guard lock(mutex_);
  return wall_;
}

SteadyTime SimClock::steady() const {
  const std::lock_guard lock(mutex_);
  return steady_;
}

bool SimClock::sleep_until(SteadyTime until, const std::stop_token& stop) {
  if (stop.stop_requested()) return false;
  const std::lock_guard lock(mutex_);
  if (until > steady_) {
    const auto by = until - steady_;
    wall_ += by;
    steady_ = until;
    slept_ += by;
  }
  return true;
}

void SimClock::advance(std::chrono::nanoseconds by) {
  const std::lock_guard lock(mutex_);
  wall_ += by;
  steady_ += by;
}

void SimClock::set_wall(WallTime time) {
  const std::lock_guard lock(mutex_);
  wall_ = time;
}

std::chrono::nanoseconds SimClock::slept() const {
  const std::lock_guard lock(mutex_);
  return slept_;
}

}  // namespace duskline::testing
