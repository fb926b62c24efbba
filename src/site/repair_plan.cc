#include "site/repair_plan.h"

#include <utility>

#include "base/units.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Missing;
using model::EntryKind;

constexpr std::uint32_t private_mode = 0700;

bool is_attribute(Finding finding) {
  return finding == Finding::mode || finding == Finding::mtime || finding == Finding::owner ||
         finding == Finding::xattr;
}

}  // namespace

Status RepairPlan::run() {
  Level top;
  top.staged = parts_.assembler.tree().at("");
  top.is_staged = true;
  top.hands_down = hands_down(parts_.tree.release().top_attributes);
  levels_.push_back(std::move(top));
  release::Manifest& record = parts_.tree.record();
  DL_TRY(release::diff_trees(op_, nullptr, std::nullopt, &record, record.top(), *this));
  DL_TRY(parts_.chunks.finish());
  const model::Release& release = parts_.tree.release();
  const Attributes top_wanted{"", parts_.scope.mode_of(release.top_mode), release.top_mtime_ns,
                              parts_.scope.owner_of(std::nullopt), wanted_attributes({.now = release.top_attributes})};
  if (levels_.back().is_touched || findings_.contains("")) directories_.push_back(top_wanted);
  return complete();
}

std::optional<Finding> RepairPlan::finding_of(std::string_view path) const {
  if (levels_.back().is_missing) return Finding::missing;
  const auto found = findings_.find(path);
  return found == findings_.end() ? std::nullopt : std::optional(found->second);
}

Status RepairPlan::differs(const Sided& sided) {
  const EntryKind kind = sided.after->entry->kind;
  if (kind == EntryKind::directory) return enter(sided);
  if (parts_.scope.part_of(sided.path) != Scope::Part::inside || parts_.scope.is_kept(sided.path, false)) return {};
  const auto finding = finding_of(sided.path);
  if (!finding) return {};
  // A change of owner takes capabilities away, so a file that has extended attributes is made anew.
  if (is_attribute(*finding) && sided.after->entry->attributes.empty() && parts_.carrying == Carrying::out) {
    ++repaired_;
    record(sided.path, "repair", "mode, time or owner");
    return set_attributes(attributes_of(sided));
  }
  levels_.back().is_touched = true;
  return kind == EntryKind::file ? file(sided, *finding) : symlink(sided);
}

Status RepairPlan::enter(const Sided& sided) {
  Level level;
  level.path = std::string(sided.path);
  level.staged = parts_.assembler.tree().at(level.path);
  const bool is_ours =
      parts_.scope.part_of(sided.path) != Scope::Part::outside && !parts_.scope.is_kept(sided.path, true);
  const auto finding = is_ours ? finding_of(sided.path) : std::nullopt;
  if (finding && !is_attribute(*finding)) {
    levels_.back().is_touched = true;
    level.is_missing = level.is_touched = true;
    DL_ASSIGN(const auto there, content().stat(level.path));
    if (there && there->kind == FileKind::directory) {
      level.is_missing = false;
      DL_TRY(fail(level.path, "it could not be read, so that what is wrong in it is not known; repair again"));
    } else {
      if (there) DL_TRY(content().remove_file(level.path, Missing::is_absent));
      DL_TRY(content().make_directory(level.path, private_mode));
      ++repaired_;
      record(level.path, "repair");
    }
  } else if (finding) {
    level.is_touched = true;
  }
  level.hands_down = hands_down(sided.after->entry->attributes) || (level.is_missing && levels_.back().hands_down);
  levels_.push_back(std::move(level));
  return {};
}

Status RepairPlan::leave(const Sided& sided) {
  using Made = DirectoryAttributes::Made;
  const Level level = std::move(levels_.back());
  levels_.pop_back();
  if (!level.is_touched) return {};
  Attributes wanted = attributes_of(sided);
  const Made made = !level.is_missing ? Made::no : levels_.back().hands_down ? Made::below_default_acl : Made::yes;
  wanted.extended = wanted_attributes({.now = sided.after->entry->attributes, .made = made});
  directories_.push_back(std::move(wanted));
  return {};
}

