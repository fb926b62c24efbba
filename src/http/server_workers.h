// A fixed set of threads with a bounded queue that refuses rather than waits.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace duskline::http {

class StepWorkers {
 public:
  StepWorkers(unsigned threads, std::size_t queue_limit);
  ~StepWorkers() { end(); }
  StepWorkers(const StepWorkers&) = delete;
  StepWorkers& operator=(const StepWorkers&) = delete;

  // Any thread. False, and nothing is kept, where the queue is full or end() was called.
  bool submit(std::function<void()> step);
  // Runs what waits, then ends the threads.
  void end();
  struct Counts {
    std::size_t busy = 0, waiting = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  void run();
  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> steps_;
  std::size_t busy_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace duskline::http
