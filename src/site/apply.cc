#include "site/apply.h"

#include "base/units.h"
#include "site/folders.h"
#include "site/moves.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Missing;
using disk::Stat;

constexpr std::uint32_t owner_may_all = 0700;
constexpr std::string_view others_did = "was made or edited by others";

bool may_be_done_without(Code code) { return code == Code::denied || code == Code::unsupported; }

}  // namespace

ChangeApplier::ChangeApplier(Target& target, Direction direction, Run run, Reporter& reporter)
    : root_(target.root()),
      own_(target.private_folder()),
      source_(std::string(direction == Direction::forward ? folders::staged_tree : folders::previous) + "/"),
      direction_(direction),
      run_(run),
      reporter_(reporter) {}

Status ChangeApplier::apply(const Change& change) {
  Status done = dispatch(change);
  if (!done && done.error().code == Code::denied) {  // a directory may not be written, which is only content to us
    DL_TRY(widen_above(change.path));
    done = dispatch(change);
  }
  if (done) return done;
  std::string what = "the change of \"" + printable(change.path) + "\" cannot be completed";
  if (done.error().code == Code::refused) {
    what += "; if a directory above it has become a symlink, put the directory back and run again";
  }
  return wrap(std::move(done).error(), what);
}

Status ChangeApplier::dispatch(const Change& change) {
  switch (change.kind) {
    case Change::Kind::make_directory:
      return make_directory(change);
    case Change::Kind::place_file:
      return place_file(change);
    case Change::Kind::make_symlink:
      return make_symlink(change);
    case Change::Kind::make_hard_link:
      return make_hard_link(change);
    case Change::Kind::set_attributes:
      return set_attributes(change);
    case Change::Kind::remove_file:
      return remove_file(change);
    case Change::Kind::remove_directory:
      return remove_directory(change);
  }
  return Error{Code::internal, "a change of an unknown kind"};
}

bool ChangeApplier::is_expected(const Stat& now, const Change& change) const {
  // A symlink that we made has an inode that nobody could foresee, and holds nothing that could be lost.
  if (direction_ == Direction::back && now.kind == FileKind::symlink) return true;
  FileStamp seen = change.seen;
  if (run_ == Run::after_crash) seen.ctime_ns = 0;
  return !seen.is_empty() && is_as_seen(now, seen);
}

Status ChangeApplier::make_way(const Change& change, const std::optional<Stat>& now) {
  if (!now) return {};
  if (now->kind == FileKind::directory) {
    const Status removed = root_.remove_directory(change.path, Missing::is_absent);
    if (removed) return {};
    return site::set_aside(root_, own_, change.path, *now, Place::moves, others_did, reporter_);
  }
  if (is_expected(*now, change)) return {};
  return site::set_aside(root_, own_, change.path, *now, Place::stays, others_did, reporter_);
}

Status ChangeApplier::make_directory(const Change& change) {
  if (change.path.empty()) return {};
  DL_ASSIGN(const std::optional<Stat> now, root_.stat(change.path));
  if (now && now->kind == FileKind::directory) return {};
  if (now) DL_TRY(site::set_aside(root_, own_, change.path, *now, Place::moves, others_did, reporter_));
  ++directories_made_;
  return root_.make_directory(change.path, change.mode | owner_may_all);
}

Status ChangeApplier::place_file(const Change& change) {
  const std::string source = source_ + change.path;
  DL_ASSIGN(const std::optional<Stat> staged, own_.stat(source));
  if (!staged) return {};  // it is in its place since before a crash
  DL_ASSIGN(const std::optional<Stat> now, root_.stat(change.path));
  // Renaming one name of a file over another does nothing at all, and both stay.
  if (now && now->inode == staged->inode && now->device == staged->device) {
    return own_.remove_file(source, Missing::is_absent);
  }
  DL_TRY(make_way(change, now));
  return own_.rename(source, root_, change.path);
}

Status ChangeApplier::move_in(std::string_view scratch_name, const Change& change) {
  DL_ASSIGN(const std::optional<Stat> now, root_.stat(change.path));
  DL_TRY(make_way(change, now));
  DL_TRY(own_.rename(scratch_name, root_, change.path));
  return own_.remove_file(scratch_name, Missing::is_absent);
}

Status ChangeApplier::make_symlink(const Change& change) {
  DL_ASSIGN(const std::optional<Stat> now, root_.stat(change.path));
  if (now && now->kind == FileKind::symlink) {
    DL_ASSIGN(const std::string target, root_.read_link(change.path));
    if (target == change.other) return give_attributes(change, FileKind::symlink);
  }
  DL_TRY(own_.remove_file(folders::scratch, Missing::is_absent));
  DL_TRY(own_.make_symlink(change.other, folders::scratch));
  DL_TRY(move_in(folders::scratch, change));
  return give_attributes(change, FileKind::symlink);
}

