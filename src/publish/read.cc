#include "publish/read.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/units.h"

namespace duskline::publish {
namespace {

// Linux stamps files by a clock that ticks 100 to 1000 times a second: a write in the same tick as the one before it
// leaves no trace in the times.
constexpr std::chrono::nanoseconds clock_tick = std::chrono::milliseconds(20);

bool looks_the_same(const disk::Stat& a, const disk::Stat& b) {
  return a.kind == b.kind && a.size_bytes == b.size_bytes && a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns &&
         a.inode == b.inode && a.device == b.device && a.mode == b.mode;
}

// Until a write that comes from now on would show in the file's times.
Status wait_for_tick(const Op& op, const disk::Stat& stat, Clock& clock) {
  const auto age = clock.now().time_since_epoch() - std::chrono::nanoseconds(stat.ctime_ns);
  if (age < std::chrono::nanoseconds(0) || age >= clock_tick) return {};
  if (!clock.sleep_until(clock.steady() + (clock_tick - age), op.stop)) return op.check();
  return {};
}

Error cannot_open(const SourceFile& file, Error cause) {
  const std::string name = "file \"" + printable(file.path) + "\" of the source ";
  switch (cause.code) {
    case Code::not_found:
      return {Code::changing,
              name + "vanished while it was read; publish again when the source is quiet (see --settle)",
              std::move(cause)};
    case Code::denied:
      return {Code::refused, name + "may not be read; leave it out by --exclude, or publish as a user who may read it",
              std::move(cause)};
    default:
      return wrap(std::move(cause), name + "cannot be opened");
  }
}

// One try: the file's looks if they held, or nothing. `known` is how it looks as far as known, else it is asked.
Result<std::optional<disk::Stat>> try_once(const Op& op, const SourceFile& file, const disk::Stat* known, Clock& clock,
                                           const ReadContent& read) {
  auto opened = file.directory->open_read(file.name);
  if (!opened) return cannot_open(file, std::move(opened).error());
  disk::Stat before;
  if (known != nullptr) {
    before = *known;
  } else {
    DL_ASSIGN(before, (*opened)->stat());
  }
  DL_TRY(wait_for_tick(op, before, clock));
  if (auto status = read(**opened, before); !status) {
    if (status.error().code == Code::changing) return std::optional<disk::Stat>();
    return std::move(status).error();
  }
  DL_ASSIGN(disk::Stat after, (*opened)->stat());
  if (!looks_the_same(before, after)) return std::optional<disk::Stat>();
  return std::optional(after);
}

}  // namespace

Error changed_while_read(std::string_view path, std::string_view how) {
  return {Code::changing, "file \"" + printable(path) + "\" of the source " + std::string(how)};
}

Status read_exactly(disk::File& file, std::uint64_t offset, ByteSpan into, std::string_view path) {
  DL_ASSIGN(const std::size_t count, file.read_at(offset, into));
  if (count != into.size()) return changed_while_read(path, "became shorter while it was read");
  return {};
}

Result<disk::Stat> read_stable(const Op& op, const SourceFile& file, Clock& clock, const ReadContent& read) {
  for (int tries = 0; tries < max_read_tries; ++tries) {
    DL_TRY(op.check());
    DL_ASSIGN(const auto stat, try_once(op, file, tries == 0 ? &file.listed : nullptr, clock, read));
    if (stat) return *stat;
  }
  return changed_while_read(file.path,
                            "changed each of the three times that it was read; publish again when nobody "
                            "writes to it (see --settle), or leave it out by --exclude");
}

}  // namespace duskline::publish
