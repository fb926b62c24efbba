#include "site/prepare.h"

#include <functional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/units.h"
#include "site/folders.h"
#include "site/moves.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Missing;
using disk::Stat;
using Found = std::optional<Stat>;

class Preparer {
 public:
  explicit Preparer(Target& target) : root_(target.root()), own_(target.private_folder()) {}

  Status begin_undo(const model::ReleaseId& back_to) {
    DL_TRY(own_.remove_tree(folders::previous, Missing::is_absent));
    DL_TRY(own_.remove_file(folders::undo, Missing::is_absent));
    DL_TRY(folders::ensure(own_, folders::previous));
    DL_ASSIGN(auto file, own_.create(folders::undo, 0600));
    undo_.emplace(std::move(file), back_to);
    return {};
  }
  Status add(const Change& change);
  Status finish() { return undo_ ? undo_->finish() : Status(); }

 private:
  Result<Found> look(const Change& change);
  [[nodiscard]] bool is_below_removed_link(std::string_view path) const;
  Status check_staged(const Change& change);
  // Of a directory as it is now, as far as they may be read and a change holds them.
  Result<WantedAttributes> attributes_now(const std::string& path);
  Result<std::optional<Change>> inverse(const Change& change, const Found& now);
  // What brings back the file or symlink that `now` is.
  Result<Change> restore(const Change& change, const Stat& now);
  // What the change will have put there, as far as it can be known.
  Result<FileStamp> outcome(const Change& change);

  disk::Directory& root_;
  disk::Directory& own_;
  std::optional<ChangeWriter> undo_;
  std::unordered_set<std::size_t> removed_links_;  // hashes of paths
  Found staged_;                                   // of the change at hand
};

std::string staged_path(const std::string& path) { return std::string(folders::staged_tree) + "/" + path; }

Status Preparer::add(const Change& change) {
  DL_ASSIGN(const Found now, look(change));
  DL_TRY(check_staged(change));
  if (change.kind == Change::Kind::remove_file && now && now->kind == FileKind::symlink) {
    removed_links_.insert(std::hash<std::string>()(change.path));
  }
  if (!undo_) return {};
  DL_ASSIGN(const std::optional<Change> back, inverse(change, now));
  return back ? undo_->add(*back) : Status();
}

Result<Found> Preparer::look(const Change& change) {
  auto found = root_.stat(change.path);
  if (found || found.error().code != Code::refused) return found;
  if (is_below_removed_link(change.path)) return Found();  // the list makes a directory of it first
  return wrap(std::move(found).error(), "a directory above \"" + printable(change.path) +
                                            "\" has become a symlink since the pull was planned; nothing is changed: "
                                            "remove it, or pull again");
}

bool Preparer::is_below_removed_link(std::string_view path) const {
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    if (removed_links_.contains(std::hash<std::string>()(std::string(path.substr(0, slash))))) return true;
  }
  return false;
}

Status Preparer::check_staged(const Change& change) {
  staged_.reset();
  if (change.kind != Change::Kind::place_file) return {};
  DL_ASSIGN(staged_, own_.stat(staged_path(change.path)));
  if (staged_ && staged_->kind == FileKind::file) return {};
  return Error{Code::corrupt, "the staged file \"" + printable(change.path) + "\" is missing; pull again"};
}

Result<FileStamp> Preparer::outcome(const Change& change) {
  Found made = staged_;
  if (change.kind == Change::Kind::make_hard_link) {
    DL_ASSIGN(made, own_.stat(staged_path(change.other)));
    if (!made) {
      DL_ASSIGN(made, root_.stat(change.other));
    }
  }
  FileStamp stamp = made ? stamp_of(*made) : FileStamp{};
  stamp.ctime_ns = 0;  // renaming and linking change it
  return stamp;
}

Result<Change> Preparer::restore(const Change& change, const Stat& now) {
  Change back{.kind = Change::Kind::place_file, .path = change.path, .mtime_ns = now.mtime_ns};
  if (change.owner) back.owner = model::Owner{now.uid, now.gid};
  if (now.kind == FileKind::symlink) {
    back.kind = Change::Kind::make_symlink;
    DL_ASSIGN(back.other, root_.read_link(change.path));
  } else {
    DL_TRY(link_or_copy({}, root_, change.path, own_, std::string(folders::previous) + "/" + change.path));
  }
  DL_ASSIGN(back.seen, outcome(change));
  return back;
}

Result<WantedAttributes> Preparer::attributes_now(const std::string& path) {
  const auto can_do_without = [](Code code) { return code == Code::denied || code == Code::unsupported; };
  const auto directory = root_.open_directory(path);
  if (!directory && can_do_without(directory.error().code)) return WantedAttributes();
  if (!directory) return directory.error();
  auto attributes = (*directory)->attributes();
  if (!attributes && !can_do_without(attributes.error().code)) return std::move(attributes).error();
  if (!attributes || !model::check_attributes(*attributes)) return WantedAttributes();
  return WantedAttributes(std::move(*attributes));
}

Result<std::optional<Change>> Preparer::inverse(const Change& change, const Found& now) {
  const bool was_named = now && (now->kind == FileKind::file || now->kind == FileKind::symlink);
  const bool was_directory = now && now->kind == FileKind::directory;
  Change attributes{.kind = Change::Kind::make_directory, .path = change.path};
  if (now) {
    attributes.mode = now->mode;
    attributes.mtime_ns = now->mtime_ns;
    attributes.seen = stamp_of(*now);
    if (change.owner) attributes.owner = model::Owner{now->uid, now->gid};
  }
  // One that was removed is made again, perhaps below another's default ACL.
  if (was_directory && (change.attributes || change.kind == Change::Kind::remove_directory)) {
    DL_ASSIGN(attributes.attributes, attributes_now(change.path));
  }
  switch (change.kind) {
    case Change::Kind::make_directory:
      if (was_directory) return std::optional(attributes);
      if (was_named) {
        DL_ASSIGN(Change back, restore(change, *now));
        return std::optional(std::move(back));
      }
      return std::optional(Change{.kind = Change::Kind::remove_directory, .path = change.path});
    case Change::Kind::place_file:
    case Change::Kind::make_symlink:
    case Change::Kind::make_hard_link: {
      Change back{.kind = Change::Kind::remove_file, .path = change.path};
      if (was_named) {
        DL_ASSIGN(back, restore(change, *now));
      } else {
        DL_ASSIGN(back.seen, outcome(change));
      }
      return std::optional(std::move(back));
    }
    case Change::Kind::set_attributes:
      if (!now || was_directory) return std::optional<Change>();
      attributes.kind = Change::Kind::set_attributes;
      return std::optional(attributes);
    case Change::Kind::remove_file: {
      if (!was_named) return std::optional<Change>();
      DL_ASSIGN(Change back, restore(change, *now));
      return std::optional(std::move(back));
    }
    case Change::Kind::remove_directory:
      return was_directory ? std::optional(attributes) : std::optional<Change>();
  }
  return std::optional<Change>();
}

}  // namespace

Status prepare_changes(const Op& op, Target& target, ChangeList& list, Check check, const model::ReleaseId& back_to) {
  Preparer preparer(target);
  if (check == Check::follows) DL_TRY(preparer.begin_undo(back_to));
  list.rewind();
  for (;;) {
    DL_TRY(op.check());
    DL_ASSIGN(const Change* change, list.next());
    if (change == nullptr) break;
    DL_TRY(preparer.add(*change));
  }
  return preparer.finish();
}

}  // namespace duskline::site
