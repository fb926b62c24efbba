// Which data files may not be removed yet, though the index does not name them (any more).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace duskline::objects {

// Counts who holds each data file: bytes on their way in, copies on their way to a commit.
class Pins {
 public:
  class Pin {
   public:
    Pin(Pins& pins, std::uint64_t file) : pins_(&pins), file_(file) { pins.add(file); }
    Pin(Pin&& other) noexcept : pins_(std::exchange(other.pins_, nullptr)), file_(other.file_) {}
    Pin& operator=(Pin&& other) = delete;
    ~Pin() {
      if (pins_ != nullptr) pins_->release(file_);
    }
    void keep_forever() { pins_ = nullptr; }  // until this process ends

   private:
    Pins* pins_;
    std::uint64_t file_;
  };
  [[nodiscard]] bool pinned(std::uint64_t file) const;
  // Files that somebody held and nobody holds any more, since this was asked last: to be looked at again.
  [[nodiscard]] std::vector<std::uint64_t> take_released();

 private:
  void add(std::uint64_t file);
  void release(std::uint64_t file);
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::size_t> counts_;
  std::vector<std::uint64_t> released_;
};

// Tells when nobody can still look for the bytes of a version that is gone: each reader holds the epoch in which it
// read the index, and a file that dies ends an epoch.
class Epochs {
 public:
  [[nodiscard]] std::shared_ptr<const void> enter() const;  // before reading the index
  // Something (segment or data file) died with what was just published: readers from now on cannot see it.
  void retire(const std::vector<std::uint64_t>& files, SteadyTime now);
  // What nobody can still look for, or has had a minute to open.
  [[nodiscard]] std::vector<std::uint64_t> take_unreachable(SteadyTime now);

 private:
  struct Retired {
    std::weak_ptr<const int> epoch;
    SteadyTime since{};
    std::vector<std::uint64_t> files;
  };
  mutable std::mutex mutex_;
  std::shared_ptr<const int> current_ = std::make_shared<const int>(0);
  std::deque<Retired> retired_;
};

}  // namespace duskline::objects
