#include "objects/engine.h"

#include <fcntl.h>

#include <algorithm>

#include "objects/replay.h"
#include "objects/scrub.h"

namespace duskline::objects {
namespace {

// Deletes must still find room when puts no longer do.
constexpr std::uint64_t reserved_bytes = 64 << 20;
constexpr std::uint64_t min_index_cache_bytes = 2 << 20;
// Half of the cache is the committer's; the rest is shared by as many readers as are usually busy.
constexpr std::uint64_t usual_readers = 24;
constexpr std::size_t direct_buffers = 12;

}  // namespace

Engine::Engine(const ObjectsOptions& options, Clock& clock, std::unique_ptr<Files> files, Home home)
    : options_(options),
      clock_(clock),
      files_(std::move(files)),
      home_(std::move(home)),
      buffers_(direct_buffers),
      open_files_(*files_, home_.directory, home_.store, std::max<std::size_t>(options.open_files, 8)),
      readers_(home_.index_path(), options.index_cache_bytes / 2 / usual_readers),
      body_context_{*files_, home_.directory, home_.store, pins_, buffers_, [this] { return next_data_++; }} {}

Result<std::unique_ptr<Engine>> Engine::open(const ObjectsOptions& options, Clock& clock, std::unique_ptr<Files> files,
                                             const Tuning& tuning) {
  DL_ASSIGN(Home home, open_home(*files, options.directory));
  std::unique_ptr<Engine> engine(new Engine(options, clock, std::move(files), std::move(home)));
  DL_TRY(engine->start(tuning));
  return engine;
}

Status Engine::start(const Tuning& tuning) {
  if (files_->open(home_.suspect_path(), O_RDONLY)) {
    note(Severity::warning, "the index of " + home_.directory + " could not be synced once: it is made anew");
    DL_TRY(remove_index(*files_, home_.index_path()));
    DL_TRY(files_->remove(home_.suspect_path()));
  }
  const std::uint64_t cache = std::max(options_.index_cache_bytes / 2, min_index_cache_bytes);
  DL_ASSIGN(index_, Index::open(home_.index_path(), cache, tuning.index_sync));
  ReplayPlan plan;
  plan.directory = home_.directory;
  plan.store = home_.store;
  DL_ASSIGN(const Replayed replayed, replay(*files_, plan, *index_));
  for (const std::string& message : replayed.notes) note(Severity::warning, message);
  log_ = std::make_unique<Log>(*files_, home_.directory, home_.store, replayed.end, tuning.segment_bytes);
  DL_TRY(log_->resume());
  next_data_ = index_->state.next_data;
  publish_buckets();
  committer_ = std::make_unique<Committer>(
      *files_, home_.directory, home_.store, *index_, *log_, clock_, [this] { return next_data_.load(); },
      [this](const Transaction& transaction) { published(transaction); });
  keeper_ = std::make_unique<Keeper>(
      KeeperContext{*files_, home_, clock_, pins_, epochs_, open_files_, readers_, *committer_, tuning.background,
                    [this](Severity severity, const std::string& message) { note(severity, message); }});
  return {};
}

Engine::~Engine() {
  keeper_.reset();
  committer_.reset();
  readers_.close();  // before the index, which so is the last: it moves the WAL into the file
}

Status Engine::tidy() {
  for (bool more = true; more;) {
    DL_ASSIGN(more, keeper_->round());
  }
  DL_ASSIGN(const bool rest, keeper_->round());  // what the last step left to be removed
  return rest ? tidy() : Status();
}

void Engine::note(Severity severity, const std::string& message) {
  if (options_.reporter != nullptr) options_.reporter->note(severity, message);
}

// On the committer's thread: what was just committed becomes what everybody sees.
void Engine::published(const Transaction& transaction) {
  epochs_.retire(index_->take_dead_files(), clock_.steady());
  bound_wal();
  const std::unique_lock lock(published_mutex_);
  count();
  for (const std::string& name : transaction.changed_buckets) {
    const auto found = index_->buckets().find(name);
    if (found == index_->buckets().end()) {
      buckets_.erase(name);
    } else {
      buckets_[name] = std::make_shared<const BucketRow>(found->second);
    }
  }
  counts_.buckets = buckets_.size();
}

void Engine::publish_buckets() {
  const std::unique_lock lock(published_mutex_);
  for (const auto& [name, row] : index_->buckets()) buckets_[name] = std::make_shared<const BucketRow>(row);
  count();
}

void Engine::count() {
  counts_.buckets = buckets_.size();
  counts_.versions = index_->state.versions;
  counts_.live_bytes = index_->state.live_bytes;
  counts_.stored_bytes = index_->state.file_bytes + index_->log_bytes();
}

// The keeper moves the index's WAL into its file while others write. Under steady load it never comes to the end, so
// that the WAL could not begin anew: then the rest, which is little, is moved between two batches.
void Engine::bound_wal() {
  const std::uint64_t pages = index_->database().wal_pages();
  if (pages < wal_pages_allowed_) {
    if (pages < max_wal_pages) wal_pages_allowed_ = max_wal_pages;
    return;
  }
  wal_pages_allowed_ = pages + max_wal_pages / 4;  // a reader may be in the way: not again at once
  const auto done = index_->database().checkpoint();
  if (done) return;
  if (done.error().code == Code::io) mark_suspect(*files_, home_);
  note(Severity::error, done.error().describe());
}

Counts Engine::counts() {
  Counts counts;
  {
    const std::shared_lock lock(published_mutex_);
    counts = counts_;
  }
  const Committer::Totals totals = committer_->totals();
  counts.flushes = totals.flushes;
  counts.batches = totals.batches;
  counts.writes = totals.writes;
  return counts;
}

Result<ScrubReport> Engine::scrub(const Op& op, std::uint64_t bytes_per_second) {
  return scrub_objects(op, {*this, *files_, home_, open_files_, *committer_, clock_}, bytes_per_second);
}

Status Engine::room_for(std::uint64_t bytes) {
  DL_ASSIGN(const std::uint64_t left, files_->free_bytes(home_.directory));
  if (left >= reserved_bytes && left - reserved_bytes >= bytes) return {};
  return Error(Code::no_space, "store " + home_.directory + ": " + std::to_string(left) + " bytes are free, " +
                                   std::to_string(bytes) + " are to be stored, and " + std::to_string(reserved_bytes) +
                                   " stay reserved for deletes; free some space");
}

// --- buckets

Result<std::uint64_t> Engine::bucket_id(const std::string& name) {
  const std::shared_lock lock(published_mutex_);
  const auto found = buckets_.find(name);
  if (found == buckets_.end()) return Error(Code::not_found, "bucket '" + name + "' does not exist");
  return found->second->id;
}

Result<std::optional<Bucket>> Engine::bucket(const std::string& name) {
  const std::shared_lock lock(published_mutex_);
  const auto found = buckets_.find(name);
  return found == buckets_.end() ? std::nullopt : std::optional(found->second->bucket);
}

Result<std::vector<Bucket>> Engine::buckets() {
  std::vector<Bucket> all;
  const std::shared_lock lock(published_mutex_);
  for (const auto& [name, row] : buckets_) all.push_back(row->bucket);
  return all;
}

Result<Bucket> Engine::create_bucket(const Op& op, const Bucket& bucket) {
  if (bucket.name.empty() || bucket.name.size() > 255) {
    return Error(Code::invalid, "a bucket's name has 1 to 255 bytes");
  }
  Bucket made = bucket;
  DL_TRY(committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    if (transaction.bucket(bucket.name)) {
      return Error(Code::already_exists, "bucket '" + bucket.name + "' exists already");
    }
    if (made.created == WallTime{}) made.created = transaction.now;
    BucketState entry;
    entry.id = transaction.next_sequence();
    entry.bucket = made;
    transaction.bucket_changed(made.name);
    return transaction.emit({entry});
  }));
  return made;
}

