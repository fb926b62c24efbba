// Neighbouring parts of one object that one request is bringing. What it has not begun with can be taken over by
// another request: connections differ in speed, and on a thin link the slowest would be waited for at the end.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "base/clock.h"
#include "site/batch.h"

namespace duskline::site {

class Stretch {
 public:
  // `parts` is not owned.
  Stretch(std::span<const Part> parts, SteadyTime begun) : parts_(parts), begun_(begun), end_(parts.size()) {}

  // The receiver turns to this part. False where it was taken over: nothing more is to be received.
  [[nodiscard]] bool claim(std::size_t part);
  // Those that are the receiver's: what was taken over is cut off at the end.
  [[nodiscard]] std::span<const Part> own() const;
  // Bytes that the receiver has not begun with, where it will be busy with them for longer than another request is
  // worth, by its pace so far; else 0.
  [[nodiscard]] std::uint64_t slow_bytes(SteadyTime now) const;
  // The later half of these.
  [[nodiscard]] std::span<const Part> take_over();

 private:
  [[nodiscard]] std::uint64_t bytes_between(std::size_t first, std::size_t last) const;

  const std::span<const Part> parts_;
  const SteadyTime begun_;
  mutable std::mutex mutex_;
  std::size_t claimed_ = 0;  // parts before this one are the receiver's for good
  std::size_t end_;
};

}  // namespace duskline::site
