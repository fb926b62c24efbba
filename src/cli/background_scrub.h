// Reads everything that a store holds, slowly and again and again, so that rot is found before somebody needs the
// bytes.
#pragma once

#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/report.h"
#include "objects/objects.h"

namespace duskline::cli {

struct ScrubPace {
  std::chrono::nanoseconds every = std::chrono::days(30);  // from the begin of one pass to that of the next; 0: never
  std::uint64_t bytes_per_second = 4 << 20;
};

// As long as it lives. What is rotten is reported as an error, by its name.
class BackgroundScrub {
 public:
  BackgroundScrub(objects::Objects& objects, Clock& clock, ScrubPace pace, Reporter& reporter);

 private:
  void run(const std::stop_token& stop);
  void pass(const std::stop_token& stop);
  objects::Objects& objects_;
  Clock& clock_;
  const ScrubPace pace_;
  Reporter& reporter_;
  std::jthread thread_;  // goes first: stopped and joined
};

}  // namespace duskline::cli
