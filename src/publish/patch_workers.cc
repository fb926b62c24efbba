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
std::uint64_t memory_for(std::uint64_t base_bytes, std::uint64_t raw_bytes) {
  const std::uint64_t input = base_bytes + raw_bytes;
  const std::uint64_t window = std::bit_ceil(std::max<std::uint64_t>(input, 1));
  const std::uint64_t tables =
      std::min<std::uint64_t>(8 * window, 64 << 20) + std::min<std::uint64_t>(8 * window, 16 << 20);
  return tables + input + raw_bytes + (1 << 20);
}

}  // namespace

PatchWorkers::PatchWorkers(const Op& op, unsigned threads) : pool_(op, std::min(threads, max_threads), max_threads) {}

Result<PatchWorkers::Room> PatchWorkers::reserve(std::uint64_t base_bytes, std::uint64_t raw_bytes) {
  const std::uint64_t memory = memory_for(base_bytes, raw_bytes);
  std::vector<Idle> given_up;  // freed after the lock
  {
    std::unique_lock lock(mutex_);
    const auto fits = [&] { return rooms_ == 0 || held_bytes_ + memory <= budget_bytes; };
    if (!changed_.wait(lock, pool_.op().stop, fits)) {
      DL_TRY(pool_.op().check());
      return Error{Code::cancelled, "stopped on request"};
    }
    if (held_bytes_ + memory + idle_bytes_ > budget_bytes) {
      given_up = std::exchange(idle_, {});
      idle_bytes_ = 0;
    }
    held_bytes_ += memory;
    ++rooms_;
  }
  return Room(*this, memory);
}

void PatchWorkers::give_back(std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    held_bytes_ -= bytes;
    --rooms_;
  }
  changed_.notify_all();
}

Status PatchWorkers::submit(std::shared_ptr<PatchJob> job, Room room) {
  {
    const std::lock_guard lock(mutex_);
    ++running_;
  }
  // Shared, since work that is handed to a pool can be copied.
  const bool submitted = pool_.submit(
      [this, job = std::move(job), room = std::make_shared<Room>(std::move(room))](const Op&) mutable -> Status {
        make(*job);
        room.reset();
        {
          const std::lock_guard lock(mutex_);
          --running_;
        }
        changed_.notify_all();
        return {};
      });
  return submitted ? Status{} : pool_.op().check();
}

std::unique_ptr<pack::FrameEncoder> PatchWorkers::take_idle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  Idle idle = std::move(idle_.back());
  idle_.pop_back();
  idle_bytes_ -= idle.bytes;
  return std::move(idle.encoder);
}

void PatchWorkers::make(PatchJob& job) {
  const bool is_small = job.base.size() + job.raw.size() <= small_patch_bytes && job.effort != pack::Effort::fast;
  std::unique_ptr<pack::FrameEncoder> encoder = is_small ? take_idle() : nullptr;
  if (!encoder) encoder = std::make_unique<pack::FrameEncoder>(job.effort);
  encoder->encode_patch(job.base, job.raw, job.patch);
  job.base = Bytes();  // "= {}" would keep their memory
  job.raw = Bytes();
  if (!is_small) return;
  const std::uint64_t bytes = encoder->held_bytes();
  const std::lock_guard lock(mutex_);
  if (held_bytes_ + idle_bytes_ + bytes > budget_bytes) return;
  idle_bytes_ += bytes;
  idle_.push_back({std::move(encoder), bytes});
}

Status PatchWorkers::wait() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, pool_.op().stop, [&] { return running_ == 0; })) return pool_.op().check();
  return {};
}

}  // namespace duskline::publish
