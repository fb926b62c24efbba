// Buffers for writing large bodies past the page cache: that costs a fifth of the CPU and does not crowd out what is
// read. Few of them, so that many uploads at once do not take memory: who gets none writes through the page cache.
#pragma once

#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"

namespace duskline::objects {

inline constexpr std::size_t direct_buffer_bytes = 1 << 20;
inline constexpr std::size_t direct_alignment = 4096;

class DirectBuffers {
 public:
  explicit DirectBuffers(std::size_t limit) : limit_(limit) {}

  class Buffer {
   public:
    Buffer() = default;
    Buffer(DirectBuffers& from, std::uint8_t* memory) : from_(&from), memory_(memory) {}
    Buffer(Buffer&& other) noexcept
        : from_(std::exchange(other.from_, nullptr)), memory_(std::exchange(other.memory_, nullptr)) {}
    Buffer& operator=(Buffer&& other) noexcept {
      std::swap(from_, other.from_);
      std::swap(memory_, other.memory_);
      return *this;
    }
    ~Buffer() {
      if (from_ != nullptr) from_->give_back(memory_);
    }
    explicit operator bool() const { return memory_ != nullptr; }
    [[nodiscard]] ByteSpan bytes() const { return {memory_, direct_buffer_bytes}; }

   private:
    DirectBuffers* from_ = nullptr;
    std::uint8_t* memory_ = nullptr;
  };

  // None where all are taken.
  Buffer take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) {
      if (made_ == limit_) return {};
      auto* memory = static_cast<std::uint8_t*>(std::aligned_alloc(direct_alignment, direct_buffer_bytes));
      if (memory == nullptr) return {};
      ++made_;
      return {*this, memory};
    }
    std::uint8_t* const memory = idle_.back().release();
    idle_.pop_back();
    return {*this, memory};
  }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }  // NOLINT: from aligned_alloc
  };
  void give_back(std::uint8_t* memory) {
    const std::lock_guard lock(mutex_);
    idle_.emplace_back(memory);
  }

  const std::size_t limit_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<std::uint8_t, Free>> idle_;
  std::size_t made_ = 0;
};

}  // namespace duskline::objects
