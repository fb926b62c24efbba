#include "sync/executor.h"

#include <algorithm>
#include <atomic>

#include "base/units.h"

namespace duskline::sync {
namespace {

constexpr unsigned max_large_tries = 3;
constexpr std::size_t removals_at_once = 200;  // in one task
constexpr std::size_t tasks_ahead = 2;         // for each worker
constexpr std::size_t max_batch_files = 16, batches_for_each_worker = 8;
constexpr std::uint64_t max_batch_bytes = 256 << 10;
constexpr auto progress_interval = std::chrono::milliseconds(100);

// What would fail for every other file too.
bool ends_everything(Code code) {
  switch (code) {
    case Code::no_space:
    case Code::read_only:
    case Code::expired:
    case Code::cancelled:
    case Code::usage:
    case Code::internal:
      return true;
    default:
      return false;
  }
}

// What, after all tries, is either the whole service's failure or that of one object: so many in a row, with nothing
// that came through in between, tell.
constexpr unsigned outage_failures = 4;
bool may_be_an_outage(Code code) {
  return code == Code::unavailable || code == Code::throttled || code == Code::timeout;
}

}  // namespace

// A file on its way in pieces.
struct Executor::Large {
  Waiting waiting;
  Transfer::Begun begun;
  std::unique_ptr<Upload> upload;
  std::vector<bool> done;
  std::atomic<std::size_t> left{0};
  std::mutex mutex;
  std::unique_ptr<Unfinished::Note> note;
  std::optional<Error> error;
  std::uint64_t moved_bytes = 0;
};

Executor::Executor(const Op& op, const Parts& parts, const Options& options, Results& results, Unfinished& unfinished,
                   const PlanTotals& plan)
    : op_(op),
      parts_(parts),
      options_(options),
      results_(results),
      unfinished_(unfinished),
      transfer_(parts, options),
      pool_(std::make_unique<WorkerPool>(op, options.workers, tasks_ahead * options.workers)) {
  progress_ = {.phase = options.mode == Mode::sync ? "sync" : "compare",
               .files_total = plan.add + plan.change + plan.compare,
               .bytes_total = plan.bytes};
  const std::size_t shared_out = progress_.files_total / (batches_for_each_worker * options.workers);
  batch_files_ = std::clamp<std::size_t>(shared_out, 1, max_batch_files);
}

Status Executor::run(const std::function<std::unique_ptr<RecordReader>()>& read_plan) {
  const auto pass = [&](Status (Executor::*step)(RecordReader&)) -> Status {
    const auto plan = read_plan();
    if (plan == nullptr)
      return Error{Code::io, "the plan of this run cannot be read any more; is the cache folder in use?"};
    return (this->*step)(*plan);
  };
  DL_TRY(pass(&Executor::copy_all));
  DL_TRY(wait_for_all());
  DL_TRY(pass(&Executor::remove_all));
  DL_TRY(wait_for_all());
  DL_TRY(pass(&Executor::add_folders));
  DL_TRY(copy_blocked());
  DL_TRY(wait_for_all());
  return pool_->finish();
}

Status Executor::copy_all(RecordReader& plan) {
  while (const Record* record = plan.next()) {
    switch (record->action) {
      case Action::keep:
        results_.keep(*record);
        if (options_.tell == Options::Tell::everything) tell(*record, "keep", 0, "");
        {
          const std::lock_guard lock(mutex_);
          ++totals_.kept;
        }
        break;
      case Action::remove:
        break;
      case Action::add:
        if (record->is_directory()) break;
        [[fallthrough]];
      case Action::change:
      case Action::compare:
        DL_TRY(submit(*record, results_.reserve()));
        break;
    }
  }
  return {};
}

Status Executor::submit(const Record& record, std::uint64_t place) {
  DL_TRY(begin_waiting_large());
  batch_.push_back({record, place});
  batch_bytes_ += record.source.size_bytes;
  if (batch_.size() < batch_files_ && batch_bytes_ < max_batch_bytes) return {};
  return submit_batch();
}

Status Executor::submit_batch() {
  if (batch_.empty()) return {};
  {
    const std::lock_guard lock(mutex_);
    if (fatal_) return *fatal_;
    ++tasks_;
  }
  batch_bytes_ = 0;
  const bool taken = pool_->submit([this, batch = std::exchange(batch_, {})](const Op& op) -> Status {
    for (const Waiting& waiting : batch) work_on(op, waiting.record, waiting.place);
    end_task();
    return {};
  });
  if (taken) return {};
  end_task();
  return pool_->finish();
}

void Executor::work_on(const Op& op, const Record& record, std::uint64_t place) {
  auto outcome = transfer_.run(op, record);
  if (!outcome) {
    failed(record, place, std::move(outcome).error());
    return;
  }
  if (outcome->kind != Outcome::Kind::too_large) {
    done(*outcome, place);
    return;
  }
  const std::lock_guard lock(mutex_);
  large_.push_back({outcome->record, place});
  changed_.notify_all();
}

void Executor::end_task() {
  const std::lock_guard lock(mutex_);
  if (--tasks_ == 0) changed_.notify_all();
}

Status Executor::begin_waiting_large() {
  for (;;) {
    Waiting waiting;
    {
      const std::lock_guard lock(mutex_);
      if (fatal_) return *fatal_;
      if (large_.empty()) return {};
      waiting = std::move(large_.front());
      large_.pop_front();
    }
    DL_TRY(begin_large(std::move(waiting)));
  }
}

Status Executor::wait_for_all() {
  DL_TRY(submit_batch());
  for (;;) {
    DL_TRY(begin_waiting_large());
    std::unique_lock lock(mutex_);
    changed_.wait(lock, op_.stop, [&] { return tasks_ == 0 || !large_.empty() || fatal_; });
    if (fatal_) return *fatal_;
    if (large_.empty() && tasks_ == 0) return {};
    if (op_.stop.stop_requested()) {
      lock.unlock();
      return op_.check();
    }
  }
}

// Asks what is there now, begins or resumes the upload, and gives out its pieces.
Status Executor::begin_large(Waiting waiting) {
  auto large = std::make_shared<Large>();
  large->waiting = std::move(waiting);
  const Record& record = large->waiting.record;
  const std::uint64_t place = large->waiting.place;
  auto begun = transfer_.look(op_, record);
  if (!begun) {
    failed(record, place, std::move(begun).error());
    return {};
  }
  if (!*begun) {
    done({Outcome::Kind::vanished, record}, place);
    return {};
  }
  large->begun = std::move(**begun);
  const NewFile& file = large->begun.file;
  const std::size_t pieces = std::max<std::size_t>((file.size_bytes + file.piece_bytes - 1) / file.piece_bytes, 1);
  const auto before = unfinished_.find(record.path, pieces);
  const bool may_go_on =
      before && before->source == large->begun.version.stamp && before->piece_bytes == file.piece_bytes;
  if (before && !may_go_on) parts_.destination.give_up(op_, record.path, before->token);
  auto upload = parts_.destination.begin(op_, file, may_go_on ? before->token : "");
  if (!upload) {
    failed(record, place, std::move(upload).error());
    return {};
  }
  large->upload = std::move(*upload);
  large->done = large->upload->done;
  if (large->done.empty() && large->upload->is_resumed) large->done = before->done;
  large->done.resize(pieces);
  auto note =
      unfinished_.begin({record.path, large->begun.version.stamp, file.piece_bytes, large->upload->token, large->done});
  if (!note) return std::move(note).error();
  large->note = std::move(*note);
  std::vector<std::size_t> todo;
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    if (!large->done[piece]) todo.push_back(piece);
  }
  if (todo.size() < pieces) {
    parts_.reporter.note(Severity::info, "goes on with \"" + printable(record.path) +
                                             "\": " + format_count(pieces - todo.size()) + " of " +
                                             format_count(pieces) + " pieces are there");
  }
  large->left = std::max<std::size_t>(todo.size(), 1);
  const std::size_t none_left = pieces;  // all are there: only the end is missing
  if (todo.empty()) todo.push_back(none_left);
  for (const std::size_t piece : todo) {
    {
      const std::lock_guard lock(mutex_);
      ++tasks_;
    }
    const bool taken = pool_->submit([this, large, piece](const Op& op) -> Status {
      work_on_piece(op, large, piece);
      end_task();
      return {};
    });
    if (taken) continue;
    end_task();
    return pool_->finish();
  }
  return {};
}

