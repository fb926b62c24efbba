// Operations that every kind of disk makes out of its simpler ones, in the same order of steps.
#pragma once

#include <string>

#include "disk/filesystem.h"

namespace duskline::disk {

// Directory::replace() for `name` in `directory` itself. `temporary` is a name that nothing else uses; it is removed
// again on failure, and left behind only by a crash.
[[nodiscard]] Status replace_in(Directory& directory, std::string_view name, ByteView bytes, std::uint32_t mode,
                                const std::string& temporary);

// Directory::read_all().
[[nodiscard]] Result<std::optional<Bytes>> read_whole(Directory& directory, std::string_view path, std::uint64_t limit);

// Filesystem::open_or_create(), with open(). Parents that are missing too get mode 0755; all new names are synced.
[[nodiscard]] Result<std::unique_ptr<Directory>> open_or_make(Filesystem& disk, const std::string& path,
                                                              std::uint32_t mode);

// Filesystem::probe(), with volume() and two temporary files.
[[nodiscard]] Result<VolumeInfo> probe_with_files(Filesystem& disk, Directory& directory);

// A name for a temporary entry that nothing else uses.
[[nodiscard]] std::string temporary_name();

}  // namespace duskline::disk
