#include "disk/real_directory.h"

#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <cstdio>

#include "base/units.h"
#include "disk/attributes.h"
#include "disk/compose.h"
#include "disk/path.h"

namespace duskline::disk {
namespace {

class RealLock final : public Lock {
 public:
  explicit RealLock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  UniqueFd fd_;
};

bool is_one_name(std::string_view path) { return path.find('/') == std::string_view::npos; }

}  // namespace

int chmod_at(PathResolution how, int fd, const char* name, std::uint32_t mode) {
  if (how == PathResolution::automatic) {
    constexpr long sys_fchmodat2 = 452;  // Linux 6.6; not yet in every libc's headers
    const int error =
        error_of([&] { return static_cast<int>(syscall(sys_fchmodat2, fd, name, mode, AT_SYMLINK_NOFOLLOW)); });
    if (error == EOPNOTSUPP) return ELOOP;  // a symlink has no mode of its own
    if (error != ENOSYS && error != EPERM) return error;
  }
  // Older kernels: hold the entry itself, whatever its name leads to by now, and go through /proc to it.
  const UniqueFd held(retry([&] { return openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC); }));
  if (held.get() == -1) return errno;
  Stat stat;
  if (const int failed = stat_at(held.get(), "", stat); failed != 0) return failed;
  if (stat.kind == FileKind::symlink) return ELOOP;
  const std::string by_number = "/proc/self/fd/" + std::to_string(held.get());
  return error_of([&] { return chmod(by_number.c_str(), mode); });
}

std::string RealDirectory::display(std::string_view path) const { return display_of(*display_, path); }

Error RealDirectory::fail(std::string_view verb, std::string_view path, int err) const {
  return path_error(verb, display(path), err);
}

Status RealDirectory::outcome(int error, std::string_view verb, std::string_view path) const {
  if (error == 0) return {};
  // Only the last name is left to be wrong here: the directory that holds it was opened.
  if (error == ENOTDIR) return Error{Code::refused, std::string(verb) + ' ' + display(path) + ": not a directory"};
  return fail(verb, path, error);
}

Result<Place> RealDirectory::locate(std::string_view verb, std::string_view path) const {
  DL_TRY(check_path(path, *display_));
  const auto [parent, name] = split_path(path);
  if (parent.empty()) return Place(fd_.get(), name);
  Opened opened = open_beneath(state_->how, fd_.get(), parent, O_PATH | O_DIRECTORY);
  if (opened.error != 0) return fail(verb, path, opened.error);
  return Place(std::move(opened.fd), name);
}

Result<Stat> RealDirectory::stat() {
  Stat stat;
  DL_TRY(outcome(stat_at(fd_.get(), "", stat), "inspect", {}));
  return stat;
}

Result<std::optional<Stat>> RealDirectory::stat(std::string_view path) {
  if (path.empty()) {
    DL_ASSIGN(const Stat own, stat());
    return std::optional(own);
  }
  auto place = locate("inspect", path);
  if (!place) {
    if (place.error().code == Code::not_found) return std::optional<Stat>();
    return std::move(place).error();
  }
  Stat stat;
  const int error = stat_at(place->directory(), place->name(), stat);
  if (error == ENOENT) return std::optional<Stat>();
  DL_TRY(outcome(error, "inspect", path));
  return std::optional(stat);
}

Result<std::string> RealDirectory::read_link(std::string_view path) {
  DL_ASSIGN(const Place place, locate("read the symbolic link", path));
  std::array<char, PATH_MAX> target;
  const ssize_t length =
      retry([&] { return readlinkat(place.directory(), place.name(), target.data(), target.size()); });
  if (length >= 0) return std::string(target.data(), static_cast<std::size_t>(length));
  if (errno != EINVAL) return fail("read the symbolic link", path, errno);
  return Error{Code::refused, "read the symbolic link " + display(path) + ": it is not a symbolic link"};
}

