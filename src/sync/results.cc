#include "sync/results.h"

#include <algorithm>

namespace duskline::sync {
namespace {

constexpr std::size_t max_waiting = 20'000;
constexpr auto flush_interval = std::chrono::seconds(1);

}  // namespace

void Results::keep(const Record& record) {
  const std::lock_guard lock(mutex_);
  if (slots_.empty()) {
    if (status_) status_ = writer_->append(record);
    return;
  }
  slots_.push_back({false, record});
}

std::uint64_t Results::reserve() {
  const std::lock_guard lock(mutex_);
  slots_.push_back({true, std::nullopt});
  if (slots_.size() > max_waiting) {  // a large file, probably: the others shall not wait for it
    late_.emplace(first_, std::nullopt);
    slots_.front().is_open = false;
    write_what_is_ready();
  }
  return first_ + slots_.size() - 1;
}

void Results::resolve(std::uint64_t place, std::optional<Record> record) {
  const std::lock_guard lock(mutex_);
  if (const auto late = late_.find(place); late != late_.end()) {
    late->second = std::move(record);
    return;
  }
  Slot& slot = slots_[place - first_];
  slot.is_open = false;
  slot.record = std::move(record);
  write_what_is_ready();
}

void Results::write_what_is_ready() {
  while (!slots_.empty() && !slots_.front().is_open) {
    const auto& record = slots_.front().record;
    if (record && status_) status_ = writer_->append(*record);
    slots_.pop_front();
    ++first_;
  }
  const SteadyTime now = clock_.steady();
  if (now < next_flush_ || !status_) return;
  status_ = writer_->flush();
  next_flush_ = now + flush_interval;
}

Result<std::vector<Record>> Results::finish() {
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) slot.is_open = false;
  write_what_is_ready();
  if (status_) status_ = writer_->flush();
  DL_TRY(status_);
  std::vector<Record> late;
  for (auto& [place, record] : late_) {
    if (record) late.push_back(std::move(*record));
  }
  std::ranges::sort(late, {}, &Record::path);
  return late;
}

}  // namespace duskline::sync
