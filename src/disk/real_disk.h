// The operating system's file systems (Linux: openat2, statx, getdents64, renameat2, FICLONERANGE).
#pragma once

#include <memory>

#include "disk/filesystem.h"

namespace duskline::disk {

[[nodiscard]] std::unique_ptr<Filesystem> open_real_disk();

}  // namespace duskline::disk
