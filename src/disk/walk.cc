#include "disk/directory_stream.h"
#include "disk/real_directory.h"

namespace duskline::disk {

Result<std::vector<DirectoryEntry>> RealDirectory::list() {
  std::vector<DirectoryEntry> entries;
  DL_TRY(visit([&](std::string_view name, const Stat& stat) -> Status {
    entries.push_back({std::string(name), stat});
    return {};
  }));
  return entries;
}

Status RealDirectory::visit(const SeeEntry& see) {
  const std::lock_guard lock(list_mutex_);
  constexpr int not_a_system_error = -1;
  std::string_view failed;
  Status seen;
  const int error = for_each_entry(fd_.get(), [&](const char* name, unsigned char) {
    Stat stat;
    const int wrong = stat_at(fd_.get(), name, stat);
    if (wrong == 0) {
      seen = see(name, stat);
      return seen ? 0 : not_a_system_error;
    }
    if (wrong == ENOENT) return 0;  // removed since the kernel listed it
    failed = name;
    return wrong;
  });
  if (!seen) return seen;
  if (error != 0) return fail(failed.empty() ? "list" : "inspect", failed, error);
  return {};
}

}  // namespace duskline::disk
