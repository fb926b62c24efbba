#include "site/folders.h"

#include <algorithm>
#include <vector>

#include "base/units.h"
#include "site/target.h"

namespace duskline::site::folders {
namespace {

constexpr std::uint32_t shown_mode = 0755;  // of releases/
constexpr std::uint32_t private_mode = 0700;

Status refuse_other(disk::Directory& in, std::string_view path) {
  return Error{Code::refused, "\"" + in.display_path() + "/" + printable(path) +
                                  "\" is not a directory; look at what it is, and remove it"};
}

Status make(disk::Directory& in, std::string_view path, std::uint32_t mode) {
  DL_ASSIGN(const std::optional<disk::Stat> stat, in.stat(path));
  if (!stat) return in.make_directory(path, mode);
  if (stat->kind != disk::FileKind::directory) return refuse_other(in, path);
  return {};
}

// Removes the entries of `path` for which `is_wanted` is false, if the directory is there.
template <typename Wanted>
Status remove_others(disk::Directory& in, std::string_view path, Wanted&& is_wanted) {
  DL_ASSIGN(const std::optional<disk::Stat> stat, in.stat(path));
  if (!stat) return {};
  DL_ASSIGN(const auto directory, in.open_directory(path));
  DL_ASSIGN(const auto entries, directory->list());
  for (const auto& entry : entries) {
    if (is_wanted(entry.name)) continue;
    if (entry.stat.kind == disk::FileKind::directory) {
      DL_TRY(directory->remove_tree(entry.name, disk::Missing::is_absent));
    } else {
      DL_TRY(directory->remove_file(entry.name, disk::Missing::is_absent));
    }
  }
  return {};
}

std::vector<const InstalledRelease*> all_of(Target& target) {
  std::vector<const InstalledRelease*> all;
  const State& state = target.state();
  if (state.current) all.push_back(&*state.current);
  for (const InstalledRelease& release : state.kept) all.push_back(&release);
  if (state.pending) all.push_back(&state.pending->release);
  return all;
}

}  // namespace

std::string release(std::string_view folder) { return std::string(releases) + "/" + std::string(folder); }
std::string tree(const model::ReleaseId& id) { return std::string(trees) + "/" + id.hex(); }
std::string stamps(std::string_view folder) { return std::string(files) + "/" + std::string(folder); }

Status ensure(disk::Directory& in, std::string_view path) {
  return make(in, path, path == releases ? shown_mode : private_mode);
}

Status ensure_above(disk::Directory& in, std::string_view path) {
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    DL_TRY(ensure(in, path.substr(0, slash)));
  }
  return {};
}

Status move_directory(disk::Directory& from, std::string_view path, disk::Directory& to, std::string_view new_path) {
  constexpr std::uint32_t writable = 0200;
  DL_ASSIGN(const std::optional<disk::Stat> stat, from.stat(path));
  if (!stat) return Error{Code::not_found, "\"" + printable(path) + "\" is gone"};
  if ((stat->mode & writable) != 0) return from.rename(path, to, new_path);
  DL_TRY(from.set_mode(path, stat->mode | writable));
  DL_TRY(from.rename(path, to, new_path));
  return to.set_mode(new_path, stat->mode);
}

Status throw_away(Target& target, std::string_view folder) {
  disk::Directory& root = target.root();
  DL_ASSIGN(const std::optional<disk::Stat> stat, root.stat(release(folder)));
  if (!stat) return {};
  disk::Directory& own = target.private_folder();
  DL_TRY(ensure(own, trash));
  const std::string place = std::string(trash) + "/" + std::string(folder);
  DL_TRY(own.remove_tree(place, disk::Missing::is_absent));
  return move_directory(root, release(folder), own, place);
}

Status sweep(Target& target) {
  const auto all = all_of(target);
  const auto names_folder = [&](std::string_view name) {
    return std::ranges::any_of(all, [&](const InstalledRelease* r) { return r->folder == name; });
  };
  const auto names_id = [&](std::string_view name) {
    return std::ranges::any_of(all, [&](const InstalledRelease* r) { return r->id.hex() == name; });
  };
  disk::Directory& root = target.root();
  if (target.state().layout.mode == Mode::switched) {
    DL_ASSIGN(const std::optional<disk::Stat> stat, root.stat(releases));
    std::vector<disk::DirectoryEntry> entries;
    if (stat) {
      DL_ASSIGN(const auto directory, root.open_directory(releases));
      DL_ASSIGN(entries, directory->list());
    }
    for (const auto& entry : entries) {  // names that Duskline would not give are not its own
      if (folder_id(entry.name) && !names_folder(entry.name)) DL_TRY(throw_away(target, entry.name));
    }
  }
  disk::Directory& own = target.private_folder();
  DL_TRY(remove_others(own, trees, names_id));
  DL_TRY(remove_others(own, files, names_folder));
  DL_ASSIGN(const auto entries, own.list());
  for (const auto& entry : entries) {  // what a crash left of a file that was to be replaced
    if (entry.name.starts_with(disk::temporary_prefix)) DL_TRY(own.remove_file(entry.name, disk::Missing::is_absent));
  }
  return own.remove_tree(trash, disk::Missing::is_absent);
}

}  // namespace duskline::site::folders
