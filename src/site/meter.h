// What a pull has moved so far. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/report.h"

namespace duskline::site {

class Meter {
 public:
  explicit Meter(Reporter& reporter) : reporter_(reporter) {}

  std::atomic<std::uint64_t> packs{0}, deltas{0};             // received
  std::atomic<std::uint64_t> local{0}, seeds{0}, resumed{0};  // content made from these
  std::atomic<std::uint64_t> planned_requests{0};             // of a dry run

  void expect(std::uint64_t files, std::uint64_t bytes) {
    files_total_ = files;
    bytes_total_ = bytes;
  }
  // Content that reached its file, from wherever.
  void add_content(std::uint64_t bytes, std::uint64_t files_done) {
    const std::uint64_t now = content_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    constexpr std::uint64_t step = 1 << 20;
    if (now / step != (now - bytes) / step) show(now, files_done);
  }
  void show_end(std::uint64_t files_done) { show(content_.load(std::memory_order_relaxed), files_done); }

 private:
  void show(std::uint64_t bytes, std::uint64_t files_done) {
    reporter_.progress({"fetch", files_done, files_total_, bytes, bytes_total_});
  }
  Reporter& reporter_;
  std::atomic<std::uint64_t> content_{0};
  std::uint64_t files_total_ = 0, bytes_total_ = 0;  // set before any thread adds
};

}  // namespace duskline::site
