// The memory of all connections' body pieces: bounded, handed out in the order of asking.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"

namespace duskline::http {

class PieceMemory;

// A buffer that goes back by itself.
class Piece {
 public:
  Piece() = default;
  Piece(Piece&& other) noexcept { swap(other); }
  Piece& operator=(Piece&& other) noexcept {
    Piece gone(std::move(other));
    swap(gone);
    return *this;
  }
  ~Piece();
  [[nodiscard]] bool empty() const { return filled_bytes_ == 0; }
  [[nodiscard]] bool has_memory() const { return memory_ != nullptr; }
  [[nodiscard]] ByteSpan room() const { return {bytes_.get() + filled_bytes_, size_bytes_ - filled_bytes_}; }
  [[nodiscard]] ByteView filled() const { return {bytes_.get(), filled_bytes_}; }
  void grow(std::size_t bytes) { filled_bytes_ += bytes; }

 private:
  friend class PieceMemory;
  void swap(Piece& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    std::swap(size_bytes_, other.size_bytes_);
    std::swap(filled_bytes_, other.filled_bytes_);
  }
  PieceMemory* memory_ = nullptr;
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_bytes_ = 0, filled_bytes_ = 0;
};

class PieceMemory {
 public:
  // Any one thread's view of who waits: compared, never followed.
  using Waiter = const void*;
  PieceMemory(std::uint64_t limit_bytes, std::size_t piece_bytes);

  [[nodiscard]] std::size_t piece_bytes() const { return piece_bytes_; }
  // A piece of that size (at most piece_bytes()). Where there is no room now: one without memory, and `later` is
  // called once, on whichever thread gives memory back, with a piece.
  Piece take(std::size_t bytes, Waiter who, std::function<void(std::shared_ptr<Piece>)> later);
  // True where `who` waited and now does not any more; false where its `later` has been or is being called.
  bool forget(Waiter who);
  // More than half of it is in use: those that hold pieces for slow clients should hand them on half-filled.
  [[nodiscard]] bool scarce() const;

 private:
  friend class Piece;
  struct Waiting {
    std::size_t bytes;
    Waiter who;
    std::function<void(std::shared_ptr<Piece>)> later;
  };
  Piece make(std::size_t bytes);  // with the lock held, and room
  void give_back(std::unique_ptr<std::uint8_t[]> bytes, std::size_t size_bytes);
  const std::uint64_t limit_bytes_;
  const std::size_t piece_bytes_;
  mutable std::mutex mutex_;
  std::uint64_t used_bytes_ = 0;
  std::deque<Waiting> waiting_;
  // Whole pieces for the next to come: fresh pages from the system cost more than filling them.
  std::vector<std::unique_ptr<std::uint8_t[]>> spare_;
};

}  // namespace duskline::http
