#include "base/workers.h"

#include <sched.h>

#include <algorithm>

namespace duskline {
namespace {

thread_local bool tasks_in_caller = false;

}  // namespace

TasksInCaller::TasksInCaller() { tasks_in_caller = true; }
TasksInCaller::~TasksInCaller() { tasks_in_caller = false; }

WorkerPool::WorkerPool(const Op& parent, unsigned threads, std::size_t queue_limit)
    : in_caller_(tasks_in_caller), op_(parent), queue_(std::max<std::size_t>(queue_limit, 1)) {
  op_.stop = stop_.get_token();
  link_.emplace(parent.stop, [this] { stop_.request_stop(); });
  if (in_caller_) return;
  threads_.reserve(std::max(threads, 1U));
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() {
  stop_.request_stop();
  queue_.abandon();
}

bool WorkerPool::submit(Task task) {
  if (stop_.stop_requested()) return false;
  if (!in_caller_) return queue_.push(std::move(task));
  run_one(task);
  return true;
}

bool WorkerPool::has_waiting() { return !queue_.is_empty(); }

Status WorkerPool::finish() {
  queue_.close();
  threads_.clear();  // joins
  const std::lock_guard lock(mutex_);
  if (first_error_) return *first_error_;
  return op_.check();
}

void WorkerPool::run() {
  while (auto task = queue_.pop()) {
    if (!stop_.stop_requested()) run_one(*task);  // else drain
  }
}

void WorkerPool::run_one(const Task& task) {
  Status status = task(op_);
  if (status) return;
  {
    const std::lock_guard lock(mutex_);
    if (!first_error_) first_error_ = std::move(status).error();
  }
  stop_.request_stop();
  queue_.abandon();
}

unsigned default_workers() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace duskline
