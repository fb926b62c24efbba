#include "http/server_workers.h"

#include <algorithm>

#include "http/server_event_loop.h"

namespace duskline::http {

StepWorkers::StepWorkers(unsigned threads, std::size_t queue_limit)
    : queue_limit_(std::max<std::size_t>(queue_limit, 1)) {
  const SignalsBlocked blocked;
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) threads_.emplace_back([this] { run(); });
}

bool StepWorkers::submit(std::function<void()> step) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_ || steps_.size() >= queue_limit_) return false;
    steps_.push_back(std::move(step));
  }
  ready_.notify_one();
  return true;
}

void StepWorkers::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

StepWorkers::Counts StepWorkers::counts() const {
  const std::lock_guard lock(mutex_);
  return {busy_, steps_.size()};
}

void StepWorkers::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [&] { return ending_ || !steps_.empty(); });
    if (steps_.empty()) return;
    const auto step = std::move(steps_.front());
    steps_.pop_front();
    ++busy_;
    lock.unlock();
    step();
    lock.lock();
    --busy_;
  }
}

}  // namespace duskline::http
