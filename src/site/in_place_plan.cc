#include "site/in_place_plan.h"

#include <algorithm>
#include <utility>

#include "base/units.h"
#include "site/activate.h"
#include "site/folders.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Stat;
using model::EntryKind;
using Kind = Change::Kind;

constexpr std::uint32_t private_mode = 0700;

FileStamp seen_of(const std::optional<Stat>& there) {
  return there && there->kind != FileKind::directory ? saw(*there) : FileStamp{};
}

std::uint64_t key_of(std::string_view path) { return sha256(path).prefix64(); }

}  // namespace

Status InPlacePlan::run() {
  DL_TRY(begin());
  release::Manifest* before = parts_.installed.record;
  release::Manifest& after = parts_.tree.record();
  std::optional<release::NodeRef> before_top;
  if (before != nullptr) before_top = before->top();
  DL_TRY(release::diff_trees(op_, before, before_top, &after, after.top(), *this));
  return finish();
}

Status InPlacePlan::begin() {
  disk::Directory& root = parts_.installed.content->root();
  DL_ASSIGN(const Stat stat, root.stat());
  mount_ = stat.mount;
  device_ = stat.device;
  const model::Release& release = parts_.tree.release();
  Level top;
  top.staged = parts_.assembler.tree().at("");
  top.actual = parts_.installed.content->at("");
  top.is_staged = true;
  top.own = {.kind = Kind::make_directory,
             .mode = parts_.scope.mode_of(release.top_mode),
             .mtime_ns = release.top_mtime_ns,
             .owner = parts_.scope.owner_of(std::nullopt)};
  const std::vector<model::Attribute> nothing;
  const release::Manifest* record = parts_.installed.record;
  const auto& before = record != nullptr ? record->index().release.top_attributes : nothing;
  top.own.attributes = wanted_attributes({.now = release.top_attributes, .before = &before});
  top.hands_down = hands_down(release.top_attributes) || hands_down(before);
  levels_.push_back(std::move(top));
  const bool fits_already = stat.mode == levels_.back().own.mode && stat.mtime_ns == levels_.back().own.mtime_ns &&
                            before == release.top_attributes;
  return fits_already ? Status{} : announce(levels_.back());
}

Status InPlacePlan::finish() {
  if (own_.extra == PullOptions::Extra::remove) DL_TRY(remove_extras(levels_.back()));
  DL_TRY(check_mass_delete());
  return parts_.chunks.finish();
}

Status InPlacePlan::differs(const Sided& sided) { return visit(sided); }

Result<bool> InPlacePlan::same(const Sided& sided) {
  const bool is_directory = sided.after->entry->kind == EntryKind::directory;
  const bool is_outside = parts_.scope.part_of(sided.path) == Scope::Part::outside;
  if (is_directory && is_outside &&
      (parts_.installed.scope == nullptr || parts_.installed.scope->part_of(sided.path) != Scope::Part::ancestor)) {
    skip_stamps(sided);
    return false;
  }
  DL_TRY(visit(sided));
  return is_directory;
}

Status InPlacePlan::visit(const Sided& sided) {
  const Item& item = sided.after != nullptr ? *sided.after : *sided.before;
  if (own_.extra == PullOptions::Extra::remove) {
    auto& names = levels_.back().names;
    if (names.empty() || names.back() != item.entry->name) names.push_back(item.entry->name);
  }
  if (item.entry->kind == EntryKind::directory) return enter(sided);
  if (sided.after == nullptr) return removed(sided);
  if (parts_.folds_case && levels_.back().is_wanted) {
    DL_TRY(levels_.back().folded.add(item.entry->name, sided.path));
  }
  if (item.entry->kind == EntryKind::file) return file(sided);
  return symlink(sided);
}

