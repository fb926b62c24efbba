#include "objects/pins.h"

#include <utility>

namespace duskline::objects {
namespace {

constexpr std::chrono::seconds longest_hold{60};

}  // namespace

bool Pins::pinned(std::uint64_t file) const {
  const std::lock_guard lock(mutex_);
  return counts_.contains(file);
}

std::vector<std::uint64_t> Pins::take_released() {
  const std::lock_guard lock(mutex_);
  return std::exchange(released_, {});
}

void Pins::add(std::uint64_t file) {
  const std::lock_guard lock(mutex_);
  ++counts_[file];
}

void Pins::release(std::uint64_t file) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(file);
  if (found == counts_.end() || --found->second > 0) return;
  counts_.erase(found);
  released_.push_back(file);
}

std::shared_ptr<const void> Epochs::enter() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void Epochs::retire(const std::vector<std::uint64_t>& files, SteadyTime now) {
  if (files.empty()) return;
  const std::lock_guard lock(mutex_);
  retired_.push_back({current_, now, files});
  current_ = std::make_shared<const int>(0);
}

std::vector<std::uint64_t> Epochs::take_unreachable(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> files;
  // In order: who is in an earlier epoch may look for what died in a later one.
  while (!retired_.empty() && (retired_.front().epoch.expired() || now - retired_.front().since > longest_hold)) {
    files.insert(files.end(), retired_.front().files.begin(), retired_.front().files.end());
    retired_.pop_front();
  }
  return files;
}

}  // namespace duskline::objects
