// What kind of file system a directory lies on.
#pragma once

#include "disk/filesystem.h"

namespace duskline::disk {

[[nodiscard]] Result<VolumeInfo> volume_of(Directory& directory);

// One line of /proc/self/mountinfo.
struct MountLine {
  std::uint64_t mount = 0;
  std::string type, source;
};
// Nothing where the line is not one. Octal escapes in the source are undone.
[[nodiscard]] std::optional<MountLine> parse_mount_line(std::string_view line);

}  // namespace duskline::disk