Status ChangeApplier::make_hard_link(const Change& change) {
  DL_ASSIGN(const std::optional<Stat> other, root_.stat(change.other));
  if (!other || other->kind != FileKind::file) {
    keep(change, "the file that it should be a hard link to is gone; the next pull puts it right");
    return {};
  }
  DL_ASSIGN(const std::optional<Stat> now, root_.stat(change.path));
  if (now && now->inode == other->inode && now->device == other->device) return {};
  DL_TRY(link_or_copy({}, root_, change.other, own_, folders::scratch));
  return move_in(folders::scratch, change);
}

Status ChangeApplier::set_attributes(const Change& change) {
  DL_ASSIGN(const std::optional<Stat> now, root_.stat(change.path));
  // Only the inode can be compared: attributes that were given before a crash have changed the rest.
  if (!now || now->inode != change.seen.inode) {
    keep(change, "it was replaced or removed by others since the pull was planned; the next pull puts it right");
    return {};
  }
  return give_attributes(change, now->kind);
}

Result<std::optional<Stat>> ChangeApplier::look_for_removal(const Change& change) {
  auto found = root_.stat(change.path);
  // The directory was emptied and made a symlink before a crash, or by somebody: what was in it is not there.
  if (!found && found.error().code == Code::refused) return std::optional<Stat>();
  return found;
}

Status ChangeApplier::remove_file(const Change& change) {
  DL_ASSIGN(const std::optional<Stat> now, look_for_removal(change));
  if (!now || now->kind == FileKind::directory) return {};  // done, and a directory made in its place
  if (is_expected(*now, change)) return root_.remove_file(change.path, Missing::is_absent);
  keep(change, "it was edited by others since the pull was planned");
  return {};
}

Status ChangeApplier::remove_directory(const Change& change) {
  DL_ASSIGN(const std::optional<Stat> now, look_for_removal(change));
  if (!now || now->kind != FileKind::directory) return {};
  Status removed = root_.remove_directory(change.path, Missing::is_absent);
  if (removed || removed.error().code == Code::denied) return removed;
  DL_ASSIGN(const auto directory, root_.open_directory(change.path));
  DL_ASSIGN(const auto entries, directory->list());
  DL_ASSIGN(const Stat top, root_.stat());
  if (!entries.empty()) {
    keep(change, "it holds what is not the release's");
  } else if (now->mount != top.mount || now->device != top.device) {
    keep(change, "something is mounted there");
  } else {
    return removed;
  }
  return {};
}

Status ChangeApplier::finish_directory(const Change& change) {
  DL_ASSIGN(const std::optional<Stat> now, root_.stat(change.path));
  if (!now || now->kind != FileKind::directory) return {};
  return give_attributes(change, FileKind::directory);
}

Status ChangeApplier::give_attributes(const Change& change, FileKind kind) {
  // What the user may not set must not stop the journal for ever: it is said, and verify finds it.
  const auto tolerate = [&](const Status& status, const char* what) -> Status {
    if (status || !may_be_done_without(status.error().code)) return status;
    reporter_.note(Severity::warning, std::string(what) + " of \"" + printable(change.path) +
                                          "\" cannot be set: " + status.error().describe());
    return {};
  };
  if (change.owner) DL_TRY(tolerate(root_.set_owner(change.path, *change.owner), "the owner"));
  if (change.attributes) DL_TRY(tolerate(give_extended(change), "the extended attributes"));
  if (kind != FileKind::symlink) DL_TRY(tolerate(root_.set_mode(change.path, change.mode), "the mode"));
  return tolerate(root_.set_mtime(change.path, change.mtime_ns), "the time");
}

Status ChangeApplier::give_extended(const Change& change) {
  DL_ASSIGN(const auto directory, root_.open_directory(change.path));
  return extended_.give(*directory, *change.attributes, change.path.empty() ? "." : change.path);
}

void ChangeApplier::keep(const Change& change, std::string_view why) {
  reporter_.note(Severity::warning, "\"" + printable(change.path) + "\" is left as it is: " + std::string(why));
  reporter_.record({change.path, "keep", 0, "", why});
}

Status ChangeApplier::widen_above(const std::string& path) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string_view above = std::string_view(path).substr(0, slash);
    DL_ASSIGN(const std::optional<Stat> stat, root_.stat(above));
    if (!stat || stat->kind != FileKind::directory) return {};
    if ((stat->mode & owner_may_all) == owner_may_all) continue;
    DL_TRY(root_.set_mode(above, stat->mode | owner_may_all));
  }
  return {};
}

}  // namespace duskline::site
