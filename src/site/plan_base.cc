#include "site/plan_base.h"

#include <algorithm>
#include <utility>

#include "base/units.h"

namespace duskline::site {
namespace {

constexpr std::uint32_t owner_read_write = 0600;

bool is_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

// A hole reads as zeros; where nothing is stored, nothing need be read.
bool holds_zeros(disk::File& file, std::uint64_t offset, std::uint64_t length, Bytes& buffer) {
  constexpr std::uint64_t step = 1 << 20;
  const std::uint64_t end = offset + length;
  while (offset < end) {
    const auto data = file.next_data(offset);
    if (!data) return false;
    if (!*data || (*data)->offset_bytes >= end) return true;
    offset = std::max(offset, (*data)->offset_bytes);
    buffer.resize(std::min({step, end - offset, (*data)->offset_bytes + (*data)->length_bytes - offset}));
    const auto got = file.read_at(offset, buffer);
    if (!got || *got != buffer.size() || !is_zero(buffer)) return false;
    offset += buffer.size();
  }
  return true;
}

std::string fold_ascii(std::string_view name) {
  std::string folded(name);
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return folded;
}

bool is_ascii(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// No other way would fare better.
bool ends_all(Code code) { return code == Code::no_space || code == Code::read_only || code == Code::cancelled; }

}  // namespace

bool fits(const FileStamp& stamp, const disk::Stat& stat) {
  return !stamp.is_empty() && stamp.inode == stat.inode && stamp.size_bytes == stat.size_bytes &&
         stamp.mtime_ns == stat.mtime_ns && (stamp.ctime_ns == stat.ctime_ns || stat.links > 1);
}

Result<bool> has_content(const Op& op, release::Manifest& record, const release::DirectoryCursor::Item& item,
                         disk::File& file) {
  Bytes buffer;
  bool right = true;
  DL_TRY(release::for_each_chunk(
      op, record, item, [&](const model::Chunk& chunk, std::uint64_t offset, std::uint64_t, std::uint32_t) -> Status {
        if (!right) return {};
        DL_TRY(op.check());
        right = chunk.is_hole() ? holds_zeros(file, offset, chunk.length_bytes, buffer)
                                : holds_chunk(file, offset, chunk, buffer);
        return {};
      }));
  return right;
}

FileStamp PlanBase::take_stamp(const Sided& sided) {
  Installed& installed = parts_.installed;
  if (!installed.stamps || installed.scope->part_of(sided.path) != Scope::Part::inside) return {};
  auto stamp = installed.stamps->next();
  if (stamp) return *stamp;
  installed.stamps.reset();  // what cannot be known is read
  return {};
}

void PlanBase::skip_stamps(const Sided& sided) {
  Installed& installed = parts_.installed;
  if (!installed.stamps || sided.before == nullptr) return;
  if (installed.scope->part_of(sided.path) == Scope::Part::inside)
    installed.stamps->skip(sided.before->entry->stats.files);
}

FilePlan PlanBase::file_plan(const Item& item, std::shared_ptr<Folder> folder, std::string_view action) const {
  const model::Entry& file = *item.entry;
  FilePlan plan;
  plan.folder = std::move(folder);
  plan.name = file.name;
  plan.size_bytes = file.size_bytes;
  plan.mode = parts_.scope.mode_of(file.mode);
  plan.mtime_ns = file.mtime_ns;
  plan.owner = parts_.scope.owner_of(file.owner);
  plan.attributes = file.attributes;
  plan.one_piece = file.chunks.empty() && file.lists.empty() && file.size_bytes > 0;
  plan.action = action;
  return plan;
}

bool PlanBase::is_link_in_scope(const model::Entry& file) const {
  return !file.hard_link.empty() && parts_.scope.part_of(file.hard_link) == Scope::Part::inside &&
         !parts_.scope.is_kept(file.hard_link, false);
}

Result<bool> PlanBase::is_right(const Sided& sided, Folder& actual, const disk::Stat& stat, const FileStamp& stamp) {
  const model::Entry& file = *sided.after->entry;
  if (stat.kind != disk::FileKind::file || stat.size_bytes != file.size_bytes) return false;
  const bool was_installed = sided.before != nullptr && sided.before->entry->kind == model::EntryKind::file;
  if (was_installed && sided.before->entry->content == file.content && fits(stamp, stat)) return true;
  if (was_installed && !(sided.before->entry->content == file.content) && fits(stamp, stat)) return false;
  DL_ASSIGN(const auto folder, actual.open());
  const auto opened = folder->open_read(file.name);
  if (!opened) return false;
  return has_content(op_, parts_.tree.record(), *sided.after, **opened);
}

bool PlanBase::has_attributes(const Sided& sided, const FilePlan& plan, const disk::Stat& stat) const {
  const model::Entry* before = sided.before != nullptr ? sided.before->entry : nullptr;
  // What could not be given to the installed file cannot be given to the new one either.
  const bool same_owner_rule = before != nullptr && parts_.installed.scope != nullptr &&
                               parts_.installed.scope->owner_of(before->owner) == plan.owner;
  const bool owner = !plan.owner || same_owner_rule || (stat.uid == plan.owner->uid && stat.gid == plan.owner->gid);
  const bool extended = before != nullptr ? before->attributes == plan.attributes : plan.attributes.empty();
  return owner && extended && stat.mode == plan.mode && stat.mtime_ns == plan.mtime_ns;
}

Result<bool> PlanBase::try_reflink(const FilePlan& plan, const Existing& existing) {
  const auto from = parts_.installed.content->root().open_read(existing.path);
  if (!from) return false;
  const auto file = parts_.assembler.begin(plan);
  DL_ASSIGN(const auto to, parts_.assembler.open(*file));
  const Status cloned = plan.size_bytes == 0 ? Status{} : to->clone_from(**from, 0, plan.size_bytes, 0);
  if (cloned) {
    DL_TRY(parts_.assembler.done(*file));
    return true;
  }
  if (ends_all(cloned.error().code)) return cloned.error();
  DL_ASSIGN(const auto folder, plan.folder->open());
  DL_TRY(folder->remove_file(plan.name, disk::Missing::is_absent));
  return false;
}

// EMLINK, protected_hardlinks, and file systems without links: a copy does as well.
Result<bool> PlanBase::try_hard_link(const FilePlan& plan, const Existing& existing) {
  DL_ASSIGN(const auto folder, plan.folder->open());
  const Status linked = parts_.installed.content->root().make_hard_link(existing.path, *folder, plan.name);
  if (!linked && ends_all(linked.error().code)) return linked.error();
  if (linked && !plan.action.empty()) record(plan.path(), plan.action, {}, plan.size_bytes);
  return linked.has_value();
}

Status PlanBase::place_existing(const Item& item, FilePlan plan, const Existing& existing) {
  if (is_dry()) return {};
  const bool automatic = parts_.link == LinkMode::automatic;
  if (parts_.resumes) {
    DL_ASSIGN(const auto folder, plan.folder->open());
    DL_ASSIGN(const auto there, folder->stat(plan.name));
    const bool is_linked = there && there->inode == existing.stat.inode && there->device == existing.stat.device;
    if (is_linked && existing.same_attributes) return {};
    if (there) {
      DL_TRY(there->kind == disk::FileKind::directory ? folder->remove_tree(plan.name, disk::Missing::is_absent)
                                                      : folder->remove_file(plan.name, disk::Missing::is_absent));
    }
  }
  if (parts_.link == LinkMode::reflink || (automatic && parts_.can_reflink)) {
    DL_ASSIGN(const bool done, try_reflink(plan, existing));
    if (done) return {};
  }
  if (existing.same_attributes && (parts_.link == LinkMode::hard_link || automatic)) {
    DL_ASSIGN(const bool done, try_hard_link(plan, existing));
    if (done) return {};
  }
  const std::uint32_t file = parts_.local.add_file(parts_.installed.source, existing.path);
  return parts_.chunks.add_file(item, parts_.assembler.begin(std::move(plan)), {file, nullptr});
}

Result<bool> PlanBase::try_moved(const Sided& sided, const FilePlan& plan) {
  const InstalledFile* moved = parts_.index.find_installed(sided.after->entry->content);
  if (moved == nullptr || moved->source != parts_.installed.source || parts_.installed.content == nullptr) return false;
  const auto stat = parts_.installed.content->root().stat(moved->path);
  if (!stat || !*stat || (*stat)->kind != disk::FileKind::file || !fits(moved->stamp, **stat)) return false;
  // A change of attributes through a link would reach the installed file.
  const bool same = (*stat)->mode == plan.mode && (*stat)->mtime_ns == plan.mtime_ns && plan.attributes.empty() &&
                    (!plan.owner || ((*stat)->uid == plan.owner->uid && (*stat)->gid == plan.owner->gid));
  DL_TRY(place_existing(*sided.after, plan, {moved->path, **stat, same}));
  return true;
}

// What an earlier run staged is used where its bytes are right, whatever the names of its release was.
Result<PlanBase::Left> PlanBase::take_left(const Item& item, FilePlan& plan, std::unique_ptr<disk::File>& file) {
  if (!parts_.resumes) return Left::nothing;
  auto folder = plan.folder->open();
  if (!folder) return is_dry() ? Result<Left>(Left::nothing) : Result<Left>(folder.error());
  DL_ASSIGN(const auto stat, (*folder)->stat(plan.name));
  if (!stat) return Left::nothing;
  const bool is_ours = stat->kind == disk::FileKind::file && stat->links == 1;
  const bool looks_complete =
      is_ours && stat->size_bytes == plan.size_bytes && stat->mtime_ns == plan.mtime_ns && stat->mode == plan.mode;
  if (looks_complete) {
    auto opened = (*folder)->open_read(plan.name);
    DL_ASSIGN(const bool right, opened ? has_content(op_, parts_.tree.record(), item, **opened) : false);
    if (right) return Left::complete;
  }
  if (is_dry()) return Left::nothing;
  if (looks_complete || !is_ours) {
    DL_TRY(stat->kind == disk::FileKind::directory ? (*folder)->remove_tree(plan.name, disk::Missing::is_absent)
                                                   : (*folder)->remove_file(plan.name, disk::Missing::is_absent));
    return Left::nothing;
  }
  if ((stat->mode & owner_read_write) != owner_read_write) {
    DL_TRY((*folder)->set_mode(plan.name, stat->mode | owner_read_write));
  }
  DL_ASSIGN(file, (*folder)->open_read(plan.name));
  plan.exists = true;
  return Left::partial;
}

Status PlanBase::bring(const Sided& sided, FilePlan plan, bool wrong_here) {
  const Item& item = *sided.after;
  ++counts_.files_changed;
  if (is_dry()) record(plan.path(), plan.action, {}, plan.size_bytes);
  std::unique_ptr<disk::File> left;
  DL_ASSIGN(const Left found, take_left(item, plan, left));
  if (found == Left::complete) {
    parts_.chunks.resumed(plan.size_bytes);
    if (!is_dry()) record(plan.path(), plan.action, {}, plan.size_bytes);
    return {};
  }
  if (found == Left::nothing) {
    DL_ASSIGN(const bool done, try_moved(sided, plan));
    if (done) return {};
  }
  ChunkPlanner::Hints hints;
  hints.left = left.get();
  if (wrong_here) {
    hints.same = parts_.local.add_file(parts_.installed.source, sided.path);
  } else {
    for (const std::uint32_t seed : parts_.seeds) {
      const auto stat = parts_.local.directory(seed)->stat(sided.path);
      if (!stat || !*stat || (*stat)->kind != disk::FileKind::file || (*stat)->size_bytes != plan.size_bytes) continue;
      hints.same = parts_.local.add_file(seed, sided.path);
      break;
    }
  }
  return parts_.chunks.add_file(item, parts_.assembler.begin(std::move(plan)), hints);
}

Status PlanBase::make_symlink(const Item& item, Folder& folder, std::string_view path) {
  if (is_dry()) return {};
  const model::Entry& link = *item.entry;
  DL_ASSIGN(const auto in, folder.open());
  if (parts_.resumes) {
    DL_ASSIGN(const auto there, in->stat(link.name));
    if (there) {
      DL_TRY(there->kind == disk::FileKind::directory ? in->remove_tree(link.name, disk::Missing::is_absent)
                                                      : in->remove_file(link.name, disk::Missing::is_absent));
    }
  }
  DL_TRY(in->make_symlink(link.target, link.name));
  DL_TRY(give_owner(*in, link.name, parts_.scope.owner_of(link.owner), path));
  return in->set_mtime(link.name, link.mtime_ns);
}

Status PlanBase::give_owner(disk::Directory& in, std::string_view name, const std::optional<model::Owner>& owner,
                            std::string_view path) {
  return parts_.assembler.give_owner(in, name, owner, path);
}

void PlanBase::record(std::string_view path, std::string_view action, std::string_view reason, std::uint64_t bytes) {
  parts_.reporter.record({path, action, bytes, "", reason});
}

void PlanBase::keep(const Sided& sided) {
  const Item* item = sided.after != nullptr ? sided.after : sided.before;
  if (item->entry->kind == model::EntryKind::directory) return;
  if (item->entry->kind == model::EntryKind::file) ++counts_.files_kept;
  record(sided.path, "keep", "it matches a pattern of --keep");
}

Status PlanBase::FoldedNames::add(std::string_view name, std::string_view path) {
  const auto refuse = [&](std::string_view other) {
    return Error{Code::refused, "\"" + printable(path) + "\" and \"" + printable(other) +
                                    "\" beside it are one name on the target's file system, which folds case; pull to "
                                    "one that does not, or rename one at the source"};
  };
  const std::string folded = fold_ascii(name);
  if (is_ascii(name)) {
    const auto [same, is_new] = ascii_.emplace(folded, name);
    if (!is_new) return refuse(same->second);
  } else {
    for (const auto& [lower, as_is] : ascii_) {
      if (model::same_when_folded(name, as_is)) return refuse(as_is);
    }
  }
  for (const std::string& other : others_) {
    if (model::same_when_folded(name, other)) return refuse(other);
  }
  if (!is_ascii(name)) others_.emplace_back(name);
  return {};
}

}  // namespace duskline::site
