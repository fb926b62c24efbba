// One thread that does all writes: calls that wait at the same time become one batch, with one append to the log, one
// sync, and one transaction of the index.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/op.h"
#include "objects/index.h"
#include "objects/log.h"

namespace duskline::objects {

// A batch that is being put together. What a call sees in it includes what the calls before it in the batch did.
class Transaction {
 public:
  Transaction(Index& index, std::uint64_t store, Position start, WallTime now)
      : now(now), index_(index), store_(store), start_(start) {}

  const WallTime now;
  [[nodiscard]] Lookups& lookups() { return index_.lookups(); }
  [[nodiscard]] Index& index() { return index_; }
  [[nodiscard]] Result<const BucketRow*> bucket(const std::string& name);  // Code::not_found
  [[nodiscard]] std::uint64_t next_sequence() { return index_.state.next_sequence++; }
  // One record: all of its entries or none. `body` is what extents of file own_body mean.
  Status emit(const std::vector<Entry>& entries, ByteView body = {});
  void bucket_changed(const std::string& name) { changed_buckets.push_back(name); }

  Bytes batch;
  std::vector<std::string> changed_buckets;
  std::uint64_t records = 0;
  bool broken = false;  // the index could not follow: none of the batch may be kept

 private:
  Index& index_;
  const std::uint64_t store_;
  const Position start_;
};

class Committer {
 public:
  // Called on the committer's thread when a batch can be seen in the index, before its callers go on.
  using Published = std::function<void(const Transaction&)>;
  Committer(Files& files, std::string directory, std::uint64_t store, Index& index, Log& log, Clock& clock,
            std::function<std::uint64_t()> next_data, Published published);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Runs `work` on the committer's thread, in a batch with others; when this returns without an error, what it emitted
  // is durable and visible. An error of `work` is returned; it must not have emitted anything then.
  using Work = std::function<Status(Transaction&)>;
  Status run(const Op& op, std::uint64_t bytes, const Work& work);
  // Runs `work` between batches, outside of any transaction.
  using Apart = std::function<Status(Index&)>;
  Status run_apart(const Apart& work);

  struct Totals {
    std::uint64_t batches = 0, writes = 0, flushes = 0;
  };
  [[nodiscard]] Totals totals() const;
  [[nodiscard]] std::size_t waiting() const;  // calls that the next batch will take

 private:
  struct Request {
    const Work* work = nullptr;
    const Apart* apart = nullptr;
    std::uint64_t bytes = 0;
    Status result;
    // Each caller sleeps on its own: waking all for each batch, or spinning, would cost more than the write.
    std::mutex mutex;
    std::condition_variable ended;
    bool done = false;
  };
  Status enqueue(Request& request);
  void loop();
  std::vector<Request*> next_batch();
  void run_batch(const std::vector<Request*>& requests);
  Status fill(Transaction& transaction, const std::vector<Request*>& requests);
  Status commit(Transaction& transaction);
  Status make_ready();

  Files& files_;
  const std::string directory_;
  const std::uint64_t store_;
  Index& index_;
  Log& log_;
  Clock& clock_;
  const std::function<std::uint64_t()> next_data_;
  const Published published_;
  bool index_behind_ = false;  // the log holds records that the index could not take
  std::size_t last_batch_requests_ = 0;
  std::chrono::nanoseconds last_batch_took_{0};

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Request*> waiting_;
  Totals totals_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace duskline::objects
