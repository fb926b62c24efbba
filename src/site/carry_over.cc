#include "site/carry_over.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/units.h"
#include "site/extended.h"
#include "site/folders.h"
#include "site/moves.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Missing;
using disk::Stat;

constexpr std::uint32_t owner_all = 0700;

std::string join(const std::string& path, const std::string& name) { return path.empty() ? name : path + "/" + name; }

// The site goes on writing while it is looked at.
bool is_gone(const Error& error) { return error.code == Code::not_found; }

Status where_allowed(const Status& status) {
  return status || (status.error().code != Code::denied && status.error().code != Code::unsupported) ? status
                                                                                                     : Status();
}

Result<std::optional<Stat>> stat_of(disk::Directory& in, const std::string& path) {
  if (!path.empty()) return in.stat(path);
  DL_ASSIGN(const Stat top, in.stat());
  return std::optional(top);
}

class Carrier {
 public:
  Carrier(const Op& op, disk::Directory& from, disk::Directory& to, const Patterns& keep, Reporter& reporter)
      : op_(op), from_(from), to_(to), keep_(keep), reporter_(reporter) {}

  Result<CarriedOver> run() {
    DL_ASSIGN(const Stat top, from_.stat());
    mount_ = top.mount;
    device_ = top.device;
    Status done = remove_gone(to_, "");
    if (done) done = search(from_, "");
    DL_TRY(close());
    extended_.tell(reporter_);
    DL_TRY(done);
    return carried_;
  }

 private:
  [[nodiscard]] bool is_elsewhere(const Stat& stat) const { return stat.mount != mount_ || stat.device != device_; }

  // Removes what matches and is not in the other tree, and goes on below what does not match.
  Status remove_gone(disk::Directory& directory, const std::string& path) {
    DL_TRY(op_.check());
    DL_ASSIGN(const auto entries, directory.list());
    for (const auto& entry : entries) {
      const bool is_directory = entry.stat.kind == FileKind::directory;
      const std::string below = join(path, entry.name);
      if (keep_.matches_here(below, is_directory)) {
        const auto other = from_.stat(below);
        if (!other && other.error().code != Code::refused) return other.error();  // refused: below a symlink
        if (!other || !*other) DL_TRY(remove(below, entry.stat));
      } else if (is_directory) {
        DL_ASSIGN(const auto inner, directory.open_directory(entry.name));
        DL_TRY(remove_gone(*inner, below));
      }
    }
    return {};
  }

  Status search(disk::Directory& directory, const std::string& path) {
    DL_TRY(op_.check());
    DL_ASSIGN(const auto entries, directory.list());
    for (const auto& entry : entries) {
      const std::string below = join(path, entry.name);
      const bool is_directory = entry.stat.kind == FileKind::directory;
      if (keep_.matches_here(below, is_directory)) {
        DL_TRY(make_above(below));
        DL_TRY(carry(below, entry.stat));
      } else if (is_directory && !is_elsewhere(entry.stat)) {
        const auto inner = directory.open_directory(entry.name);
        if (!inner && is_gone(inner.error())) continue;
        if (!inner) return inner.error();
        DL_TRY(search(**inner, below));
      }
    }
    return {};
  }

