// What stands in an in-place target and is not the release's.
#include <algorithm>

#include "base/units.h"
#include "site/in_place_plan.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Stat;
using Kind = Change::Kind;

}  // namespace

// A file, symlink or link shall stand where a directory is: only what the release itself had there may go.
Status InPlacePlan::clear_way(const std::string& path, const std::optional<Stat>& there) {
  if (!there || there->kind != FileKind::directory) return {};
  const auto refuse = [&](const std::string& why) {
    return Error{Code::refused,
                 "the release has a file \"" + printable(path) + "\" where the target has a directory " + why};
  };
  if (is_other_filesystem(*there)) return refuse("that is a mount point; keep it with --keep, or unmount it");
  const bool was_installed = last_removed_ == path;
  if (own_.extra == PullOptions::Extra::remove) {
    bool is_emptied = true;
    const auto [above, name] = disk::split_path(path);
    DL_ASSIGN(const auto folder, levels_.back().actual->open());
    if (!was_installed) DL_TRY(remove_extra(*folder, std::string(name), path, *there, is_emptied));
    return is_emptied ? Status{} : Status(refuse("with content that --keep protects; move that away"));
  }
  DL_ASSIGN(const std::uint64_t entries, count_entries(path));
  if (entries > (was_installed ? last_removed_entries_ : 0)) {
    return refuse("with files of the site's own in it; move them away, or remove them with --delete");
  }
  return was_installed ? Status{} : add_removal({.kind = Kind::remove_directory, .path = path});
}

Result<std::uint64_t> InPlacePlan::count_entries(const std::string& path) {
  DL_TRY(op_.check());
  DL_ASSIGN(const auto directory, parts_.installed.content->root().open_directory(path));
  DL_ASSIGN(const auto entries, directory->list());
  std::uint64_t count = entries.size();
  for (const auto& entry : entries) {
    if (entry.stat.kind != FileKind::directory) continue;
    DL_ASSIGN(const std::uint64_t below, count_entries(path + "/" + entry.name));
    count += below;
  }
  return count;
}

Status InPlacePlan::remove_extras(const Level& level) {
  const bool is_top = level.path.empty();
  const bool is_inside =
      parts_.scope.part_of(level.path) == Scope::Part::inside || (is_top && parts_.scope.only().empty());
  if (!is_inside || !level.actual) return {};
  DL_ASSIGN(const auto folder, level.actual->open());
  DL_ASSIGN(auto entries, folder->list());
  std::ranges::sort(entries, {}, &disk::DirectoryEntry::name);
  const std::uint64_t before = extras_removed_;
  for (const auto& entry : entries) {
    if (std::ranges::binary_search(level.names, entry.name)) continue;
    if (is_top && entry.name == private_folder_name) continue;
    bool is_emptied = true;
    const std::string path = is_top ? entry.name : level.path + "/" + entry.name;
    DL_TRY(remove_extra(*folder, entry.name, path, entry.stat, is_emptied));
  }
  Level& own = levels_.back();
  own.removed += extras_removed_ - before;
  return extras_removed_ > before && own.is_wanted ? announce(own) : Status{};
}

// `is_emptied` becomes false where something stays.
Status InPlacePlan::remove_extra(disk::Directory& in, const std::string& name, const std::string& path,
                                 const Stat& stat, bool& is_emptied) {
  DL_TRY(op_.check());
  const bool is_directory = stat.kind == FileKind::directory;
  if (parts_.scope.is_kept(path, is_directory) || is_other_filesystem(stat)) {
    is_emptied = false;
    if (stat.kind == FileKind::file) ++counts_.files_kept;
    record(path, "keep",
           is_other_filesystem(stat) ? "a mount point is never crossed" : "it matches a pattern of --keep");
    return {};
  }
  ++extras_removed_;
  if (!is_directory) {
    if (stat.kind == FileKind::file) {
      ++counts_.files_removed;
      ++extra_files_removed_;
      ++files_there_;
    }
    record(path, "remove", "the release does not have it");
    return add_removal({.kind = Kind::remove_file, .path = path, .seen = saw(stat)});
  }
  DL_ASSIGN(const auto inner, in.open_directory(name));
  DL_ASSIGN(auto entries, inner->list());
  std::ranges::sort(entries, {}, &disk::DirectoryEntry::name);
  bool is_empty = true;
  for (const auto& entry : entries) {
    DL_TRY(remove_extra(*inner, entry.name, path + "/" + entry.name, entry.stat, is_empty));
  }
  if (!is_empty) {
    is_emptied = false;
    return {};
  }
  record(path, "remove", "the release does not have it");
  return add_removal({.kind = Kind::remove_directory, .path = path});
}

// A release may move all of its files; what it takes away without bringing as much is what counts.
Status InPlacePlan::check_mass_delete() {
  const std::uint64_t removed_by_release = counts_.files_removed - extra_files_removed_;
  const std::uint64_t lost =
      extra_files_removed_ + (removed_by_release > files_added_ ? removed_by_release - files_added_ : 0);
  if (own_.mass_delete_meant || lost <= files_there_ / 2) return {};
  return Error{Code::refused, "this pull would remove " + format_count(lost) + " of the target's " +
                                  format_count(files_there_) +
                                  " files, more than half; nothing was removed. If that is meant, say "
                                  "--allow-mass-delete"};
}

}  // namespace duskline::site
