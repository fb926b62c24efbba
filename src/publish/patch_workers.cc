#include "publish/patch_workers.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace duskline::publish {
namespace {

constexpr std::uint64_t budget_bytes = 80 << 20;
// An encoder keeps the largest tables it ever needed; above this it is made for one patch only.
constexpr std::uint64_t small_patch_bytes = 512 << 10;
constexpr unsigned max_threads = 8;

// zstd's tables at its high levels: a tree of 8 bytes for each position of the window and a hash table of 4 bytes for
// each, up to 64 and 16 MiB, and what its parser needs.
std::uint64_t memory_for(const PatchJob& job) {
  const std::uint64_t input = job.base.size() + job.raw.size();
  const std::uint64_t window = std::bit_ceil(std::max<std::uint64_t>(input, 1));
  const std::uint64_t tables =
      std::min<std::uint64_t>(8 * window, 64 << 20) + std::min<std::uint64_t>(8 * window, 16 << 20);
  return tables + input + job.raw.size() + (1 << 20);
}

}  // namespace

PatchWorkers::PatchWorkers(const Op& op, unsigned threads) : pool_(op, std::min(threads, max_threads), max_threads) {}

Status PatchWorkers::submit(std::shared_ptr<PatchJob> job) {
  const std::uint64_t memory = memory_for(*job);
  {
    std::unique_lock lock(mutex_);
    const auto fits = [&] { return running_ == 0 || held_bytes_ + memory <= budget_bytes; };
    if (!changed_.wait(lock, pool_.op().stop, fits)) return pool_.op().check();
    held_bytes_ += memory;
    ++running_;
  }
  const bool submitted = pool_.submit([this, job = std::move(job), memory](const Op&) -> Status {
    make(*job);
    {
      const std::lock_guard lock(mutex_);
      held_bytes_ -= memory;
      --running_;
    }
    changed_.notify_all();
    return {};
  });
  return submitted ? Status{} : pool_.op().check();
}

void PatchWorkers::make(PatchJob& job) {
  const bool is_small = job.base.size() + job.raw.size() <= small_patch_bytes && job.effort != pack::Effort::fast;
  std::unique_ptr<pack::FrameEncoder> encoder;
  if (is_small) {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      encoder = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!encoder) encoder = std::make_unique<pack::FrameEncoder>(job.effort);
  encoder->encode_patch(job.base, job.raw, job.patch);
  job.base = {};
  job.raw = {};
  if (!is_small) return;
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(encoder));
}

Status PatchWorkers::wait() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, pool_.op().stop, [&] { return running_ == 0; })) return pool_.op().check();
  return {};
}

}  // namespace duskline::publish
