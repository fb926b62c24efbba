// The kinds of store that need no network, and the wrappers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "store/object_store.h"

namespace duskline::store {

// In memory, with conditions; the reference for the contract suite.
[[nodiscard]] std::unique_ptr<ObjectStore> open_mem_store(Clock& clock);

// A directory: one file per object; nothing is created before the first put. Crash-safe: temp, fsync, rename, fsync
// directory. Conditions hold among processes on one machine (a lock file). The ETag is derived from inode, mtime and
// size. Code::unsupported for a key that lies below another object's, and for components beyond 255 bytes; symlinks are
// refused. docs/design/003-stores.md.
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_dir_store(disk::Filesystem& disk, const std::string& path);

// Tries again what is_retryable() says may pass: exponential backoff with full jitter, Retry-After honoured, a deadline
// on progress rather than on elapsed time. A get that broke in mid-body goes on where it stopped, bound to the same
// ETag; Code::unavailable where the object was replaced meanwhile. A conditional put whose first answer was lost fails
// with Code::precondition: the caller reads back and compares. Errors of the sink or source are not tried again.
struct RetryPolicy {
  unsigned max_tries = 8;  // in a row without progress
  std::chrono::milliseconds first{100}, most{20'000};
  std::chrono::milliseconds progress_deadline{120'000};  // give up when nothing moved for so long
};
// Pure: how long before try `attempt` (1 is the first retry); `random` in [0, 1).
[[nodiscard]] std::chrono::milliseconds retry_delay(const RetryPolicy& policy, unsigned attempt, double random,
                                                    std::chrono::milliseconds retry_after);
[[nodiscard]] std::unique_ptr<ObjectStore> retry_store(std::unique_ptr<ObjectStore> inner, RetryPolicy policy,
                                                       Clock& clock, std::function<double()> random,
                                                       Reporter& reporter);

// Bytes a second each way (0: no limit), and requests in flight that adapt: additive increase while goodput grows,
// halved on Code::throttled. Belongs below RetryStore: only there does it see Code::throttled, and a request that waits
// to be tried again then holds no place. A sink or source must not call the same store, or it may wait for itself.
struct Limits {
  std::uint64_t bytes_per_second_down = 0, bytes_per_second_up = 0;
  unsigned max_requests = 32;
};
[[nodiscard]] std::unique_ptr<ObjectStore> limit_store(std::unique_ptr<ObjectStore> inner, Limits limits, Clock& clock);

// Keeps immutable objects (packs) that pass through whole in a directory of at most `bytes`, oldest use out first; what
// it gives is checked by its name's hash. Freshness::revalidated and conditions go past it. Trouble with the directory
// fails no get. The ETag of what it gives is its own. Several processes may share the directory.
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> cache_store(std::unique_ptr<ObjectStore> inner,
                                                               disk::Filesystem& disk, const std::string& path,
                                                               std::uint64_t bytes);

// Counts requests and bytes, for receipts and benchmarks.
struct Traffic {
  std::uint64_t requests = 0, bytes_received = 0, bytes_sent = 0;
};

class CountingStore final : public ObjectStore {
 public:
  explicit CountingStore(ObjectStore& inner) : inner_(inner) {}
  [[nodiscard]] Traffic traffic() const;
  Result<ObjectInfo> get(const Op&, const Key&, const GetOptions&, Sink&) override;
  Result<std::optional<ObjectInfo>> head(const Op&, const Key&) override;
  Result<ObjectInfo> put(const Op&, const Key&, Source&, const PutOptions&) override;
  Result<Listing> list(const Op&, const ListQuery&) override;
  Result<RemoveReport> remove(const Op&, std::span<const Key>) override;
  [[nodiscard]] std::string describe() const override { return inner_.describe(); }

 private:
  ObjectStore& inner_;
  std::atomic<std::uint64_t> requests_{0}, received_{0}, sent_{0};
};

}  // namespace duskline::store