Status InPlacePlan::enter(const Sided& sided) {
  Level level;
  level.path = std::string(sided.path);
  level.staged = parts_.assembler.tree().at(level.path);
  level.is_wanted = sided.after != nullptr && levels_.back().is_wanted &&
                    parts_.scope.part_of(level.path) != Scope::Part::outside && !parts_.scope.is_kept(level.path, true);
  if (level.is_wanted) {
    DL_TRY(enter_wanted(sided, level));
  } else if (sided.after == nullptr && parts_.scope.part_of(level.path) == Scope::Part::inside &&
             !parts_.scope.is_kept(level.path, true)) {
    DL_ASSIGN(const auto there, look(levels_.back(), sided.before->entry->name));
    if (there && there->kind == FileKind::directory && !is_other_filesystem(*there)) {
      level.actual = parts_.installed.content->at(level.path);
    }
  }
  levels_.push_back(std::move(level));
  return {};
}

Status InPlacePlan::enter_wanted(const Sided& sided, Level& level) {
  const model::Entry& entry = *sided.after->entry;
  Level& parent = levels_.back();
  if (parts_.folds_case) DL_TRY(parent.folded.add(entry.name, level.path));
  level.own = {.kind = Kind::make_directory,
               .path = level.path,
               .mode = parts_.scope.mode_of(entry.mode),
               .mtime_ns = entry.mtime_ns,
               .owner = parts_.scope.owner_of(entry.owner)};
  DL_ASSIGN(const auto there, look(parent, entry.name));
  const bool is_new = !there || there->kind != FileKind::directory;
  const bool had_acl = sided.before != nullptr && hands_down(sided.before->entry->attributes);
  level.hands_down = hands_down(entry.attributes) || had_acl || (is_new && parent.hands_down);
  level.own.attributes = attributes_of(sided, parent, there);
  if (there && there->kind == FileKind::directory) {
    if (is_other_filesystem(*there)) {
      return Error{Code::refused, "\"" + printable(level.path) +
                                      "\" of the release is a mount point in the target, which is never crossed; keep "
                                      "it with --keep, or unmount it"};
    }
    level.actual = parts_.installed.content->at(level.path);
    FilePlan plan;
    plan.mode = level.own.mode;
    plan.mtime_ns = level.own.mtime_ns;
    plan.owner = level.own.owner;
    plan.attributes = entry.attributes;
    return has_attributes(sided, plan, *there) ? Status{} : announce(level);
  }
  if (there && last_removed_file_ != level.path) DL_TRY(make_room(level.path, *there));
  DL_TRY(announce(parent));
  return announce(level);
}

WantedAttributes InPlacePlan::attributes_of(const Sided& sided, const Level& parent,
                                            const std::optional<Stat>& there) const {
  using Made = DirectoryAttributes::Made;
  DirectoryAttributes of{.now = sided.after->entry->attributes};
  const bool was_directory = sided.before != nullptr && sided.before->entry->kind == EntryKind::directory;
  if (was_directory) of.before = &sided.before->entry->attributes;
  if (!there || there->kind != FileKind::directory) of.made = parent.hands_down ? Made::below_default_acl : Made::yes;
  return wanted_attributes(of);
}

// Something of the site's stands where the release has a directory.
Status InPlacePlan::make_room(const std::string& path, const Stat& there) {
  if (there.kind == FileKind::symlink) {
    return Error{Code::refused, "the release has a directory \"" + printable(path) +
                                    "\" where the target has a symlink, which is not followed; keep it with --keep, or "
                                    "put a directory there"};
  }
  if (there.kind == FileKind::file) ++files_there_;
  if (own_.extra != PullOptions::Extra::remove) return {};  // the activation sets it aside
  if (there.kind == FileKind::file) {
    ++counts_.files_removed;
    ++extra_files_removed_;
  }
  ++extras_removed_;
  record(path, "remove", "the release has a directory there");
  return add_removal({.kind = Kind::remove_file, .path = path, .seen = saw(there)});
}

Status InPlacePlan::leave(const Sided& sided) {
  Level& level = levels_.back();
  if (own_.extra == PullOptions::Extra::remove && level.actual) DL_TRY(remove_extras(level));
  const Level left = std::move(levels_.back());
  levels_.pop_back();
  if (sided.after != nullptr || !left.actual) return {};
  return leave_removed(left);
}

