#include "disk/filesystem.h"

namespace duskline::disk {

std::pair<std::string_view, std::string_view> split_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

Status Directory::visit(const SeeEntry& see) {
  DL_ASSIGN(const auto entries, list());
  for (const DirectoryEntry& entry : entries) DL_TRY(see(entry.name, entry.stat));
  return {};
}

}  // namespace duskline::disk
