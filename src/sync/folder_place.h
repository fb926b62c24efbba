// A directory as one side of a sync.
#pragma once

#include <memory>
#include <string>

#include "disk/filesystem.h"
#include "sync/pacer.h"
#include "sync/place.h"
#include "sync/rules.h"

namespace duskline::sync {

struct FolderOptions {
  std::string path;
  std::string tag;  // of this pair, in the names of unfinished files
  enum class Links : std::uint8_t { skip, follow } links = Links::skip;
  enum class EmptyFolders : std::uint8_t { skip, keep } empty_folders = EmptyFolders::keep;
  enum class Absent : std::uint8_t { is_error, is_empty } absent = Absent::is_error;  // is_empty: made when needed
  std::string backup;       // a directory for what is replaced or removed; "": none
  Pacer* pacer = nullptr;   // for copies within this machine; may be null
  unsigned read_ahead = 0;  // threads that list directories ahead of the walk
  FileClock clock = FileClock::ours;
};

// `rules` must outlive the place. Code::not_found, denied and refused (no directory) for the top itself.
[[nodiscard]] Result<std::unique_ptr<Place>> open_folder(disk::Filesystem& disk, const FolderOptions& options,
                                                         const Rules& rules);

// Whether what lies there is reached over a network or another program, which makes each call slow and the times of
// files another clock's.
[[nodiscard]] bool is_remote_folder(const std::string& path);

}  // namespace duskline::sync
