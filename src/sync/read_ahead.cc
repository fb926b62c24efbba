#include "sync/read_ahead.h"

#include <algorithm>

namespace duskline::sync {
namespace {

// What may lie ready and wait: beyond that, threads pause and directories are read when they are asked for.
constexpr std::size_t max_ready = 1024, max_ready_entries = 100'000, max_slots = 20'000;

}  // namespace

ReadAhead::ReadAhead(Read read, unsigned threads) : read_(std::move(read)) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

ReadAhead::~ReadAhead() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

bool ReadAhead::has_room() const { return ready_ < max_ready && ready_entries_ < max_ready_entries; }

ReadAhead::Slots::iterator ReadAhead::next_waiting() {
  return std::ranges::find_if(slots_, [](const auto& slot) { return slot.second.state == State::waiting; });
}

void ReadAhead::enqueue(const std::string& path, const Listing& listing) {
  if (threads_.empty()) return;
  for (const Listing::Child& child : listing.children) {
    if (child.kind != disk::FileKind::directory) continue;
    if (slots_.size() >= max_slots) return;
    slots_.try_emplace((path.empty() ? "" : path + "/") + std::string(listing.name_of(child)) + "/");
  }
}

void ReadAhead::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto slot = slots_.end();
    changed_.wait(lock, stop, [&] { return has_room() && (slot = next_waiting()) != slots_.end(); });
    if (stop.stop_requested()) return;
    slot->second.state = State::reading;
    const std::string path = slot->first.substr(0, slot->first.size() - 1);
    lock.unlock();
    auto listing = read_(path);
    lock.lock();
    if (listing) {
      enqueue(path, *listing);
      ready_entries_ += listing->children.size();
    }
    ++ready_;
    slot->second.listing = std::move(listing);  // nobody erases a slot that is being read
    slot->second.state = State::ready;
    changed_.notify_all();
  }
}

Result<Listing> ReadAhead::get(const std::string& path) {
  std::unique_lock lock(mutex_);
  const auto slot = slots_.find(path + "/");
  if (slot != slots_.end() && slot->second.state != State::waiting) {
    changed_.wait(lock, [&] { return slot->second.state == State::ready; });
    auto listing = std::move(*slot->second.listing);
    slots_.erase(slot);
    --ready_;
    if (listing) ready_entries_ -= listing->children.size();
    changed_.notify_all();
    return listing;
  }
  if (slot != slots_.end()) slots_.erase(slot);
  lock.unlock();
  auto listing = read_(path);
  if (!listing) return listing;
  lock.lock();
  enqueue(path, *listing);
  lock.unlock();
  changed_.notify_all();
  return listing;
}

}  // namespace duskline::sync
