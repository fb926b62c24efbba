#include "objects/keeper.h"

#include <fcntl.h>

#include "objects/codec.h"
#include "objects/data_file.h"
#include "objects/log.h"

namespace duskline::objects {
namespace {

constexpr std::chrono::milliseconds between_rounds{500};
constexpr std::uint64_t checkpoint_wal_bytes = 4 << 20;

}  // namespace

Keeper::Keeper(KeeperContext context) : context_(std::move(context)), thread_([this] { loop(); }) {}

Keeper::~Keeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

void Keeper::wake() {
  {
    const std::lock_guard lock(mutex_);
    wake_ = true;
  }
  woken_.notify_all();
}

void Keeper::loop() {
  for (;;) {
    if (const Status done = round(); !done) context_.note(Severity::warning, done.error().describe());
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, between_rounds, [&] { return stopping_; });
    if (stopping_) return;
  }
}

Status Keeper::round() {
  const std::lock_guard lock(round_);
  if (!looked_for_leftovers_) DL_TRY(remove_leftovers());
  looked_for_leftovers_ = true;
  DL_TRY(remove_dead());
  return checkpoint();
}

Status Keeper::remove_dead() {
  for (const std::uint64_t file : context_.pins.take_released()) DL_TRY(remove_if_dead(file));
  for (const std::uint64_t file : context_.epochs.take_unreachable(context_.clock.steady())) {
    DL_TRY(remove_if_dead(file));
  }
  return {};
}

// Asks the pins first: whoever holds none now has committed already, and then the index says so.
Status Keeper::remove_if_dead(std::uint64_t file) {
  std::string path;
  if ((file & segment_bit) != 0) {
    path = segment_path(context_.home.directory, file & ~segment_bit);
  } else {
    if (context_.pins.pinned(file)) return {};
    DL_ASSIGN(auto reader, context_.readers.lend());
    DL_ASSIGN(const auto references, reader->lookups.file_references(file));
    if (references) return {};
    path = data_path(context_.home.directory, file);
  }
  const Status removed = context_.files.remove(path);
  context_.open_files.drop(file);
  if (!removed && removed.error().code != Code::not_found) return removed;
  return {};
}

// Of a process that was killed: bytes that were still coming in, files that were about to be removed.
Status Keeper::remove_leftovers() {
  return visit_data_files(context_.home.directory, [&](std::uint64_t file) { return remove_if_dead(file); });
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
  DL_TRY(database_.checkpoint());
  return {};
}

}  // namespace duskline::objects
