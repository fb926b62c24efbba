// Time as an argument, so that decisions can be tested and simulated.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace duskline {

using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime now() const = 0;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
  // Waits until `until` or until `stop` is requested. True if it waited to the end. Any thread.
  virtual bool sleep_until(SteadyTime until, const std::stop_token& stop) = 0;
};

class RealClock final : public Clock {
 public:
  [[nodiscard]] WallTime now() const override;
  [[nodiscard]] SteadyTime steady() const override;
  bool sleep_until(SteadyTime until, const std::stop_token& stop) override;
};

// RFC 3339 in UTC: "2026-11-21T09:30:00Z", with as many fraction digits as are not zero.
[[nodiscard]] std::string format_time(WallTime time);
[[nodiscard]] std::optional<WallTime> parse_time(std::string_view text);

}  // namespace duskline