// A file that a file server holds a lease on (Samba, NFS) cannot be opened without waiting for the server to give it
// back. Waiting is safe once it is certain that it is a regular file.
Opened RealDirectory::open_leased(std::string_view path, int flags) const {
  Opened held = open_beneath(state_->how, fd_.get(), path, O_PATH | O_NOFOLLOW);
  if (held.error != 0) return held;
  Stat stat;
  if (const int error = stat_at(held.fd.get(), "", stat); error != 0) return {UniqueFd(), error};
  if (stat.kind != FileKind::file) return {UniqueFd(), EWOULDBLOCK};
  const std::string by_number = "/proc/self/fd/" + std::to_string(held.fd.get());
  UniqueFd fd(retry([&] { return open(by_number.c_str(), (flags & ~O_NONBLOCK) | O_CLOEXEC); }));
  if (fd.get() == -1) return {UniqueFd(), errno};
  return {std::move(fd), 0};
}

Result<UniqueFd> RealDirectory::open_checked(std::string_view verb, std::string_view path, int flags) const {
  DL_TRY(check_path(path, *display_));
  Opened opened = open_beneath(state_->how, fd_.get(), path, flags);
  if (opened.error == EWOULDBLOCK) opened = open_leased(path, flags);
  if (opened.error != 0) return fail(verb, path, opened.error);
  return std::move(opened.fd);
}

Result<std::unique_ptr<Directory>> RealDirectory::open_directory(std::string_view path) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  UniqueFd fd;
  if (path.empty()) {
    fd = UniqueFd(retry([&] { return openat(fd_.get(), ".", flags); }));
    if (fd.get() == -1) return fail("open", path, errno);
  } else {
    auto opened = open_checked("open", path, flags);
    if (!opened) {
      // "Not a directory" said of the last name means that something else is there.
      const auto found = opened.error().code == Code::not_found ? stat(path) : std::optional<Stat>();
      if (!found || !*found) return std::move(opened).error();
      return kind_error("open", display(path), (*found)->kind, "a directory");
    }
    fd = std::move(*opened);
  }
  return std::unique_ptr<Directory>(std::make_unique<RealDirectory>(std::move(fd), display(path), state_));
}

Result<std::unique_ptr<File>> RealDirectory::open_file(std::string_view path, Access access) {
  // O_NONBLOCK: opening a FIFO must not wait for its other end. It means nothing for regular files.
  const int mode = access == Access::read ? O_RDONLY : O_RDWR;
  DL_ASSIGN(UniqueFd fd, open_checked("open", path, mode | O_NONBLOCK | O_NOCTTY));
  struct stat raw{};
  DL_TRY(outcome(error_of([&] { return fstat(fd.get(), &raw); }), "inspect", path));
  if (!S_ISREG(raw.st_mode)) {
    Stat found;
    DL_TRY(outcome(stat_at(fd.get(), "", found), "inspect", path));
    return kind_error("open", display(path), found.kind, "a regular file");
  }
  return std::unique_ptr<File>(
      std::make_unique<RealFile>(std::move(fd), access, FileName{display_, std::string(path)}, state_));
}

Result<std::unique_ptr<File>> RealDirectory::open_read(std::string_view path) { return open_file(path, Access::read); }

Result<std::unique_ptr<File>> RealDirectory::open_write(std::string_view path) {
  return open_file(path, Access::read_write);
}

// The kernel takes away the umask's bits, and where the directory has a default ACL, others; it may also drop special
// bits. One look at each directory spares a chmod for each file.
bool RealDirectory::gets_exact_mode(std::string_view path, std::uint32_t mode) {
  if (state_->umask < 0 || (mode & (static_cast<unsigned>(state_->umask) | 07000U)) != 0) return false;
  if (!is_one_name(path)) return false;
  if (inheritance_.load(std::memory_order_relaxed) == Inheritance::unknown) {
    const bool none =
        fgetxattr(fd_.get(), "system.posix_acl_default", nullptr, 0) == -1 && (errno == ENODATA || errno == EOPNOTSUPP);
    inheritance_.store(none ? Inheritance::none : Inheritance::some, std::memory_order_relaxed);
  }
  return inheritance_.load(std::memory_order_relaxed) == Inheritance::none;
}

