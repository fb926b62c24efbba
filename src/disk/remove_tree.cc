#include <dirent.h>

#include <vector>

#include "disk/compose.h"
#include "disk/directory_stream.h"
#include "disk/path.h"
#include "disk/real_directory.h"

namespace duskline::disk {
namespace {

constexpr std::size_t max_open_levels = 32;
constexpr int max_rescans = 8;
constexpr std::uint32_t owner_may_all = 0700;

// Removes a tree of any depth with a bounded number of open directories: a directory that lies too deep is moved up
// to the top of the tree first, and removed from there.
class TreeRemover {
 public:
  TreeRemover(PathResolution how, int parent, std::string display)
      : how_(how), parent_(parent), display_(std::move(display)) {}

  Status run(const char* name) {
    Stat holder;
    if (const int error = stat_at(parent_, "", holder); error != 0) return fail({}, error);
    mount_ = holder.mount;
    device_ = holder.device;
    DL_TRY(enter(parent_, name));
    while (!levels_.empty()) DL_TRY(step());
    return {};
  }

 private:
  struct Level {
    UniqueFd fd;
    std::string name;
    std::vector<std::string> directories;  // not yet removed
    int rescans = 0;
  };

  Error fail(std::string_view name, int error) const;
  Status check_mount(const Stat& stat, const char* name) const;
  Status enter(int holder, const char* name);
  Status step();
  Status move_up(const Level& level, const char* name);
  Status remove_innermost();
  Status empty(Level& level) const;

  PathResolution how_;
  int parent_;
  std::string display_;
  std::uint64_t mount_ = 0, device_ = 0;
  std::vector<Level> levels_;
};

Error TreeRemover::fail(std::string_view name, int error) const {
  std::string display = display_;
  for (std::size_t i = 1; i < levels_.size(); ++i) display = display_of(display, levels_[i].name);
  if (!levels_.empty()) display = display_of(display, name);
  return path_error("remove", display, error);
}

Status TreeRemover::check_mount(const Stat& stat, const char* name) const {
  const bool known = stat.mount != 0 && mount_ != 0;
  const bool same = known ? stat.mount == mount_ : stat.device == device_;
  if (!same) return fail(name, EBUSY);
  return {};
}

// An errno value of `call`; where permissions forbid it, tried again after the directory `fd` let its owner.
template <typename Call>
int with_permission(int fd, Call&& call) {
  const int error = error_of(call);
  if (error != EACCES || fchmod(fd, owner_may_all) == -1) return error;
  return error_of(call);
}

// Makes `name` in `holder` the innermost level, and removes what it holds but directories.
Status TreeRemover::enter(int holder, const char* name) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Stat stat;
  int error = stat_at(holder, name, stat);
  if (error == 0) DL_TRY(check_mount(stat, name));
  UniqueFd fd(error == 0 ? retry([&] { return openat(holder, name, flags); }) : -1);
  if (error == 0 && fd.get() == -1) error = errno;
  if (error == EACCES && chmod_at(how_, holder, name, owner_may_all) == 0) {
    fd = UniqueFd(retry([&] { return openat(holder, name, flags); }));
    error = fd.get() == -1 ? errno : 0;
  }
  if (error == 0) error = stat_at(fd.get(), "", stat);
  if (error == ENOENT) return {};  // somebody else removed it
  if (error != 0) return fail(name, error);
  DL_TRY(check_mount(stat, name));
  levels_.push_back({std::move(fd), name, {}, 0});
  return empty(levels_.back());
}

Status TreeRemover::empty(Level& level) const {
  const int fd = level.fd.get();
  std::string last;
  const int error = for_each_entry(fd, [&](const char* name, unsigned char kind) {
    int wrong = EISDIR;
    if (kind != DT_DIR) wrong = with_permission(fd, [&] { return unlinkat(fd, name, 0); });
    if (wrong == ENOENT) return 0;
    if (wrong != EISDIR) {
      last = name;
      return wrong;
    }
    level.directories.emplace_back(name);
    return 0;
  });
  if (error != 0) return fail(last, error);
  return {};
}

Status TreeRemover::step() {
  Level& level = levels_.back();
  if (level.directories.empty()) return remove_innermost();
  const std::string name = std::move(level.directories.back());
  level.directories.pop_back();
  if (levels_.size() < max_open_levels) return enter(level.fd.get(), name.c_str());
  return move_up(level, name.c_str());
}

Status TreeRemover::move_up(const Level& level, const char* name) {
  Level& top = levels_.front();
  const std::string moved = temporary_name();
  const auto call = [&] { return renameat(level.fd.get(), name, top.fd.get(), moved.c_str()); };
  int error = with_permission(level.fd.get(), call);
  // A directory that changes its parent must itself be writable, and so must the new parent.
  if (error == EACCES && chmod_at(how_, level.fd.get(), name, owner_may_all) == 0) {
    error = with_permission(top.fd.get(), call);
  }
  if (error == ENOENT) return {};
  if (error != 0) return fail(name, error);
  top.directories.push_back(moved);
  return {};
}

Status TreeRemover::remove_innermost() {
  Level& level = levels_.back();
  const bool is_top = levels_.size() == 1;
  const int holder = is_top ? parent_ : levels_[levels_.size() - 2].fd.get();
  const auto call = [&] { return unlinkat(holder, level.name.c_str(), AT_REMOVEDIR); };
  const int error = is_top ? error_of(call) : with_permission(holder, call);
  // Some file systems skip entries of a listing while others are removed.
  if ((error == ENOTEMPTY || error == EEXIST) && level.rescans++ < max_rescans) return empty(level);
  if (error != 0 && error != ENOENT) return fail({}, error);
  levels_.pop_back();
  return {};
}

}  // namespace

Status remove_directory_tree(PathResolution how, int parent, const char* name, const std::string& display) {
  return TreeRemover(how, parent, display).run(name);
}

}  // namespace duskline::disk
