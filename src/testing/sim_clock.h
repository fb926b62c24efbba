// A clock whose time moves only when told, or when something sleeps: then at once, to the end of the sleep.
#pragma once

#include <mutex>

#include "base/clock.h"

namespace duskline::testing {

class SimClock final : public Clock {
 public:
  // Wall time begins at `start`, steady time an hour after its own epoch.
  explicit SimClock(WallTime start = WallTime{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}});

  [[nodiscard]] WallTime now() const override;
  [[nodiscard]] SteadyTime steady() const override;
  bool sleep_until(SteadyTime until, const std::stop_token& stop) override;

  void advance(std::chrono::nanoseconds by);
  // Wall time alone, as when somebody sets the clock; may go back.
  void set_wall(WallTime time);
  // The sum of all sleeps so far, each from its begin to its end.
  [[nodiscard]] std::chrono::nanoseconds slept() const;

 private:
  mutable std::mutex mutex_;
  WallTime wall_;
  SteadyTime steady_;
  std::chrono::nanoseconds slept_{0};
};

}  // namespace duskline::testing
