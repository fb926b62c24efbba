#include "http/server_memory.h"

#include <algorithm>

namespace duskline::http {
namespace {

constexpr std::size_t max_spare = 16;

}  // namespace

Piece::~Piece() {
  if (memory_ != nullptr) memory_->give_back(std::move(bytes_), size_bytes_);
}

PieceMemory::PieceMemory(std::uint64_t limit_bytes, std::size_t piece_bytes)
    : limit_bytes_(std::max<std::uint64_t>(limit_bytes, std::max<std::size_t>(piece_bytes, 1))),
      piece_bytes_(std::max<std::size_t>(piece_bytes, 1)) {}

Piece PieceMemory::take(std::size_t bytes, Waiter who, std::function<void(std::shared_ptr<Piece>)> later) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty() && used_bytes_ + bytes <= limit_bytes_) return make(bytes);
  waiting_.push_back({bytes, who, std::move(later)});
  return {};
}

bool PieceMemory::forget(Waiter who) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.who == who; }) > 0;
}

bool PieceMemory::scarce() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_ > limit_bytes_ / 2;
}

Piece PieceMemory::make(std::size_t bytes) {
  Piece piece;
  if (bytes == piece_bytes_ && !spare_.empty()) {
    piece.bytes_ = std::move(spare_.back());
    spare_.pop_back();
  } else {
    piece.bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
  }
  piece.memory_ = this;
  piece.size_bytes_ = bytes;
  used_bytes_ += bytes;
  return piece;
}

void PieceMemory::give_back(std::unique_ptr<std::uint8_t[]> bytes, std::size_t size_bytes) {
  std::vector<std::pair<std::function<void(std::shared_ptr<Piece>)>, std::shared_ptr<Piece>>> granted;
  {
    const std::lock_guard lock(mutex_);
    used_bytes_ -= size_bytes;
    if (size_bytes == piece_bytes_ && spare_.size() < max_spare) spare_.push_back(std::move(bytes));
    while (!waiting_.empty() && used_bytes_ + waiting_.front().bytes <= limit_bytes_) {
      Waiting& next = waiting_.front();
      granted.emplace_back(std::move(next.later), std::make_shared<Piece>(make(next.bytes)));
      waiting_.pop_front();
    }
  }
  for (auto& [later, piece] : granted) later(std::move(piece));
}

}  // namespace duskline::http