void Executor::work_on_piece(const Op& op, const std::shared_ptr<Large>& large, std::size_t piece) {
  const NewFile& file = large->begun.file;
  bool is_given_up = false;
  {
    const std::lock_guard lock(large->mutex);
    is_given_up = large->error.has_value();
  }
  Progress progress;
  if (piece < large->done.size() && !is_given_up) {
    const std::uint64_t offset = piece * file.piece_bytes;
    const Range range{offset, std::min(file.piece_bytes, file.size_bytes - offset)};
    Origin origin{parts_.source, large->waiting.record.path, large->begun.version.stamp};
    auto written = parts_.destination.write(op, file, *large->upload, piece, range, origin);
    const std::lock_guard lock(large->mutex);
    if (written) written = large->note->done(piece);
    if (written) {
      large->moved_bytes += range.length_bytes;
      const std::lock_guard progress_lock(mutex_);
      progress_.bytes += range.length_bytes;
      progress = progress_;
    } else if (!large->error) {
      large->error = std::move(written).error();
    }
  }
  if (progress.bytes > 0) show_progress(progress);
  if (large->left.fetch_sub(1) == 1) end_large(op, *large);
}

void Executor::end_large(const Op& op, Large& large) {
  const Record& record = large.waiting.record;
  std::optional<Error> error;
  Result<Stamp> stored = Stamp{};
  if (large.error) {
    error = std::move(large.error);
  } else {
    stored = parts_.destination.finish(op, large.begun.file, *large.upload, fingerprint_of(large.begun.version));
    if (!stored) error = stored.error();
  }
  large.note.reset();
  if (!error) {
    (void)unfinished_.end(record.path);  // a leftover costs a look at the next run
    Outcome outcome = transfer_.stored(record, large.begun, *stored, large.moved_bytes);
    outcome.shown_bytes = large.moved_bytes;
    done(outcome, large.waiting.place);
    return;
  }
  const bool may_go_on = is_retryable(error->code) || error->code == Code::cancelled || error->code == Code::timeout ||
                         error->code == Code::no_space || error->code == Code::io;
  if (!may_go_on) {
    parts_.destination.give_up(op, record.path, large.upload->token);
    (void)unfinished_.end(record.path);
  }
  const bool again =
      (error->code == Code::changing || error->code == Code::corrupt) && large.waiting.tries < max_large_tries;
  if (!again) {
    failed(record, large.waiting.place, std::move(*error));
    return;
  }
  const std::lock_guard lock(mutex_);
  Waiting waiting = std::move(large.waiting);
  ++waiting.tries;
  large_.push_back(std::move(waiting));
  changed_.notify_all();
}