Status InPlacePlan::leave_removed(const Level& level) {
  Level& parent = levels_.back();
  DL_TRY(add_removal({.kind = Kind::remove_directory, .path = level.path}));
  record(level.path, "remove");
  parent.removed += level.removed + 1;
  last_removed_ = level.path;
  last_removed_entries_ = level.removed;
  return parent.is_wanted ? announce(parent) : Status{};
}

Status InPlacePlan::file(const Sided& sided) {
  const model::Entry& entry = *sided.after->entry;
  const bool was_file = sided.before != nullptr && sided.before->entry->kind == EntryKind::file;
  const FileStamp stamp = was_file ? take_stamp(sided) : FileStamp{};
  const Level& level = levels_.back();
  if (parts_.scope.part_of(sided.path) != Scope::Part::inside) return {};
  if (!level.is_wanted || parts_.scope.is_kept(sided.path, false)) {
    keep(sided);
    return add_stamp({});
  }
  DL_ASSIGN(const auto there, look(level, entry.name));
  if (there && there->kind == FileKind::file) ++files_there_;
  if (!there) ++files_added_;
  if (is_link_in_scope(entry)) return link(sided, there);
  if (!there || there->kind != FileKind::file) return stage(sided, there, false);
  DL_ASSIGN(const bool right, is_right(sided, *level.actual, *there, stamp));
  if (!right) {
    const bool is_known = was_file && fits(stamp, *there);
    return stage(sided, there, !is_known && there->size_bytes == entry.size_bytes);
  }
  FilePlan plan = file_plan(*sided.after, level.staged, "change");
  if (has_attributes(sided, plan, *there)) return add_stamp(stamp_of(*there));
  const bool same_extended = was_file ? sided.before->entry->attributes == entry.attributes : entry.attributes.empty();
  // A change of owner takes capabilities away, so a file that has extended attributes is made anew.
  const bool keeps_extended = entry.attributes.empty() || !plan.owner;
  // By one of several names, attributes would reach files that the release has apart from this one.
  const bool is_alone = there->links == 1;
  return same_extended && keeps_extended && is_alone ? adjust(sided, plan, *there) : stage(sided, there, true);
}

Status InPlacePlan::adjust(const Sided& sided, const FilePlan& plan, const Stat& there) {
  ++counts_.files_changed;
  record(sided.path, "change", "mode, time or owner only");
  DL_TRY(add_creation({.kind = Kind::set_attributes,
                       .path = std::string(sided.path),
                       .mode = plan.mode,
                       .mtime_ns = plan.mtime_ns,
                       .owner = plan.owner,
                       .seen = saw(there)}));
  return add_stamp(to_be_placed());
}

Status InPlacePlan::stage(const Sided& sided, const std::optional<Stat>& there, bool is_unknown) {
  DL_TRY(clear_way(std::string(sided.path), there));
  DL_TRY(announce(levels_.back()));
  DL_TRY(prepare_staging());
  FilePlan plan = file_plan(*sided.after, levels_.back().staged, there ? "change" : "add");
  DL_TRY(add_creation({.kind = Kind::place_file,
                       .path = std::string(sided.path),
                       .mode = plan.mode,
                       .mtime_ns = plan.mtime_ns,
                       .owner = plan.owner,
                       .seen = seen_of(there)}));
  if (own_.has_hard_links) replaced_.insert(key_of(sided.path));
  DL_TRY(add_stamp(to_be_placed()));
  return bring(sided, std::move(plan), is_unknown);
}

Status InPlacePlan::link(const Sided& sided, const std::optional<Stat>& there) {
  const model::Entry& entry = *sided.after->entry;
  DL_ASSIGN(const auto other, parts_.installed.content->root().stat(entry.hard_link));
  const bool is_linked = there && other && there->inode == other->inode && there->device == other->device;
  if (is_linked && !replaced_.contains(key_of(entry.hard_link))) return add_stamp(stamp_of(*there));
  DL_TRY(clear_way(std::string(sided.path), there));
  DL_TRY(announce(levels_.back()));
  ++counts_.files_changed;
  record(sided.path, there ? "change" : "add");
  DL_TRY(add_creation({.kind = Kind::make_hard_link,
                       .path = std::string(sided.path),
                       .other = entry.hard_link,
                       .seen = seen_of(there)}));
  return add_stamp(to_be_placed());
}

