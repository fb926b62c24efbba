#include "objects/keeper.h"

#include <fcntl.h>

#include "objects/codec.h"
#include "objects/compaction.h"
#include "objects/data_file.h"
#include "objects/log.h"

namespace duskline::objects {
namespace {

constexpr std::chrono::milliseconds between_rounds{500};
constexpr std::uint64_t checkpoint_wal_bytes = 4 << 20;
constexpr double compaction_bytes_per_second = 32 << 20;

}  // namespace

Keeper::Keeper(KeeperContext context) : context_(std::move(context)) {
  if (context_.background == Background::thread) thread_ = std::thread([this] { loop(); });
}

Keeper::~Keeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Keeper::loop() {
  for (;;) {
    const auto more = round();
    const std::string failure = more ? std::string() : more.error().describe();
    if (!failure.empty() && failure != last_note_) context_.note(Severity::warning, failure);
    last_note_ = failure;
    std::unique_lock lock(mutex_);
    if (!more || !*more) woken_.wait_for(lock, between_rounds, [&] { return stopping_; });
    if (stopping_) return;
  }
}

Result<bool> Keeper::round() {
  const std::lock_guard lock(round_);
  if (!looked_for_leftovers_) DL_TRY(remove_leftovers());
  looked_for_leftovers_ = true;
  DL_TRY(remove_dead());
  DL_TRY(checkpoint());
  return compact();
}

Status Keeper::remove_dead() {
  // What died while it was pinned may have been found since: it waits its turn as well.
  std::vector<std::uint64_t> unpinned;
  for (const std::uint64_t file : context_.pins.take_released()) {
    DL_ASSIGN(const bool needed, is_needed(file));
    if (!needed) unpinned.push_back(file);
  }
  context_.epochs.retire(unpinned, context_.clock.steady());
  const auto files = context_.epochs.take_unreachable(context_.clock.steady());
  // One that cannot be removed is in nobody's way; the next start tries again.
  Status first;
  for (const std::uint64_t file : files) {
    if (Status removed = remove_if_dead(file); !removed && first) first = std::move(removed);
  }
  return first;
}

// The pins are asked first, since whoever holds none any more has committed, and then the index says so; and once more,
// since somebody may have pinned it while the index still named it.
Result<bool> Keeper::is_needed(std::uint64_t file) {
  if (context_.pins.pinned(file)) return true;
  DL_ASSIGN(auto reader, context_.readers.lend());
  DL_ASSIGN(const auto references, reader->lookups.file_references(file));
  return references.has_value() || context_.pins.pinned(file);
}

Status Keeper::remove_if_dead(std::uint64_t file) {
  if ((file & segment_bit) != 0) return remove_segment(file & ~segment_bit);
  DL_ASSIGN(const bool needed, is_needed(file));
  if (needed) return {};
  const Status removed = context_.files.remove(data_path(context_.home.directory, file));
  context_.open_files.drop(file);
  if (!removed && removed.error().code != Code::not_found) return removed;
  return {};
}

// Of a process that was killed: bytes that were still coming in, files that were about to be removed.
Status Keeper::remove_leftovers() {
  std::vector<std::uint64_t> dead;
  DL_TRY(visit_data_files(context_.home.directory, [&](std::uint64_t file) -> Status {
    DL_ASSIGN(const bool needed, is_needed(file));
    if (!needed) dead.push_back(file);  // or it died since the start, and somebody has found it: it waits its turn
    return {};
  }));
  context_.epochs.retire(dead, context_.clock.steady());
  return {};
}

Status Keeper::checkpoint() {
  const std::string wal = context_.home.index_path() + "-wal";
  const auto fd = context_.files.open(wal, O_RDONLY);
  if (!fd) return {};
  DL_ASSIGN(const std::uint64_t size, Files::size_of(fd->get(), wal));
  if (size < checkpoint_wal_bytes) return {};
  if (!has_database_) {
    DL_ASSIGN(database_, Database::open(context_.home.index_path(), OpenMode::create, 1 << 20));
    has_database_ = true;
  }
  const auto done = database_.checkpoint();
  if (done) return {};
  if (done.error().code == Code::io) mark_suspect(context_.files, context_.home);
  return done.error();
}

// Waits as long as reading so many bytes may take. False when the engine is being closed.
bool Keeper::pause(std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  if (context_.background == Background::on_demand) return !stopping_;
  const std::chrono::duration<double> due(static_cast<double>(bytes) / compaction_bytes_per_second);
  return !woken_.wait_for(lock, due, [&] { return stopping_; });
}

Result<bool> Keeper::compact() {
  std::optional<std::uint64_t> chosen;
  DL_TRY(context_.committer.run_apart([&](Index& index) -> Status {
    chosen = choose_segment(index.segments(), index.state.whole_to.segment, passed_over_);
    return {};
  }));
  if (!chosen) return false;
  DL_ASSIGN(const bool emptied, empty_segment(context_.files, context_.home.directory, context_.home.store, *chosen,
                                              context_.committer, [&](std::uint64_t bytes) { return pause(bytes); }));
  if (!emptied && !pause(0)) return false;  // the engine is being closed
  passed_over_.insert(*chosen);
  if (emptied) {
    DL_TRY(retire(*chosen));
  } else {
    context_.note(Severity::warning, "segment " + segment_path(context_.home.directory, *chosen) +
                                         " of the log cannot be compacted: something that it holds cannot be read; "
                                         "'duskline store check' says what");
  }
  return true;
}

// Before the segment goes, the index on the disk must be beyond what replaced it; and nobody may look there any more.
Status Keeper::retire(std::uint64_t segment) {
  DL_TRY(context_.committer.run_apart([](Index& index) { return index.database().sync(); }));
  context_.epochs.retire({segment_bit | segment}, context_.clock.steady());
  return {};
}

// The index forgets the segment last: as long as the file may be there, entries in later segments must outlive it.
Status Keeper::remove_segment(std::uint64_t segment) {
  const Status removed = context_.files.remove(segment_path(context_.home.directory, segment));
  context_.open_files.drop(segment_bit | segment);
  if (!removed && removed.error().code != Code::not_found) return removed;
  DL_TRY(context_.files.sync_directory(context_.home.directory + "/log"));
  DL_TRY(context_.committer.run_apart([&](Index& index) -> Status {
    DL_TRY(index.begin());
    index.forget_segment(segment);
    return index.commit();
  }));
  passed_over_.erase(segment);
  return {};
}

}  // namespace duskline::objects