  Status make_above(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      const std::string above = path.substr(0, slash);
      DL_ASSIGN(const auto there, to_.stat(above));
      if (there && there->kind == FileKind::directory) continue;
      if (there) {
        return Error{Code::refused, "\"" + printable(path) +
                                        "\" is kept (--keep), but the release has no directory \"" + printable(above) +
                                        "\" to put it in; move it away"};
      }
      DL_ASSIGN(const auto old, from_.stat(above));
      DL_TRY(make_directory(above, old.value_or(Stat{})));
    }
    return {};
  }

  // The first change in a directory: it is given back its mode and time in close().
  Status open_up(const std::string& path) {
    const auto [above, name] = disk::split_path(path);
    if (opened_.contains(above)) return {};
    const std::string directory(above);
    DL_ASSIGN(const auto stat, stat_of(to_, directory));
    if (!stat) return {};
    opened_.emplace(directory, *stat);
    return (stat->mode & owner_all) == owner_all ? Status() : to_.set_mode(directory, stat->mode | owner_all);
  }

  Status close() {
    for (auto opened = opened_.rbegin(); opened != opened_.rend(); ++opened) {  // inner ones first
      const auto& [path, stat] = *opened;
      DL_ASSIGN(const auto there, stat_of(to_, path));
      if (!there || there->kind != FileKind::directory) continue;
      if (there->mode != stat.mode) DL_TRY(to_.set_mode(path, stat.mode));
      DL_TRY(to_.set_mtime(path, stat.mtime_ns));
    }
    return {};
  }

  Status remove(const std::string& path, const Stat& stat) {
    DL_TRY(open_up(path));
    ++carried_.changed;
    return stat.kind == FileKind::directory ? to_.remove_tree(path, Missing::is_absent)
                                            : to_.remove_file(path, Missing::is_absent);
  }

  Status carry(const std::string& path, const Stat& stat) {
    DL_ASSIGN(auto there, to_.stat(path));
    if (there && there->kind != stat.kind) {
      if (!keep_.matches(path, there->kind == FileKind::directory)) return refuse_other(path);
      DL_TRY(remove(path, *there));
      there.reset();
    }
    switch (stat.kind) {
      case FileKind::directory:
        return carry_directory(path, stat, there);
      case FileKind::file:
        ++carried_.files;
        return carry_file(path, stat, there);
      case FileKind::symlink:
        return carry_symlink(path, stat, there);
      default:
        reporter_.record({path, "skip", 0, "", "a socket, device or FIFO cannot be brought into the next tree"});
        return {};
    }
  }

  static Status refuse_other(const std::string& path) {
    return Error{
        Code::refused,
        "\"" + printable(path) + "\" is kept (--keep), but the release has something else in its place; move it away"};
  }

  void tell(const std::string& path, std::uint64_t bytes) {
    ++carried_.changed;
    reporter_.record({path, "keep", bytes, "local", "it matches a pattern of --keep"});
  }

  Status make_directory(const std::string& path, const Stat& like) {
    DL_TRY(open_up(path));
    ++carried_.changed;
    return to_.make_directory(path, like.mode | owner_all);
  }

  Status carry_directory(const std::string& path, const Stat& stat, const std::optional<Stat>& there) {
    if (is_elsewhere(stat)) {
      return Error{Code::refused,
                   "\"" + printable(path) +
                       "\" is kept (--keep) and another file system is mounted on it, which cannot be in "
                       "two trees at once; pull in place (--mode in-place), or put a symlink there"};
    }
    const auto directory = from_.open_directory(path);
    if (!directory && is_gone(directory.error())) return {};
    if (!directory) return directory.error();
    if (!there) DL_TRY(make_directory(path, stat));
    if (there && (there->mode & owner_all) != owner_all) DL_TRY(to_.set_mode(path, there->mode | owner_all));
    DL_ASSIGN(const auto entries, (*directory)->list());
    if (there) DL_TRY(remove_others(path, entries));
    for (const auto& entry : entries) DL_TRY(carry(join(path, entry.name), entry.stat));
    opened_.erase(path);  // it is the site's own, and gets what the site gave it
    DL_ASSIGN(const auto made, to_.stat(path));
    if (!made) return {};
    if (made->uid != stat.uid || made->gid != stat.gid) {
      DL_TRY(where_allowed(to_.set_owner(path, {stat.uid, stat.gid})));
    }
    DL_TRY(carry_attributes(**directory, path));
    DL_ASSIGN(const auto given, to_.stat(path));  // an ACL has a part of the mode
    if (given && given->mode != stat.mode) DL_TRY(to_.set_mode(path, stat.mode));
    return made->mtime_ns == stat.mtime_ns ? Status() : to_.set_mtime(path, stat.mtime_ns);
  }

  Status carry_attributes(disk::Directory& from, const std::string& path) {
    const auto wanted = from.attributes();
    if (!wanted) return where_allowed(wanted.error());
    DL_ASSIGN(const auto to, to_.open_directory(path));
    const auto there = to->attributes();
    if (there && *there == *wanted) return {};
    return where_allowed(extended_.give(*to, *wanted, path));
  }

  Status remove_others(const std::string& path, const std::vector<disk::DirectoryEntry>& wanted) {
    std::set<std::string_view> names;
    for (const auto& entry : wanted) names.insert(entry.name);
    DL_ASSIGN(const auto directory, to_.open_directory(path));
    DL_ASSIGN(const auto entries, directory->list());
    for (const auto& entry : entries) {
      if (!names.contains(entry.name)) DL_TRY(remove(join(path, entry.name), entry.stat));
    }
    return {};
  }

  Status carry_symlink(const std::string& path, const Stat& stat, const std::optional<Stat>& there) {
    const auto target = from_.read_link(path);
    if (!target && is_gone(target.error())) return {};
    if (!target) return target.error();
    if (there) {
      DL_ASSIGN(const std::string known, to_.read_link(path));
      if (known == *target) return {};
      DL_TRY(remove(path, *there));
    }
    DL_TRY(open_up(path));
    DL_TRY(to_.make_symlink(*target, path));
    tell(path, 0);
    DL_TRY(where_allowed(to_.set_owner(path, {stat.uid, stat.gid})));
    return to_.set_mtime(path, stat.mtime_ns);
  }

  Status carry_file(const std::string& path, const Stat& stat, const std::optional<Stat>& there) {
    if (there) {
      const bool is_one = there->inode == stat.inode && there->device == stat.device;
      // A copy, where there are no hard links.
      const bool is_like = there->size_bytes == stat.size_bytes && there->mtime_ns == stat.mtime_ns;
      if (is_one || is_like) return {};
      DL_TRY(remove(path, *there));
    }
    DL_TRY(open_up(path));
    const Status done = link_or_copy(op_, from_, path, to_, path);
    if (!done && is_gone(done.error())) return {};
    if (done) tell(path, stat.size_bytes);
    return done;
  }

  const Op& op_;
  disk::Directory& from_;
  disk::Directory& to_;
  const Patterns& keep_;
  Reporter& reporter_;
  std::uint64_t mount_ = 0, device_ = 0;
  CarriedOver carried_;
  AttributeGiver extended_;
  std::map<std::string, Stat, std::less<>> opened_;
};

}  // namespace

