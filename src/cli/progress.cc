#include "cli/progress.h"

#include <algorithm>
#include <cmath>

#include "base/units.h"

namespace duskline::cli {
namespace {

std::optional<double> share_done(const Progress& progress) {
  if (progress.bytes_total > 0) {
    return std::min(1.0, static_cast<double>(progress.bytes) / static_cast<double>(progress.bytes_total));
  }
  if (progress.files_total > 0) {
    return std::min(1.0, static_cast<double>(progress.files) / static_cast<double>(progress.files_total));
  }
  return std::nullopt;
}

// Exponential smoothing with a time constant, so that the reading does not depend on how often it is taken.
double smooth(double before, double sample, double seconds) {
  constexpr double time_constant_seconds = 3;
  if (before <= 0) return sample;
  const double weight = 1 - std::exp(-seconds / time_constant_seconds);
  return before + weight * (sample - before);
}

}  // namespace

void ProgressRate::update(const Progress& progress, SteadyTime now) {
  const bool new_phase = phase_ != progress.phase || progress.bytes < last_bytes_ || progress.files < last_files_;
  if (new_phase) {
    *this = ProgressRate{};
    phase_ = progress.phase;
  } else {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    if (seconds <= 0) return;
    const auto bytes = static_cast<double>(progress.bytes - last_bytes_);
    const auto files = static_cast<double>(progress.files - last_files_);
    bytes_per_second_ = smooth(bytes_per_second_, bytes / seconds, seconds);
    files_per_second_ = smooth(files_per_second_, files / seconds, seconds);
  }
  last_ = now;
  last_bytes_ = progress.bytes;
  last_files_ = progress.files;
}

std::optional<std::chrono::nanoseconds> ProgressRate::left(const Progress& progress) const {
  const auto seconds = [](double amount, double rate) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(amount / rate, 1e8) * 1e9));
  };
  if (progress.bytes_total > progress.bytes && bytes_per_second_ > 1) {
    return seconds(static_cast<double>(progress.bytes_total - progress.bytes), bytes_per_second_);
  }
  if (progress.bytes_total == 0 && progress.files_total > progress.files && files_per_second_ > 0.1) {
    return seconds(static_cast<double>(progress.files_total - progress.files), files_per_second_);
  }
  return std::nullopt;
}

std::string progress_line(const Progress& progress, const ProgressRate& rate) {
  std::string line(progress.phase);
  if (const auto share = share_done(progress)) line += "  " + std::to_string(static_cast<int>(*share * 100)) + "%";
  if (progress.files > 0 || progress.files_total > 0) {
    line += "  " + format_count(progress.files);
    if (progress.files_total > 0) line += " of " + format_count(progress.files_total);
    line += " files";
  }
  if (progress.bytes > 0 || progress.bytes_total > 0) {
    line += "  " + format_bytes(progress.bytes);
    if (progress.bytes_total > 0) line += " of " + format_bytes(progress.bytes_total);
  }
  if (rate.bytes_per_second() > 1) line += "  " + format_rate(rate.bytes_per_second());
  if (const auto left = rate.left(progress)) line += "  " + format_duration(*left) + " left";
  return line;
}

std::string progress_bar(const Progress& progress, const ProgressRate& rate, unsigned columns) {
  constexpr std::size_t least_cells = 10;
  constexpr std::size_t most_cells = 30;
  std::string line = progress_line(progress, rate);
  const auto share = share_done(progress);
  if (share && line.size() + least_cells + 3 <= columns) {
    const std::size_t cells = std::min<std::size_t>(most_cells, columns - line.size() - 3);
    const auto full = static_cast<std::size_t>(*share * static_cast<double>(cells));
    line = "[" + std::string(full, '=') + std::string(cells - full, ' ') + "] " + line;
  }
  if (line.size() > columns) line.resize(columns);
  return line;
}

}  // namespace duskline::cli
