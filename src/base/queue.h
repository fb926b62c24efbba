// A bounded queue between threads, limited by weight (bytes, usually) rather than by item count.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace duskline {

template <typename T>
class BoundedQueue {
 public:
  // An item heavier than the whole capacity is let in when the queue is empty, so nothing deadlocks.
  explicit BoundedQueue(std::uint64_t capacity) : capacity_(capacity) {}

  // Waits for room. False, and `item` is dropped, once the queue is closed.
  bool push(T item, std::uint64_t weight = 1) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || items_.empty() || weight_ + weight <= capacity_; });
    if (closed_) return false;
    weight_ += weight;
    items_.emplace_back(std::move(item), weight);
    lock.unlock();
    ready_.notify_one();
    return true;
  }

  // Waits for an item. Empty once the queue is closed and drained.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    auto [item, weight] = std::move(items_.front());
    items_.pop_front();
    weight_ -= weight;
    lock.unlock();
    room_.notify_all();
    return std::move(item);
  }

  [[nodiscard]] bool is_empty() {
    std::lock_guard lock(mutex_);
    return items_.empty();
  }

  // No more pushes; pops drain what is left.
  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
    room_.notify_all();
  }

  // Close and drop what is left.
  void abandon() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      items_.clear();
      weight_ = 0;
    }
    ready_.notify_all();
    room_.notify_all();
  }

 private:
  const std::uint64_t capacity_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<std::pair<T, std::uint64_t>> items_;
  std::uint64_t weight_ = 0;
  bool closed_ = false;
};

}  // namespace duskline
