#include "disk/directory_stream.h"
#include "disk/real_directory.h"

namespace duskline::disk {

Result<std::vector<DirectoryEntry>> RealDirectory::list() {
  const std::lock_guard lock(list_mutex_);
  std::vector<DirectoryEntry> entries;
  std::string_view failed;
  const int error = for_each_entry(fd_.get(), [&](const char* name, unsigned char) {
    DirectoryEntry& entry = entries.emplace_back();
    const int wrong = stat_at(fd_.get(), name, entry.stat);
    if (wrong == 0) {
      entry.name = name;
      return 0;
    }
    entries.pop_back();
    if (wrong == ENOENT) return 0;  // removed since the kernel listed it
    failed = name;
    return wrong;
  });
  if (error != 0) return fail(failed.empty() ? "list" : "inspect", failed, error);
  return entries;
}

}  // namespace duskline::disk
