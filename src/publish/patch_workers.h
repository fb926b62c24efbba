// Computes patches on several threads within a fixed amount of memory.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/op.h"
#include "base/workers.h"
#include "pack/frame.h"

namespace duskline::publish {

struct PatchJob {
  Bytes base, raw;  // given up once the patch is made
  pack::Effort effort = pack::Effort::normal;
  Bytes patch;
};

class PatchWorkers {
 public:
  PatchWorkers(const Op& op, unsigned threads);

  // The memory that a patch takes, its base and what it makes included: so it is taken before they are read. Outlived
  // by the PatchWorkers.
  class Room {
   public:
    Room(Room&& other) noexcept : workers_(std::exchange(other.workers_, nullptr)), bytes_(other.bytes_) {}
    Room& operator=(Room&&) = delete;
    ~Room() {
      if (workers_ != nullptr) workers_->give_back(bytes_);
    }

   private:
    friend class PatchWorkers;
    Room(PatchWorkers& workers, std::uint64_t bytes) : workers_(&workers), bytes_(bytes) {}
    PatchWorkers* workers_;
    std::uint64_t bytes_;
  };
  // Waits while the patches at work need all the memory there is. One that needs more than all of it is let in alone.
  Result<Room> reserve(std::uint64_t base_bytes, std::uint64_t raw_bytes);
  Status submit(std::shared_ptr<PatchJob> job, Room room);
  Status wait();  // until every job is done; the patches are there then

 private:
  struct Idle {
    std::unique_ptr<pack::FrameEncoder> encoder;
    std::uint64_t bytes = 0;
  };
  void make(PatchJob& job);
  [[nodiscard]] std::unique_ptr<pack::FrameEncoder> take_idle();
  void give_back(std::uint64_t bytes);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t held_bytes_ = 0, idle_bytes_ = 0;
  std::size_t rooms_ = 0, running_ = 0;
  std::vector<Idle> idle_;  // whose tables are small; they go where their memory is needed
  WorkerPool pool_;         // last: its threads use the rest
};

}  // namespace duskline::publish
