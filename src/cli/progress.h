// Progress in words and bars. Pure: time comes in as an argument.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/report.h"

namespace duskline::cli {

// A smoothed rate of bytes (files, where no bytes move), begun anew with each phase.
class ProgressRate {
 public:
  void update(const Progress& progress, SteadyTime now);
  [[nodiscard]] double bytes_per_second() const { return bytes_per_second_; }
  // Nothing while it cannot be told.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> left(const Progress& progress) const;

 private:
  std::string phase_;
  SteadyTime last_{};
  std::uint64_t last_bytes_ = 0, last_files_ = 0;
  double bytes_per_second_ = 0, files_per_second_ = 0;
};

// "fetch  43%  1,204 of 20,000 files  86.1 MiB of 203.1 MiB  35.2 MiB/s  3.3 s left"
[[nodiscard]] std::string progress_line(const Progress& progress, const ProgressRate& rate);
// The same behind a bar, cut to `columns`.
[[nodiscard]] std::string progress_bar(const Progress& progress, const ProgressRate& rate, unsigned columns);

}  // namespace duskline::cli
