// What an activation does to a target, as a list on disk: written while planning, applied afterwards, and applied again
// from the start after a crash (every change is idempotent).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "disk/filesystem.h"
#include "model/ids.h"
#include "model/tree.h"

namespace duskline::site {

struct Change {
  enum class Kind : std::uint8_t {
    make_directory = 1,  // or give an existing one mode, mtime, owner (applied after everything below it)
    place_file = 2,      // rename staging/tree/<path> to <path>
    make_symlink = 3,
    make_hard_link = 4,  // to `other`
    set_attributes = 5,  // mode, mtime, owner of an existing file
    remove_file = 6,
    remove_directory = 7,  // if empty by then; else left and recorded as kept
  } kind = Kind::place_file;
  std::string path;   // from the target's top
  std::string other;  // symlink target, or the file to link to
  std::uint32_t mode = 0;
  std::int64_t mtime_ns = 0;
  std::optional<model::Owner> owner;
  // What the planner saw at `path`, so that an edit by others since planning is noticed: such a file is not lost but
  // moved to .duskline/set-aside/<path>. Inode 0: nothing was there.
  std::uint64_t seen_inode = 0;
  std::int64_t seen_ctime_ns = 0;
};

// The file begins with a header naming the release and ends with a hash of all before, so that a torn list is never
// applied.
class ChangeWriter {
 public:
  ChangeWriter(std::unique_ptr<disk::File> out, const model::ReleaseId& to);
  ~ChangeWriter();
  Status add(const Change& change);
  Status finish();  // hash, sync
  [[nodiscard]] std::uint64_t count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Calls `fn` for each change in order. Code::corrupt for a torn or altered list, before the first call.
[[nodiscard]] Result<model::ReleaseId> read_changes(disk::File& file, const std::function<Status(const Change&)>& fn);

}  // namespace duskline::site
