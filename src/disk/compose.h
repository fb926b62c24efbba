// Operations that every kind of Directory makes out of its simpler ones, in the same order of steps.
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

}  // namespace duskline::disk