Result<std::unique_ptr<File>> RealDirectory::create(std::string_view path, std::uint32_t mode) {
  DL_TRY(check_path(path, *display_));
  constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOCTTY;
  Opened opened = open_beneath(state_->how, fd_.get(), path, flags, mode);
  if (opened.error != 0) return fail("create", path, opened.error);
  if (!gets_exact_mode(path, mode)) {
    DL_TRY(outcome(error_of([&] { return fchmod(opened.fd.get(), mode); }), "set the mode of", path));
  }
  return std::unique_ptr<File>(std::make_unique<RealFile>(std::move(opened.fd), Access::read_write,
                                                          FileName{display_, std::string(path)}, state_));
}

Status RealDirectory::make_directory(std::string_view path, std::uint32_t mode) {
  DL_ASSIGN(const Place place, locate("create the directory", path));
  DL_TRY(
      outcome(error_of([&] { return mkdirat(place.directory(), place.name(), mode); }), "create the directory", path));
  Stat made;  // its mode may differ by umask, default ACL and an inherited set-group-id bit
  DL_TRY(outcome(stat_at(place.directory(), place.name(), made), "inspect", path));
  if (made.mode == mode) return {};
  return outcome(chmod_at(state_->how, place.directory(), place.name(), mode), "set the mode of", path);
}

Status RealDirectory::make_symlink(std::string_view target, std::string_view path) {
  DL_ASSIGN(const Place place, locate("create the symbolic link", path));
  DL_TRY(check_link_target(target, display(path)));
  const std::string text(target);
  return outcome(error_of([&] { return symlinkat(text.c_str(), place.directory(), place.name()); }),
                 "create the symbolic link", path);
}

Status RealDirectory::make_hard_link(std::string_view existing, Directory& to, std::string_view path) {
  DL_ASSIGN(const Place old_place, locate("link", existing));
  const auto* other = dynamic_cast<RealDirectory*>(&to);
  if (other == nullptr) return outcome(EXDEV, "link", existing);
  DL_ASSIGN(const Place new_place, other->locate("create the link", path));
  const int error = error_of(
      [&] { return linkat(old_place.directory(), old_place.name(), new_place.directory(), new_place.name(), 0); });
  if (error == 0) return {};
  return wrap(path_error("create the link", other->display(path), error), "link " + display(existing));
}

Status RealDirectory::rename(std::string_view from, Directory& to, std::string_view path) {
  DL_ASSIGN(const Place old_place, locate("rename", from));
  const auto* other = dynamic_cast<RealDirectory*>(&to);
  if (other == nullptr) return outcome(EXDEV, "rename", from);
  DL_ASSIGN(const Place new_place, other->locate("rename to", path));
  const int error = error_of(
      [&] { return renameat(old_place.directory(), old_place.name(), new_place.directory(), new_place.name()); });
  if (error == 0) return {};
  std::string what = "rename " + display(from) + " to";
  if (error == EINVAL) {
    return Error{Code::invalid, what + ' ' + other->display(path) + ": it lies below the directory to be renamed"};
  }
  return other->outcome(error, what, path);
}

Status RealDirectory::remove(std::string_view path, Missing missing, int flags) {
  auto place = locate("remove", path);
  if (!place) {
    if (place.error().code == Code::not_found && missing == Missing::is_absent) return {};
    return std::move(place).error();
  }
  const int error = error_of([&] { return unlinkat(place->directory(), place->name(), flags); });
  if (error == ENOENT && missing == Missing::is_absent) return {};
  return outcome(error, "remove", path);
}

Status RealDirectory::remove_file(std::string_view path, Missing missing) { return remove(path, missing, 0); }

Status RealDirectory::remove_directory(std::string_view path, Missing missing) {
  return remove(path, missing, AT_REMOVEDIR);
}

Status RealDirectory::remove_tree(std::string_view path, Missing missing) {
  auto place = locate("remove", path);
  if (!place) {
    if (place.error().code == Code::not_found && missing == Missing::is_absent) return {};
    return std::move(place).error();
  }
  const int error = error_of([&] { return unlinkat(place->directory(), place->name(), 0); });
  if (error == ENOENT && missing == Missing::is_absent) return {};
  if (error != EISDIR) return outcome(error, "remove", path);
  return remove_directory_tree(state_->how, place->directory(), place->name(), display(path));
}

