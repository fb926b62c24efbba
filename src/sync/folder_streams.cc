#include "sync/folder_streams.h"

#include "base/units.h"

namespace duskline::sync {

Stamp stamp_of(const disk::Stat& stat) {
  return {.size_bytes = stat.size_bytes,
          .mtime_ns = stat.mtime_ns,
          .ctime_ns = stat.ctime_ns,
          .inode = stat.inode,
          .mode = stat.mode};
}

Error changed(const std::string& path) {
  return {Code::changing, "\"" + printable(path) + "\" changed while it was read"};
}

}  // namespace duskline::sync
