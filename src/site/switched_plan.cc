#include "site/switched_plan.h"

#include <utility>

#include "base/units.h"

namespace duskline::site {
namespace {

using model::EntryKind;

constexpr std::uint32_t owner_all = 0700;

}  // namespace

Status SwitchedPlan::run() {
  Level top;
  top.staged = parts_.assembler.tree().at("");
  if (parts_.installed.content != nullptr) top.actual = parts_.installed.content->at("");
  if (!is_dry() && parts_.resumes) DL_TRY(unseal(parts_.assembler.tree().root(), parts_.tree.release().top_attributes));
  levels_.push_back(std::move(top));
  release::Manifest* before = parts_.installed.record;
  release::Manifest& after = parts_.tree.record();
  std::optional<release::NodeRef> before_top;
  if (before != nullptr) before_top = before->top();
  DL_TRY(release::diff_trees(op_, before, before_top, &after, after.top(), *this));
  return parts_.chunks.finish();
}

Status SwitchedPlan::differs(const Sided& sided) { return visit(sided); }

Result<bool> SwitchedPlan::same(const Sided& sided) {
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

Status SwitchedPlan::leave(const Sided&) {
  levels_.pop_back();
  return {};
}

Status SwitchedPlan::visit(const Sided& sided) {
  const Item& item = sided.after != nullptr ? *sided.after : *sided.before;
  if (item.entry->kind == EntryKind::directory) return enter(sided);
  if (sided.after == nullptr) return removed(sided);
  Level& level = levels_.back();
  const bool is_wanted = level.staged && parts_.scope.part_of(sided.path) == Scope::Part::inside;
  if (is_wanted && parts_.folds_case) DL_TRY(level.names.add(item.entry->name, sided.path));
  if (item.entry->kind == EntryKind::file) return file(sided);
  if (sided.before != nullptr && sided.before->entry->kind == EntryKind::file) (void)take_stamp(sided);
  if (!is_wanted) return {};
  if (parts_.scope.is_kept(sided.path, false)) {
    keep(sided);
    return {};
  }
  const bool is_same = sided.before != nullptr && *sided.before->entry == *item.entry;
  if (!is_same) record(sided.path, sided.before != nullptr ? "change" : "add");
  return make_symlink(item, *level.staged, sided.path);
}

Status SwitchedPlan::enter(const Sided& sided) {
  Level& parent = levels_.back();
  Level level;
  const std::string path(sided.path);
  if (sided.before != nullptr && parent.actual) level.actual = parts_.installed.content->at(path);
  const bool is_wanted = sided.after != nullptr && parent.staged &&
                         parts_.scope.part_of(path) != Scope::Part::outside && !parts_.scope.is_kept(path, true);
  if (is_wanted) {
    if (parts_.folds_case) DL_TRY(parent.names.add(sided.after->entry->name, path));
    level.staged = parts_.assembler.tree().at(path);
    DL_TRY(make_directory(*sided.after, parent, path));
  }
  levels_.push_back(std::move(level));
  return {};
}

Status SwitchedPlan::make_directory(const Item& item, Level& parent, std::string_view path) {
  if (is_dry()) return {};
  const model::Entry& entry = *item.entry;
  DL_ASSIGN(const auto in, parent.staged->open());
  Status made = in->make_directory(entry.name, parts_.scope.mode_of(entry.mode) | owner_all);
  if (made || made.error().code != Code::already_exists) return made;
  DL_ASSIGN(const auto there, in->stat(entry.name));
  if (there && there->kind == disk::FileKind::directory) {
    if ((there->mode & owner_all) != owner_all) DL_TRY(in->set_mode(entry.name, there->mode | owner_all));
    if (entry.attributes.empty()) return {};
    DL_ASSIGN(const auto directory, in->open_directory(entry.name));
    return unseal(*directory, entry.attributes);
  }
  if (!parts_.resumes) {
    return Error{Code::refused, "\"" + printable(path) +
                                    "\" cannot be made beside another name that the target's file system takes for the "
                                    "same"};
  }
  DL_TRY(in->remove_file(entry.name, disk::Missing::is_absent));
  return in->make_directory(entry.name, parts_.scope.mode_of(entry.mode) | owner_all);
}

// An earlier run may have got so far as to give a directory its default ACL, which must not reach what is made now.
Status SwitchedPlan::unseal(disk::Directory& directory, const std::vector<model::Attribute>& attributes) {
  return attributes.empty() ? Status() : parts_.assembler.attributes().give(directory, {}, directory.display_path());
}

Status SwitchedPlan::file(const Sided& sided) {
  const bool was_file = sided.before != nullptr && sided.before->entry->kind == EntryKind::file;
  const FileStamp stamp = was_file ? take_stamp(sided) : FileStamp{};
  const model::Entry& entry = *sided.after->entry;
  Level& level = levels_.back();
  if (!level.staged || parts_.scope.part_of(sided.path) != Scope::Part::inside) return {};
  if (parts_.scope.is_kept(sided.path, false)) {
    keep(sided);
    return {};
  }
  const bool is_same = was_file && *sided.before->entry == entry;
  if (is_link_in_scope(entry)) {
    if (!is_same) {
      ++counts_.files_changed;
      record(sided.path, was_file ? "change" : "add", {}, 0);
    }
    return parts_.chunks.link_later(entry.hard_link, std::string(sided.path));
  }
  bool is_unknown = false;
  const std::string_view action = is_same ? "" : was_file ? "change" : "add";
  DL_ASSIGN(const bool placed,
            place_unchanged(sided, file_plan(*sided.after, level.staged, action), stamp, is_unknown));
  if (placed) return {};
  return bring(sided, file_plan(*sided.after, level.staged, was_file ? "change" : "add"), is_unknown);
}

// `is_unknown`: the installed file should have the content, but has it in part at most.
Result<bool> SwitchedPlan::place_unchanged(const Sided& sided, FilePlan plan, const FileStamp& stamp,
                                           bool& is_unknown) {
  Level& level = levels_.back();
  const bool should_be_right = sided.before != nullptr && sided.before->entry->kind == EntryKind::file &&
                               sided.before->entry->content == sided.after->entry->content;
  if (!level.actual || !should_be_right) return false;
  const auto folder = level.actual->open();
  if (!folder) return false;  // somebody took it away
  const auto stat = (*folder)->stat(plan.name);
  if (!stat || !*stat || (*stat)->kind != disk::FileKind::file) return false;
  DL_ASSIGN(const bool right, is_right(sided, *level.actual, **stat, stamp));
  if (!right) {
    is_unknown = true;
    return false;
  }
  if (!plan.action.empty()) ++counts_.files_changed;
  const bool same_attributes = has_attributes(sided, plan, **stat);
  DL_TRY(place_existing(*sided.after, std::move(plan), {std::string(sided.path), **stat, same_attributes}));
  return true;
}

Status SwitchedPlan::removed(const Sided& sided) {
  if (sided.before->entry->kind == EntryKind::file) (void)take_stamp(sided);
  if (parts_.scope.part_of(sided.path) != Scope::Part::inside) return {};
  if (parts_.scope.is_kept(sided.path, false)) {
    keep(sided);
    return {};
  }
  if (sided.before->entry->kind == EntryKind::file) ++counts_.files_removed;
  record(sided.path, "remove");
  return {};
}

}  // namespace duskline::site
