// Keeping what must not be lost when something takes its place.
#pragma once

#include <string_view>

#include "base/op.h"
#include "base/report.h"
#include "base/result.h"
#include "disk/filesystem.h"

namespace duskline::site {

// A second name for a file, or a copy (content, holes, mode, mtime, owner and attributes where allowed) where the file
// system gives it none. Replaces a file at `new_path`; makes the directories above it.
[[nodiscard]] Status link_or_copy(const Op&, disk::Directory& from, std::string_view path, disk::Directory& to,
                                  std::string_view new_path);

// Puts what stands at `path` under .duskline/set-aside, and says so with the reason. `stays`: the name is kept until
// something is renamed over it, so that there is no moment without a file; `moves`: it is free afterwards; `leaves`:
// the same, and nothing takes its place, so that the caller may sync later.
enum class Place : std::uint8_t { stays, moves, leaves };
[[nodiscard]] Status set_aside(disk::Directory& root, disk::Directory& own, std::string_view path,
                               const disk::Stat& stat, Place place, std::string_view why, Reporter&);

}  // namespace duskline::site