void Executor::tell(const Record& record, std::string_view action, std::uint64_t bytes, std::string_view reason) {
  parts_.reporter.record({.path = record.path, .action = action, .bytes = bytes, .source = "", .reason = reason});
}

// How an outcome is called, and counted in the totals.
std::string_view Executor::count(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::touched:
      ++totals_.touched;
      return "touch";
    case Outcome::Kind::added:
      ++totals_.added;
      return "add";
    case Outcome::Kind::changed:
      ++totals_.changed;
      return "change";
    case Outcome::Kind::vanished:
      ++totals_.skipped;
      return "skip";
    default:
      ++totals_.kept;
      return "keep";
  }
}

void Executor::done(const Outcome& outcome, std::uint64_t place) {
  const Record& record = outcome.record;
  const bool is_gone = outcome.kind == Outcome::Kind::vanished;
  const bool is_kept = outcome.kind == Outcome::Kind::kept;
  const std::uint64_t size = record.source.size_bytes;
  std::string_view action;
  Progress progress;
  {
    const std::lock_guard lock(mutex_);
    outages_ = 0;
    ++progress_.files;
    progress_.bytes += size - std::min(size, outcome.shown_bytes);
    totals_.moved_bytes += outcome.moved_bytes;
    action = count(outcome);
    progress = progress_;
  }
  if (!is_kept || options_.tell == Options::Tell::everything) {
    tell(record, action, size, is_gone ? "it was removed from the source meanwhile" : "");
  }
  const bool is_the_same_now = is_kept || (options_.mode == Mode::sync && !is_gone);
  results_.resolve(place, is_the_same_now ? std::optional(record) : std::nullopt);
  show_progress(progress);
}

