#include "objects/readers.h"

namespace duskline::objects {
namespace {

constexpr std::size_t max_readers = 48;  // more than the server has threads

}  // namespace

Result<Readers::Lease> Readers::lend() {
  {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !idle_.empty() || made_ < max_readers; });
    if (!idle_.empty()) {
      // The one used last: its cache is the warmest.
      Lease lease(*this, std::move(idle_.back()));
      idle_.pop_back();
      return lease;
    }
    ++made_;
  }
  auto reader = make();
  if (!reader) {
    const std::lock_guard lock(mutex_);
    --made_;
    returned_.notify_one();
    return reader.error();
  }
  return Lease(*this, std::move(*reader));
}

void Readers::close() {
  const std::lock_guard lock(mutex_);
  made_ -= idle_.size();
  idle_.clear();
}

void Readers::give_back(std::unique_ptr<Reader> reader) {
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(reader));
  }
  returned_.notify_one();
}

Result<std::unique_ptr<Reader>> Readers::make() {
  DL_ASSIGN(Database database, Database::open(path_, OpenMode::read, cache_bytes_));
  DL_ASSIGN(Lookups lookups, Lookups::prepare(database));
  DL_ASSIGN(Lister lister, Lister::prepare(database));
  return std::unique_ptr<Reader>(new Reader{std::move(database), std::move(lookups), std::move(lister)});
}

}  // namespace duskline::objects
