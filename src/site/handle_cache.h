// Open files or directories kept for their next use, at most so many; the one not used for longest is closed first.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>

namespace duskline::site {

// Any thread. A handle that is evicted or dropped stays open for those who still hold it.
template <typename Handle>
class HandleCache {
 public:
  // Lies in the object whose handle it is; drop() it before that object goes.
  struct Slot {
    std::shared_ptr<Handle> handle;
    typename std::list<Slot*>::iterator place;
  };

  explicit HandleCache(std::size_t limit) : limit_(limit == 0 ? 1 : limit) {}

  [[nodiscard]] std::shared_ptr<Handle> find(Slot& slot) {
    const std::lock_guard lock(mutex_);
    if (slot.handle) order_.splice(order_.end(), order_, slot.place);
    return slot.handle;
  }

  void put(Slot& slot, std::shared_ptr<Handle> handle) {
    std::shared_ptr<Handle> evicted;  // closed after the lock is released
    const std::lock_guard lock(mutex_);
    if (slot.handle) {
      evicted = std::exchange(slot.handle, std::move(handle));
      return;
    }
    if (order_.size() >= limit_) {
      evicted = std::move(order_.front()->handle);
      order_.front()->handle.reset();
      order_.pop_front();
    }
    slot.handle = std::move(handle);
    slot.place = order_.insert(order_.end(), &slot);
  }

  void drop(Slot& slot) {
    std::shared_ptr<Handle> dropped;
    const std::lock_guard lock(mutex_);
    if (!slot.handle) return;
    order_.erase(slot.place);
    dropped = std::move(slot.handle);
    slot.handle.reset();
  }

 private:
  const std::size_t limit_;
  std::mutex mutex_;
  std::list<Slot*> order_;  // least recently used first
};

}  // namespace duskline::site
