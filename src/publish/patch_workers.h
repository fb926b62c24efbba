// Computes patches on several threads within a fixed amount of memory.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
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

  // Waits while the jobs at work need all the memory there is.
  Status submit(std::shared_ptr<PatchJob> job);
  Status wait();  // until every job is done; the patches are there then

 private:
  void make(PatchJob& job);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t held_bytes_ = 0;
  std::size_t running_ = 0;
  std::vector<std::unique_ptr<pack::FrameEncoder>> idle_;  // whose tables are small
  WorkerPool pool_;                                        // last: its threads use the rest
};

}  // namespace duskline::publish
