#include "objects/committer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "objects/replay.h"

namespace duskline::objects {
namespace {

constexpr std::size_t max_batch_requests = 256;
constexpr std::uint64_t max_batch_bytes = 4 << 20;

// How long a batch waits for callers that are about to come back: a small part of a flush, and not at all where flushes
// are so quick that a wait could not be kept that short.
std::chrono::nanoseconds patience(std::chrono::nanoseconds last_batch_took) {
  constexpr std::chrono::microseconds least{100}, most{2000};
  const std::chrono::nanoseconds part = last_batch_took / 8;
  return part < least ? std::chrono::nanoseconds(0) : std::min<std::chrono::nanoseconds>(part, most);
}

}  // namespace

Result<const BucketRow*> Transaction::bucket(const std::string& name) {
  const auto found = index_.buckets().find(name);
  if (found == index_.buckets().end()) return Error(Code::not_found, "bucket '" + name + "' does not exist");
  return &found->second;
}

Status Transaction::emit(const std::vector<Entry>& entries, ByteView body) {
  Bytes meta;
  std::vector<std::size_t> lengths;
  lengths.reserve(entries.size());
  for (const Entry& entry : entries) lengths.push_back(encode_entry(entry, meta));
  if (meta.size() > max_record_part_bytes || body.size() > max_record_part_bytes) {
    return Error(Code::too_large, "a record of " + std::to_string(meta.size()) + " bytes is more than the log takes");
  }
  Place place;
  place.segment = start_.segment;
  place.body_at = body_offset(start_.offset + batch.size());
  append_record(batch, store_, start_, body, meta);
  ++records;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    place.entry_bytes = lengths[i] + (i == 0 ? record_head_bytes : 0);
    if (Status done = index_.apply(entries[i], place); !done) {
      broken = true;
      return done;
    }
  }
  return {};
}

Committer::Committer(Files& files, std::string directory, std::uint64_t store, Index& index, Log& log, Clock& clock,
                     std::function<std::uint64_t()> next_data, Published published)
    : files_(files),
      directory_(std::move(directory)),
      store_(store),
      index_(index),
      log_(log),
      clock_(clock),
      next_data_(std::move(next_data)),
      published_(std::move(published)),
      thread_([this] { loop(); }) {}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Status Committer::enqueue(Request& request) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error(Code::cancelled, "the store is being closed");
    waiting_.push_back(&request);
  }
  wake_.notify_one();
  std::unique_lock lock(request.mutex);
  request.ended.wait(lock, [&] { return request.done; });
  return std::move(request.result);
}

Status Committer::run(const Op& op, std::uint64_t bytes, const Work& work) {
  DL_TRY(op.check());
  Request request;
  request.work = &work;
  request.bytes = bytes;
  return enqueue(request);
}

Status Committer::run_apart(const Apart& work) {
  Request request;
  request.apart = &work;
  return enqueue(request);
}

Committer::Totals Committer::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

std::size_t Committer::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void Committer::loop() {
  for (;;) {
    const std::vector<Request*> requests = next_batch();
    if (requests.empty()) return;
    if (requests.front()->apart != nullptr) {
      requests.front()->result = (*requests.front()->apart)(index_);
    } else {
      const SteadyTime began = clock_.steady();
      run_batch(requests);
      last_batch_took_ = clock_.steady() - began;
      last_batch_requests_ = requests.size();
    }
    for (Request* request : requests) {
      // Told under the lock: once it is released, the request may be gone.
      const std::lock_guard lock(request->mutex);
      request->done = true;
      request->ended.notify_one();
    }
  }
}

// What waits, up to a limit; a request to be run apart comes alone.
std::vector<Committer::Request*> Committer::next_batch() {
  std::unique_lock lock(mutex_);
  // Who has just been answered often has the next write ready in a moment. Without a short wait for them, the callers
  // fall into two halves that take turns, and each flush serves half of what it could. One caller alone is never waited
  // for.
  const std::size_t expected = std::min(waiting_.size() + last_batch_requests_, max_batch_requests);
  wake_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
  if (waiting_.size() < expected) {
    wake_.wait_for(lock, patience(last_batch_took_), [&] { return stopping_ || waiting_.size() >= expected; });
  }
  std::vector<Request*> batch;
  std::uint64_t bytes = 0;
  while (!waiting_.empty() && batch.size() < max_batch_requests) {
    Request* next = waiting_.front();
    if (!batch.empty() && (next->apart != nullptr || bytes + next->bytes > max_batch_bytes)) break;
    waiting_.pop_front();
    batch.push_back(next);
    bytes += next->bytes;
    if (next->apart != nullptr) break;
  }
  return batch;
}

Status Committer::make_ready() {
  if (index_behind_) {
    // The log has what the index lacks: nothing may be decided before they agree.
    DL_TRY(replay(files_, {directory_, store_, OnDamage::stop, log_.end()}, index_));
    index_behind_ = false;
  }
  return log_.ready(index_.state.next_sequence, next_data_());
}

void Committer::run_batch(const std::vector<Request*>& requests) {
  Status ready = make_ready();
  if (ready) ready = index_.begin();
  if (!ready) {
    for (Request* request : requests) request->result = ready;
    return;
  }
  Transaction transaction(index_, store_, log_.end(), clock_.now());
  Status done = fill(transaction, requests);
  if (done) done = commit(transaction);
  if (done) {
    const std::lock_guard lock(mutex_);
    ++totals_.batches;
    totals_.writes += transaction.records;
    totals_.flushes = log_.flushes();
  } else {
    // Also those that were refused: they may have been because of what did not happen now.
    for (Request* request : requests) request->result = done;
  }
}

Status Committer::fill(Transaction& transaction, const std::vector<Request*>& requests) {
  for (Request* request : requests) {
    const std::uint64_t before = transaction.records;
    request->result = (*request->work)(transaction);
    if (request->result) continue;
    if (transaction.broken || transaction.records != before) {
      const Error error = request->result.error();
      (void)index_.rollback();
      return error;
    }
  }
  return {};
}

Status Committer::commit(Transaction& transaction) {
  if (transaction.batch.empty()) return index_.database().execute("COMMIT");  // nothing was changed
  if (Status written = log_.append(transaction.batch); !written) {
    (void)index_.rollback();
    return wrap(written.error(), "nothing was changed, since the log could not be written");
  }
  index_.state.whole_to = log_.end();
  index_.set_segment_bytes(log_.end().segment, log_.end().offset);
  if (Status seen = index_.commit(); !seen) {
    index_behind_ = true;
    return wrap(seen.error(), "written to the log, but the index could not be brought up to it");
  }
  published_(transaction);
  return {};
}

}  // namespace duskline::objects
