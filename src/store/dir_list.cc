#include "store/dir_list.h"

#include <algorithm>

#include "base/units.h"

namespace duskline::store {
namespace {

class Walk {
 public:
  Walk(const Op& op, disk::Directory& root, const ListQuery& query,
       const std::function<ObjectInfo(const disk::Stat&)>& info_of)
      : op_(op), root_(root), query_(query), info_of_(info_of) {}

  // Goes through the directory `path` ("" or "a/b/").
  Status directory(const std::string& path) {
    DL_TRY(op_.check());
    DL_ASSIGN(std::vector<disk::DirectoryEntry> entries, entries_of(path));
    for (disk::DirectoryEntry& entry : entries) {
      const std::string key_text = path + entry.name;
      if (entry.stat.kind == disk::FileKind::directory) {
        DL_TRY(directory(key_text));
      } else if (page_.objects.size() >= query_.limit) {
        page_.truncated = true;
      } else {
        page_.objects.push_back({Key(key_text), info_of_(entry.stat)});
      }
      if (page_.truncated) break;
    }
    return {};
  }

  Listing take() { return std::move(page_); }

 private:
  // What can matter in the directory, in key order; the names of directories end in '/', so that "a-b", "a/b" and "a0"
  // come in this order.
  Result<std::vector<disk::DirectoryEntry>> entries_of(const std::string& path) {
    DL_ASSIGN(std::vector<disk::DirectoryEntry> all, all_of(path));
    std::vector<disk::DirectoryEntry> wanted;
    for (disk::DirectoryEntry& entry : all) {
      if (path.empty() && entry.name == temp_directory) continue;
      if (entry.stat.kind == disk::FileKind::directory) {
        entry.name += '/';
        if (can_hold_wanted(path + entry.name)) wanted.push_back(std::move(entry));
      } else if (is_wanted(path + entry.name)) {
        if (entry.stat.kind != disk::FileKind::file) return not_followed(root_, path + entry.name);
        wanted.push_back(std::move(entry));
      } else if (entry.stat.kind == disk::FileKind::symlink && can_hold_wanted(path + entry.name + "/")) {
        return not_followed(root_, path + entry.name);
      }
    }
    std::ranges::sort(wanted, {}, &disk::DirectoryEntry::name);
    return wanted;
  }

  Result<std::vector<disk::DirectoryEntry>> all_of(std::string_view path) {
    if (path.empty()) return root_.list();
    auto opened = root_.open_directory(path.substr(0, path.size() - 1));
    if (!opened && opened.error().code == Code::not_found) return std::vector<disk::DirectoryEntry>{};  // just removed
    if (!opened) return std::move(opened).error();
    return (*opened)->list();
  }

  [[nodiscard]] bool is_wanted(const std::string& text) const {
    return text.starts_with(query_.prefix) && text > query_.start_after && Key::parse(text).has_value();
  }

  [[nodiscard]] bool can_hold_wanted(const std::string& below) const {
    return (below.starts_with(query_.prefix) || query_.prefix.starts_with(below)) &&
           (below > query_.start_after || query_.start_after.starts_with(below)) && Key::parse(below + "x").has_value();
  }

  const Op& op_;
  disk::Directory& root_;
  const ListQuery& query_;
  const std::function<ObjectInfo(const disk::Stat&)>& info_of_;
  Listing page_;
};

// Whether `path` ("a/b/") is a directory.
Result<bool> is_directory(disk::Directory& root, std::string_view path) {
  for (std::size_t end = path.find('/'); end != std::string_view::npos; end = path.find('/', end + 1)) {
    DL_ASSIGN(const auto stat, root.stat(path.substr(0, end)));
    if (!stat || stat->kind == disk::FileKind::file) return false;
    if (stat->kind != disk::FileKind::directory) return not_followed(root, path.substr(0, end));
  }
  return true;
}

}  // namespace

Error not_followed(disk::Directory& root, std::string_view path) {
  return {Code::refused, root.display_path() + "/" + printable(path) +
                             " is a symlink or special file, which a store does not follow; move it away"};
}

Result<Listing> list_directory(const Op& op, disk::Directory& root, const ListQuery& query,
                               const std::function<ObjectInfo(const disk::Stat&)>& info_of) {
  const std::string top = query.prefix.substr(0, query.prefix.rfind('/') + 1);
  if (!top.empty()) {
    if (!Key::parse(top + "x") || top.starts_with(std::string(temp_directory) + "/")) return Listing{};
    DL_ASSIGN(const bool is_there, is_directory(root, top));
    if (!is_there) return Listing{};
  }
  Walk walk(op, root, query, info_of);
  DL_TRY(walk.directory(top));
  return walk.take();
}

}  // namespace duskline::store