Status RepairPlan::file(const Sided& sided, Finding finding) {
  const model::Entry& entry = *sided.after->entry;
  const std::string path(sided.path);
  DL_ASSIGN(const auto there,
            finding == Finding::missing ? Result<std::optional<disk::Stat>>(std::nullopt) : content().stat(path));
  if (there && there->kind == FileKind::directory) {
    const Status removed = content().remove_directory(path, Missing::is_absent);
    if (!removed) return fail(path, "a directory that holds something has taken its place; move it away");
  }
  if (is_link_in_scope(entry)) {
    links_.push_back({path, entry.hard_link});
    return {};
  }
  DL_TRY(prepare_staging());
  staged_.push_back(path);
  return bring(sided, file_plan(*sided.after, levels_.back().staged, "repair"), there && there->kind == FileKind::file);
}

Status RepairPlan::symlink(const Sided& sided) {
  const std::string path(sided.path);
  DL_ASSIGN(const auto there, content().stat(path));
  if (there && there->kind == FileKind::directory) {
    const Status removed = content().remove_directory(path, Missing::is_absent);
    if (!removed) return fail(path, "a directory that holds something has taken its place; move it away");
  } else if (there) {
    DL_TRY(content().remove_file(path, Missing::is_absent));
  }
  DL_TRY(content().make_symlink(sided.after->entry->target, path));
  ++repaired_;
  record(path, "repair");
  return set_attributes(attributes_of(sided));
}

Status RepairPlan::fail(std::string_view path, const std::string& why) {
  ++failed_;
  record(path, "refuse", why);
  parts_.reporter.note(Severity::error, "\"" + printable(path) + "\" cannot be repaired: " + why);
  return {};
}

Status RepairPlan::prepare_staging() {
  disk::Directory& root = parts_.assembler.tree().root();
  for (Level& level : levels_) {
    if (std::exchange(level.is_staged, true)) continue;
    DL_TRY(root.make_directory(level.path, private_mode));
  }
  return {};
}

RepairPlan::Attributes RepairPlan::attributes_of(const Sided& sided) const {
  const model::Entry& entry = *sided.after->entry;
  return {std::string(sided.path), parts_.scope.mode_of(entry.mode), entry.mtime_ns, parts_.scope.owner_of(entry.owner),
          std::nullopt};
}

Status RepairPlan::set_attributes(const Attributes& wanted) {
  DL_ASSIGN(const auto stat,
            wanted.path.empty() ? [&]() -> Result<std::optional<disk::Stat>> {
              DL_ASSIGN(const disk::Stat top, content().stat());
              return std::optional(top);
            }()
                                : content().stat(wanted.path));
  if (!stat) return {};
  DL_TRY(parts_.assembler.give_owner(content(), wanted.path, wanted.owner, wanted.path));
  if (wanted.extended && stat->kind == FileKind::directory) {
    DL_ASSIGN(const auto directory, content().open_directory(wanted.path));
    DL_TRY(parts_.assembler.attributes().give(*directory, *wanted.extended, wanted.path.empty() ? "." : wanted.path));
  }
  if (stat->kind != FileKind::symlink) DL_TRY(content().set_mode(wanted.path, wanted.mode));
  return content().set_mtime(wanted.path, wanted.mtime_ns);
}

// Every file is whole and verified by now. Directories last, since work in them changes their times.
Status RepairPlan::complete() {
  disk::Directory& staged = parts_.assembler.tree().root();
  for (const std::string& path : staged_) {
    DL_TRY(op_.check());
    DL_ASSIGN(const auto old, content().stat(path));
    if (old && old->kind == FileKind::file && old->links > 1) replaced_.push_back({path, old->device, old->inode});
    DL_TRY(staged.rename(path, content(), path));
    ++repaired_;
  }
  for (const Link& link : links_) {
    DL_ASSIGN(const auto old, content().stat(link.path));
    if (old && old->kind == FileKind::file && old->links > 1) {
      replaced_.push_back({link.path, old->device, old->inode});
    }
    DL_TRY(content().remove_file(link.path, Missing::is_absent));
    DL_TRY(content().make_hard_link(link.other, content(), link.path));
    record(link.path, "repair");
    ++repaired_;
  }
  for (const Attributes& directory : directories_) DL_TRY(set_attributes(directory));
  return {};
}

}  // namespace duskline::site