Status Engine::remove_bucket(const Op& op, const std::string& name, const Gate& gate) {
  return committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const BucketRow* row, transaction.bucket(name));
    if (gate) DL_TRY(gate(nullptr));
    DL_ASSIGN(const bool full, transaction.lookups().holds_versions(row->id));
    if (full) return Error(Code::refused, "bucket '" + name + "' holds versions of objects; remove them first");
    BucketGone entry;
    entry.id = row->id;
    entry.first = row->first;
    transaction.bucket_changed(name);
    return transaction.emit({entry});
  });
}

Result<Bucket> Engine::change_bucket(const Op& op, const std::string& name,
                                     const std::function<Status(Bucket&)>& change) {
  Bucket changed;
  DL_TRY(committer_->run(op, 0, [&](Transaction& transaction) -> Status {
    DL_ASSIGN(const BucketRow* row, transaction.bucket(name));
    changed = row->bucket;
    DL_TRY(change(changed));
    changed.name = row->bucket.name;
    changed.owner = row->bucket.owner;
    changed.created = row->bucket.created;
    if (changed.versioning == Versioning::never && row->bucket.versioning != Versioning::never) {
      return Error(Code::refused, "bucket '" + name + "' was versioned once: that can only be suspended");
    }
    BucketState entry;
    entry.id = row->id;
    entry.first = row->first;
    entry.bucket = changed;
    transaction.bucket_changed(name);
    return transaction.emit({entry});
  }));
  return changed;
}

Result<std::unique_ptr<Objects>> open_objects(const ObjectsOptions& options, Clock& clock) {
  DL_ASSIGN(std::unique_ptr<Engine> engine, Engine::open(options, clock, std::make_unique<Files>(), Tuning{}));
  return std::unique_ptr<Objects>(std::move(engine));
}

}  // namespace duskline::objects