void Executor::failed(const Record& record, std::uint64_t place, Error error) {
  if (is_in_the_way(error) && options_.extra == Options::Extra::remove) {
    const std::lock_guard lock(mutex_);
    blocked_.push_back({record, place});
    return;
  }
  results_.resolve(place, std::nullopt);
  if (error.code != Code::cancelled) tell(record, "fail", record.source.size_bytes, error.describe());
  const std::lock_guard lock(mutex_);
  ++totals_.failed;
  const bool is_outage = may_be_an_outage(error.code) && ++outages_ >= outage_failures;
  const bool is_fatal = is_outage || ends_everything(error.code);
  if (is_fatal && !fatal_) fatal_ = std::move(error);
  changed_.notify_all();
}

void Executor::show_progress(const Progress& now) {
  const SteadyTime time = parts_.clock.steady();
  {
    const std::lock_guard lock(mutex_);
    if (time < next_progress_) return;
    next_progress_ = time + progress_interval;
  }
  parts_.reporter.progress(now);
}

// Whether the source has no such file, asked again: its listing may have been wrong, or the file have come back.
// Says why it stays where it does.
bool Executor::is_surplus(const Op& op, const Record& record) {
  const auto there = parts_.source.presence(op, record.path);
  if (there && *there == Presence::absent) return true;
  const bool is_other = there && *there == Presence::other;
  if (is_other) {
    tell(record, "extra", record.destination.size_bytes, "SRC has something in its place that is not copied");
  } else {
    tell(record, "fail", record.destination.size_bytes,
         there ? "not removed: SRC has it, although its listing did not show it; the next run copies it"
               : "not removed, because SRC could not be asked about it: " + there.error().describe());
  }
  const std::lock_guard lock(mutex_);
  ++(is_other ? totals_.extra : totals_.failed);
  return false;
}

Status Executor::submit_removals(std::vector<Record> batch) {
  if (batch.empty()) return {};
  {
    const std::lock_guard lock(mutex_);
    if (fatal_) return *fatal_;
    ++tasks_;
  }
  const bool taken = pool_->submit([this, batch = std::move(batch)](const Op& op) -> Status {
    if (auto removed = remove_batch(op, batch); !removed) {
      const std::lock_guard lock(mutex_);
      if (!fatal_) fatal_ = std::move(removed).error();
    }
    end_task();
    return {};
  });
  if (taken) return {};
  end_task();
  return pool_->finish();
}

