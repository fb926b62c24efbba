// The operating system's file systems (Linux: openat2, statx, getdents64, FICLONERANGE).
#pragma once

#include <cstdint>
#include <memory>

#include "disk/filesystem.h"

namespace duskline::disk {

// How paths of several names are resolved. `automatic` takes openat2 (and fchmodat2) where the kernel has it;
// `by_component` opens one name at a time, as older kernels need.
enum class PathResolution : std::uint8_t { automatic, by_component };

// Whether sync() and its like wait for the device. `left_to_system`: they do nothing, and a power cut may leave
// anything; nothing that other programs see differs.
enum class Durability : std::uint8_t { synced, left_to_system };

[[nodiscard]] std::unique_ptr<Filesystem> open_real_disk(PathResolution how = PathResolution::automatic,
                                                         Durability durability = Durability::synced);

}  // namespace duskline::disk