Status RealDirectory::set_mode(std::string_view path, std::uint32_t mode) {
  if (path.empty()) return outcome(error_of([&] { return fchmod(fd_.get(), mode); }), "set the mode of", path);
  DL_ASSIGN(const Place place, locate("set the mode of", path));
  return outcome(chmod_at(state_->how, place.directory(), place.name(), mode), "set the mode of", path);
}

Status RealDirectory::set_mtime(std::string_view path, std::int64_t mtime_ns) {
  const timespec times[2] = {{0, UTIME_OMIT}, timespec_of(mtime_ns)};
  if (path.empty()) return outcome(error_of([&] { return futimens(fd_.get(), times); }), "set the time of", path);
  DL_ASSIGN(const Place place, locate("set the time of", path));
  return outcome(error_of([&] { return utimensat(place.directory(), place.name(), times, AT_SYMLINK_NOFOLLOW); }),
                 "set the time of", path);
}

Status RealDirectory::set_owner(std::string_view path, model::Owner owner) {
  if (path.empty()) {
    return outcome(error_of([&] { return fchown(fd_.get(), owner.uid, owner.gid); }), "set the owner of", path);
  }
  DL_ASSIGN(const Place place, locate("set the owner of", path));
  return outcome(
      error_of([&] { return fchownat(place.directory(), place.name(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW); }),
      "set the owner of", path);
}

Result<std::vector<model::Attribute>> RealDirectory::attributes() { return read_attributes(fd_.get(), {display_, ""}); }

Status RealDirectory::set_attributes(const std::vector<model::Attribute>& attributes) {
  const Status set = write_attributes(fd_.get(), {display_, ""}, attributes);
  inheritance_.store(Inheritance::unknown, std::memory_order_relaxed);
  return set;
}

Status RealDirectory::sync() {
  if (state_->durability == Durability::left_to_system) return {};
  const int error = error_of([&] { return fsync(fd_.get()); });
  if (error == EINVAL) return {};  // this file system has nothing to sync for a directory
  return outcome(error, "sync", {});
}

Status RealDirectory::sync_filesystem() {
  if (state_->durability == Durability::synced) {
    DL_TRY(outcome(error_of([&] { return syncfs(fd_.get()); }), "sync the file system of", {}));
  }
  return state_->take_late_error();
}

Result<std::unique_ptr<Lock>> RealDirectory::try_lock(std::string_view path) {
  constexpr int flags = O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY;
  constexpr int max_tries = 16;
  DL_TRY(check_path(path, *display_));
  for (int tries = 0; tries < max_tries; ++tries) {
    Opened opened = open_beneath(state_->how, fd_.get(), path, flags, 0600);
    if (opened.error != 0) return fail("lock", path, opened.error);
    const int error = error_of([&] { return flock(opened.fd.get(), LOCK_EX | LOCK_NB); });
    if (error == EWOULDBLOCK) return Error{Code::locked, "lock " + display(path) + ": another run holds it"};
    DL_TRY(outcome(error, "lock", path));
    // A file that was removed or replaced since it was opened would lock nobody out.
    Stat held;
    DL_TRY(outcome(stat_at(opened.fd.get(), "", held), "inspect", path));
    if (held.kind != FileKind::file) return kind_error("lock", display(path), held.kind, "a regular file");
    DL_ASSIGN(const std::optional<Stat> named, stat(path));
    if (named && named->inode == held.inode && named->device == held.device) {
      return std::unique_ptr<Lock>(std::make_unique<RealLock>(std::move(opened.fd)));
    }
  }
  return Error{Code::locked, "lock " + display(path) + ": other runs keep replacing the file"};
}

Status RealDirectory::replace(std::string_view path, ByteView bytes, std::uint32_t mode) {
  DL_TRY(check_path(path, *display_));
  const auto [parent, name] = split_path(path);
  if (parent.empty()) return replace_in(*this, name, bytes, mode, temporary_name());
  DL_ASSIGN(const auto directory, open_directory(parent));
  return replace_in(*directory, name, bytes, mode, temporary_name());
}

Result<std::optional<Bytes>> RealDirectory::read_all(std::string_view path, std::uint64_t limit) {
  return read_whole(*this, path, limit);
}

}  // namespace duskline::disk
