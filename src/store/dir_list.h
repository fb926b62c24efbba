// Listing the objects of a DirStore in key order.
#pragma once

#include <functional>

#include "disk/filesystem.h"
#include "store/object_store.h"

namespace duskline::store {

inline constexpr const char* temp_directory = ".duskline-tmp";  // at the top of a DirStore; holds no objects

// The error for a symlink or special file where an object or a directory of objects should be. To pass over it would
// hide objects, and what is hidden from a prune gets lost.
[[nodiscard]] Error not_followed(disk::Directory& root, std::string_view path);

// Walks below `root` in byte order of keys. Reads only directories that can hold a wanted key, and holds one directory
// for each level.
[[nodiscard]] Result<Listing> list_directory(const Op& op, disk::Directory& root, const ListQuery& query,
                                             const std::function<ObjectInfo(const disk::Stat&)>& info_of);

}  // namespace duskline::store
