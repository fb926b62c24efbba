// A fixed set of threads that run tasks; the first error stops the rest.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/op.h"
#include "base/queue.h"

namespace duskline {

// While one lives, pools that its thread makes have no threads: submit() runs the task at once. For simulations, whose
// every step must follow from a seed. Not nested.
class TasksInCaller {
 public:
  TasksInCaller();
  ~TasksInCaller();
  TasksInCaller(const TasksInCaller&) = delete;
  TasksInCaller& operator=(const TasksInCaller&) = delete;
};

// Submit from one or more threads, then finish(). Tasks get an Op whose stop token fires when the parent's
// does or when another task fails. Destruction without finish() stops and joins.
class WorkerPool {
 public:
  using Task = std::function<Status(const Op&)>;
  // `queue_limit`: how many submitted tasks may wait; submit() blocks beyond that.
  WorkerPool(const Op& parent, unsigned threads, std::size_t queue_limit);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  bool submit(Task task);            // false once a task has failed or the parent was stopped: call finish()
  [[nodiscard]] bool has_waiting();  // tasks that no thread has begun
  Status finish();                   // waits for all tasks; the first error, or the parent's cancellation
  [[nodiscard]] const Op& op() const { return op_; }

 private:
  void run();
  void run_one(const Task& task);
  const bool in_caller_;
  std::stop_source stop_;
  std::optional<std::stop_callback<std::function<void()>>> link_;
  Op op_;
  BoundedQueue<Task> queue_;
  std::mutex mutex_;
  std::optional<Error> first_error_;
  std::vector<std::jthread> threads_;
};

[[nodiscard]] unsigned default_workers();  // the number of CPUs this process may use, at least 1

}  // namespace duskline