Status InPlacePlan::symlink(const Sided& sided) {
  const model::Entry& entry = *sided.after->entry;
  if (sided.before != nullptr && sided.before->entry->kind == EntryKind::file) (void)take_stamp(sided);
  const Level& level = levels_.back();
  if (parts_.scope.part_of(sided.path) != Scope::Part::inside) return {};
  if (!level.is_wanted || parts_.scope.is_kept(sided.path, false)) {
    keep(sided);
    return {};
  }
  Change change{.kind = Kind::make_symlink,
                .path = std::string(sided.path),
                .other = entry.target,
                .mtime_ns = entry.mtime_ns,
                .owner = parts_.scope.owner_of(entry.owner)};
  DL_ASSIGN(const auto there, look(level, entry.name));
  if (there && there->kind == FileKind::symlink) {
    DL_ASSIGN(const auto folder, level.actual->open());
    DL_ASSIGN(const std::string target, folder->read_link(entry.name));
    FilePlan plan;
    plan.mode = there->mode;
    plan.mtime_ns = entry.mtime_ns;
    plan.owner = change.owner;
    if (target == entry.target && has_attributes(sided, plan, *there)) return {};
    if (target == entry.target) change.kind = Kind::set_attributes;
  }
  change.seen = seen_of(there);
  DL_TRY(clear_way(change.path, there));
  if (change.kind == Kind::make_symlink) DL_TRY(announce(levels_.back()));
  record(sided.path, there ? "change" : "add");
  return add_creation(change);
}

Status InPlacePlan::removed(const Sided& sided) {
  const bool was_file = sided.before->entry->kind == EntryKind::file;
  if (was_file) (void)take_stamp(sided);
  if (parts_.scope.part_of(sided.path) != Scope::Part::inside) return {};
  if (parts_.scope.is_kept(sided.path, false)) {
    keep(sided);
    return {};
  }
  Level& level = levels_.back();
  DL_ASSIGN(const auto there, look(level, sided.before->entry->name));
  if (!there) return {};
  if (there->kind == FileKind::directory) {
    record(sided.path, "keep", "a directory that is not the release's has taken its place");
    return {};
  }
  if (was_file) {
    ++counts_.files_removed;
    ++files_there_;
  }
  ++level.removed;
  last_removed_file_ = std::string(sided.path);
  record(sided.path, "remove");
  DL_TRY(add_removal({.kind = Kind::remove_file, .path = std::string(sided.path), .seen = saw(*there)}));
  return level.is_wanted ? announce(level) : Status{};
}

Result<std::optional<Stat>> InPlacePlan::look(const Level& level, const std::string& name) {
  if (!level.actual) return std::optional<Stat>{};
  DL_ASSIGN(const auto folder, level.actual->open());
  return folder->stat(name);
}

// Once for each directory in which something changes, before what changes in it.
Status InPlacePlan::announce(Level& level) {
  if (std::exchange(level.is_announced, true)) return {};
  return add_creation(level.own);
}

Status InPlacePlan::prepare_staging() {
  if (is_dry()) return {};
  disk::Directory& root = parts_.assembler.tree().root();
  for (Level& level : levels_) {
    if (std::exchange(level.is_staged, true)) continue;
    DL_ASSIGN(const auto there, root.stat(level.path));
    if (there && there->kind == FileKind::directory) continue;
    if (there) DL_TRY(root.remove_file(level.path, disk::Missing::is_absent));
    DL_TRY(root.make_directory(level.path, private_mode));
  }
  return {};
}

Status InPlacePlan::add_removal(const Change& change) {
  return own_.removals != nullptr ? own_.removals->add(change) : Status{};
}

Status InPlacePlan::add_creation(const Change& change) {
  return own_.creations != nullptr ? own_.creations->add(change) : Status{};
}

Status InPlacePlan::add_stamp(const FileStamp& stamp) {
  return own_.stamps != nullptr ? own_.stamps->add(stamp) : Status{};
}

bool InPlacePlan::is_other_filesystem(const Stat& stat) const { return stat.mount != mount_ || stat.device != device_; }

}  // namespace duskline::site