Result<CarriedOver> carry_over(const Op& op, disk::Directory& from, disk::Directory& to, const Patterns& keep,
                               Reporter& reporter) {
  if (keep.empty()) return CarriedOver{};
  return Carrier(op, from, to, keep, reporter).run();
}

Result<CarriedOver> carry_over(const Op& op, Target& from, disk::Directory& to, const Patterns& keep,
                               Reporter& reporter) {
  const State& state = from.state();
  const InstalledRelease* shown = state.current ? &*state.current : state.kept.empty() ? nullptr : &state.kept.front();
  if (shown == nullptr || shown->layout.mode != Mode::switched || keep.empty()) return CarriedOver{};
  const auto tree = from.root().open_directory(folders::release(shown->folder));
  if (!tree && is_gone(tree.error())) return CarriedOver{};
  if (!tree) return tree.error();
  return carry_over(op, **tree, to, keep, reporter);
}

Status bring_along(const Op& op, Target& target, const std::string& folder, const std::vector<std::string>& keep,
                   Reporter& reporter) {
  if (keep.empty()) return {};
  DL_ASSIGN(const Patterns patterns, Patterns::parse(keep));
  DL_ASSIGN(const auto to, target.root().open_directory(folders::release(folder)));
  DL_ASSIGN(const CarriedOver carried, carry_over(op, target, *to, patterns, reporter));
  return carried.changed > 0 ? target.root().sync_filesystem() : Status();
}

}  // namespace duskline::site
