// FileStamps on disk: what every file of an installed release looked like when it was laid down, so that a later pull
// knows without reading them which files are still right. Format: docs/formats/state.md.
//
// One record for each regular file (every name of a hard link) of the installed subtree (Layout::only), in the order
// of the tree: directories entered where their name stands, so `skip(entry.stats.files)` steps over a directory. A file
// that was not laid down (it matches a keep pattern) has an empty stamp. Written after linking, since that changes
// ctime.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "disk/filesystem.h"
#include "model/ids.h"

namespace duskline::site {

struct FileStamp {
  std::uint64_t inode = 0, size_bytes = 0;
  std::int64_t mtime_ns = 0, ctime_ns = 0;
  [[nodiscard]] bool is_empty() const { return inode == 0; }
  bool operator==(const FileStamp&) const = default;
};
[[nodiscard]] FileStamp stamp_of(const disk::Stat& stat);

inline constexpr std::size_t stamp_bytes = 32;

// Buffers 64 KiB. Not for concurrent use.
class StampWriter {
 public:
  // `out` is empty. `only` is Layout::only: stamps of another subtree are of no use to a reader.
  StampWriter(std::unique_ptr<disk::File> out, const model::ReleaseId& id, std::string_view only);
  StampWriter(StampWriter&&) noexcept;
  StampWriter& operator=(StampWriter&&) noexcept;
  ~StampWriter();
  Status add(const FileStamp& stamp);
  Status finish();  // writes the checksum; syncing is the caller's (activation's one sync covers it)
  [[nodiscard]] std::uint64_t count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Not for concurrent use.
class StampReader {
 public:
  // Reads the whole file once and checks it: Code::corrupt where it is torn, altered, or of another release or subtree.
  // Whoever gets that does without stamps.
  [[nodiscard]] static Result<StampReader> open(std::unique_ptr<disk::File> file, const model::ReleaseId& id,
                                                std::string_view only);
  StampReader(StampReader&&) noexcept;
  StampReader& operator=(StampReader&&) noexcept;
  ~StampReader();
  [[nodiscard]] std::uint64_t count() const;  // should be the subtree's stats.files
  Result<FileStamp> next();                   // Code::corrupt past the end
  void skip(std::uint64_t files);

 private:
  StampReader();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace duskline::site