Status Executor::remove_batch(const Op& op, const std::vector<Record>& batch) {
  std::vector<Removal> ready;
  for (const Record& record : batch) {
    if (record.is_directory()) {
      ready.push_back({record.path, {}});
      continue;
    }
    DL_TRY(op.check());
    if (!is_surplus(op, record)) continue;
    Status kept;
    if (options_.backup == Options::Backup::made) kept = parts_.destination.set_aside(op, record.path);
    if (kept) {
      ready.push_back({record.path, record.destination});
      continue;
    }
    tell(record, "fail", 0, kept.error().describe());
    const std::lock_guard lock(mutex_);
    ++totals_.failed;
  }
  if (ready.empty()) return {};
  DL_ASSIGN(const auto failures, parts_.destination.remove(op, ready));
  for (const RemoveFailure& failure : failures) tell({.path = failure.path}, "fail", 0, failure.error.describe());
  for (const auto& [path, stamp] : ready) {
    const bool gone = std::ranges::find(failures, path, &RemoveFailure::path) == failures.end();
    if (path.ends_with('/')) continue;
    if (gone) tell({.path = path}, "remove", 0, "");
    const std::lock_guard lock(mutex_);
    ++(gone ? totals_.removed : totals_.failed);
  }
  return {};
}

Status Executor::remove_all(RecordReader& plan) {
  const bool may_remove = options_.extra == Options::Extra::remove;
  bool spoiled = false;
  {
    const std::lock_guard lock(mutex_);
    spoiled = totals_.failed > 0;
  }
  std::vector<Record> batch, folders;
  std::uint64_t left_alone = 0;
  while (const Record* record = plan.next()) {
    if (record->action != Action::remove) continue;
    if (may_remove && !spoiled && options_.mode == Mode::sync) {
      (record->is_directory() ? folders : batch).push_back(*record);
      if (batch.size() == removals_at_once) DL_TRY(submit_removals(std::exchange(batch, {})));
      continue;
    }
    const bool would_remove = may_remove && options_.mode == Mode::dry_run;
    if (would_remove && !record->is_directory() && !is_surplus(op_, *record)) continue;
    ++left_alone;
    const bool is_told = would_remove || options_.mode == Mode::check || options_.tell == Options::Tell::everything;
    if (is_told) tell(*record, would_remove ? "remove" : "extra", record->destination.size_bytes, "");
    if (record->is_directory()) continue;
    const std::lock_guard lock(mutex_);
    ++(would_remove ? totals_.removed : totals_.extra);
  }
  DL_TRY(submit_removals(std::move(batch)));
  DL_TRY(wait_for_all());
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) DL_TRY(remove_batch(op_, {*folder}));
  if (may_remove && spoiled && left_alone > 0 && options_.mode == Mode::sync) {
    parts_.reporter.note(Severity::warning, format_count(left_alone) +
                                                " files that the source does not have were not removed, because not "
                                                "everything could be copied");
  }
  return {};
}

Status Executor::add_folders(RecordReader& plan) {
  while (const Record* record = plan.next()) {
    if (record->action != Action::add || !record->is_directory()) continue;
    DL_TRY(op_.check());
    if (options_.mode == Mode::sync) {
      Attributes attributes;
      if (record->source.mode != 0) attributes.mode = record->source.mode;
      auto made = parts_.destination.store(op_, record->path, {}, attributes);
      if (!made) {
        const Code code = made.error().code;
        if (ends_everything(code) || may_be_an_outage(code)) return std::move(made).error();
        tell(*record, "fail", 0, made.error().describe());
        const std::lock_guard lock(mutex_);
        ++totals_.failed;
        continue;
      }
    }
    tell(*record, "add", 0, "");
    const std::lock_guard lock(mutex_);
    ++totals_.added;
  }
  return {};
}

// What stood in the way is gone now, or it never will be.
Status Executor::copy_blocked() {
  std::vector<Waiting> blocked;
  {
    const std::lock_guard lock(mutex_);
    blocked = std::exchange(blocked_, {});
  }
  for (const Waiting& waiting : blocked) DL_TRY(submit(waiting.record, waiting.place));
  DL_TRY(wait_for_all());
  const std::lock_guard lock(mutex_);
  for (const Waiting& waiting : blocked_) {
    results_.resolve(waiting.place, std::nullopt);
    tell(waiting.record, "fail", 0, "something else stands in its place and was not removed");
    ++totals_.failed;
  }
  return {};
}

}  // namespace duskline::sync
