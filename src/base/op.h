// What every operation that can wait carries: when to give up, and how to be stopped.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace duskline {

struct Op {
  std::stop_token stop;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::string trace;  // names the run in logs; may be empty

  // Code::cancelled or Code::timeout where the operation should end now.
  [[nodiscard]] Status check() const;
};

}  // namespace duskline
