#include "base/op.h"

namespace duskline {

Status Op::check() const {
  if (stop.stop_requested()) return Error{Code::cancelled, "stopped on request"};
  if (deadline != std::chrono::steady_clock::time_point::max() && std::chrono::steady_clock::now() >= deadline) {
    return Error{Code::timeout, "the time limit for this operation has passed"};
  }
  return {};
}

}  // namespace duskline
