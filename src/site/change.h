// What an in-place activation does to a target, as a list on disk: written while planning, applied afterwards, and
// applied again from the start after a crash (every change is idempotent). Format: docs/formats/state.md.
//
// Applied are first removals and directories, in the order of the list, then everything else, in the order of the list,
// then attributes of directories, those at the end of the list first. So the planner puts what lies deeper before the
// directory when it is removed, the directory before what it holds when it is made, and a hard link after the file that
// it links to. A path has one change, or two where a directory takes the place of something else or the reverse. Every
// directory in which something changes has a make_directory of its own, existing ones too: work in it may need its mode
// widened for a while, and changes its mtime.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "disk/filesystem.h"
#include "model/ids.h"
#include "model/tree.h"
#include "site/extended.h"
#include "site/stamps.h"

namespace duskline::site {

struct Change {
  enum class Kind : std::uint8_t {
    make_directory = 1,    // or give an existing one what directories have (applied after everything else)
    place_file = 2,        // rename staging/tree/<path>, which has all its attributes, to <path>
    make_symlink = 3,      // with mtime and owner
    make_hard_link = 4,    // to `other`, which this list placed or which was there
    set_attributes = 5,    // mode, mtime, owner of an existing file, or mtime and owner of a symlink
    remove_file = 6,       // or symlink
    remove_directory = 7,  // if empty by then; else left and recorded as kept
  } kind = Kind::place_file;
  std::string path{};   // from the target's top; "" only for make_directory: the top itself
  std::string other{};  // symlink target, or the file to link to
  std::uint32_t mode = 0;
  std::int64_t mtime_ns = 0;
  std::optional<model::Owner> owner{};
  WantedAttributes attributes{};  // extended ones, of directories
  // What the planner saw at `path` (saw()), so that an edit by others since planning is noticed: such a file is not
  // lost but moved to .duskline/set-aside/<path>. Empty: nothing was there. Of no meaning for directories.
  FileStamp seen{};
  bool operator==(const Change&) const = default;
};

// For Change::seen. The ctime is left out where the file has several names, since removing one of them changes it.
[[nodiscard]] FileStamp saw(const disk::Stat& stat);
// Whether `now` can be what the planner saw.
[[nodiscard]] bool is_as_seen(const disk::Stat& now, const FileStamp& seen);

// The file begins with a header naming the release and ends with a hash of all before, so that a torn list is never
// applied.
class ChangeWriter {
 public:
  ChangeWriter(std::unique_ptr<disk::File> out, const model::ReleaseId& to);
  ~ChangeWriter();
  // Code::invalid for a path that could lead out of the target or into its private folder.
  Status add(const Change& change);
  Status finish();  // hash, sync
  [[nodiscard]] std::uint64_t count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads a list in either direction, as often as wanted. Not for concurrent use.
class ChangeList {
 public:
  // Reads all of it once. Code::corrupt for a torn or altered list; whatever opened obeys the rules for paths.
  [[nodiscard]] static Result<ChangeList> open(std::unique_ptr<disk::File> file);
  ChangeList(ChangeList&&) noexcept;
  ChangeList& operator=(ChangeList&&) noexcept;
  ~ChangeList();
  [[nodiscard]] const model::ReleaseId& to() const;
  [[nodiscard]] std::uint64_t count() const;
  // The next change, or nullptr at the end; valid until the next call.
  Result<const Change*> next();
  void rewind();  // next() begins with the first
  Result<const Change*> previous();
  void rewind_end();  // previous() begins with the last

 private:
  ChangeList();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace duskline::site
