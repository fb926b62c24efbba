#include "disk/system.h"

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>
#include <limits>

namespace duskline::disk {
namespace {

int sys_openat2(int base, const char* path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags));
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, base, path, &how, sizeof how));
}

Opened opened(int fd) { return fd == -1 ? Opened{UniqueFd(), errno} : Opened{UniqueFd(fd), 0}; }

Opened open_name(int base, std::string_view name, int flags, mode_t mode) {
  const NameBuffer text(name);
  Opened result = opened(retry([&] { return openat(base, text.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode); }));
  // With O_DIRECTORY the kernel says "not a directory" of a symlink; callers need to know which it was.
  if (result.error == ENOTDIR) {
    Stat stat;
    if (stat_at(base, text.c_str(), stat) == 0 && stat.kind == FileKind::symlink) result.error = ELOOP;
  }
  return result;
}

Opened open_names(int base, std::string_view path, int flags, mode_t mode) {
  std::array<char, PATH_MAX> text;
  path.copy(text.data(), text.size() - 1);
  text[path.size()] = '\0';
  return opened(retry([&] { return sys_openat2(base, text.data(), flags | O_CLOEXEC, mode); }));
}

// As much of the front of `path` as one call can resolve.
std::string_view next_piece(PathResolution how, std::string_view path) {
  if (how == PathResolution::by_component) return path.substr(0, path.find('/'));
  if (path.size() < PATH_MAX) return path;
  return path.substr(0, path.rfind('/', PATH_MAX - 1));
}

std::int64_t nanoseconds(const statx_timestamp& time) {
  constexpr std::int64_t per_second = 1'000'000'000;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / per_second - 1;
  if (time.tv_sec > most) return std::numeric_limits<std::int64_t>::max();
  if (time.tv_sec < -most) return std::numeric_limits<std::int64_t>::min();
  return time.tv_sec * per_second + time.tv_nsec;
}

FileKind kind_of(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return FileKind::directory;
    case S_IFLNK:
      return FileKind::symlink;
    case S_IFIFO:
      return FileKind::fifo;
    case S_IFSOCK:
      return FileKind::socket;
    case S_IFCHR:
      return FileKind::character_device;
    case S_IFBLK:
      return FileKind::block_device;
    default:
      return FileKind::file;
  }
}

}  // namespace

int UniqueFd::close_now() {
  const int fd = std::exchange(fd_, -1);
  if (fd < 0) return 0;
  const int saved = errno;
  // Linux closes the descriptor even when it reports EINTR: trying again could close another thread's.
  const int error = ::close(fd) == -1 && errno != EINTR ? errno : 0;
  errno = saved;
  return error;
}

bool have_openat2() {
  const UniqueFd fd(sys_openat2(AT_FDCWD, ".", O_PATH | O_CLOEXEC, 0));
  // EPERM is what seccomp filters that do not know the call answer.
  return fd.get() != -1 || (errno != ENOSYS && errno != EPERM);
}

Opened open_beneath(PathResolution how, int base, std::string_view path, int flags, mode_t mode) {
  UniqueFd held;
  for (int at = base;;) {
    const std::string_view piece = next_piece(how, path);
    const bool last = piece.size() == path.size();
    const int piece_flags = last ? flags : O_PATH | O_DIRECTORY;
    const mode_t piece_mode = last ? mode : 0;
    const bool one_name = piece.find('/') == std::string_view::npos;
    Opened result =
        one_name ? open_name(at, piece, piece_flags, piece_mode) : open_names(at, piece, piece_flags, piece_mode);
    if (last || result.error != 0) return result;
    held = std::move(result.fd);
    at = held.get();
    path.remove_prefix(piece.size() + 1);
  }
}

void fill_stat(const struct statx& from, Stat& to) {
  constexpr std::uint64_t block_bytes = 512;
  to.kind = kind_of(from.stx_mode);
  to.mode = from.stx_mode & 07777U;
  to.uid = from.stx_uid;
  to.gid = from.stx_gid;
  to.links = from.stx_nlink;
  to.size_bytes = from.stx_size;
  to.stored_bytes = from.stx_blocks * block_bytes;
  to.mtime_ns = nanoseconds(from.stx_mtime);
  to.ctime_ns = nanoseconds(from.stx_ctime);
  to.device = makedev(from.stx_dev_major, from.stx_dev_minor);
  to.inode = from.stx_ino;
  to.mount = (from.stx_mask & STATX_MNT_ID) != 0 ? from.stx_mnt_id : 0;
}

int stat_at(int fd, const char* name, Stat& to) {
  struct statx raw;
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0);
  const int error = error_of([&] { return statx(fd, name, flags, stat_mask, &raw); });
  if (error == 0) fill_stat(raw, to);
  return error;
}

timespec timespec_of(std::int64_t ns) {
  constexpr std::int64_t per_second = 1'000'000'000;
  const std::int64_t below = ns % per_second < 0 ? 1 : 0;
  timespec time{};
  time.tv_sec = ns / per_second - below;
  time.tv_nsec = ns % per_second + below * per_second;
  return time;
}

Error path_error(std::string_view verb, const std::string& display, int err) {
  std::string what(verb);
  what += ' ';
  what += display;
  switch (err) {
    case ELOOP:
      return {Code::refused, what + ": it is, or leads through, a symbolic link, which is not followed"};
    case ENOTDIR:
      return {Code::not_found, what + ": a part of the path is not a directory"};
    case EISDIR:
      return {Code::refused, what + ": it is a directory"};
    case ENXIO:
    case ENODEV:
      return {Code::refused, what + ": it is a socket or device, not a regular file"};
    case ENAMETOOLONG:
      return {Code::unsupported, what + ": the name (or the target of a link) is longer than this file system allows"};
    case EXDEV:
      return {Code::unsupported, what + ": the two paths lie on different file systems or mounts"};
    case EMLINK:
      return {Code::unsupported, what + ": the file has as many links as this file system allows"};
    case EFBIG:
      return {Code::too_large, what + ": the file would be larger than this file system or the process limit allows"};
    case ENOSPC:
      return {Code::no_space, what + ": no space left on the file system; free some and run again"};
    case EDQUOT:
      return {Code::no_space, what + ": the disk quota is used up; free some or have it raised"};
    case EROFS:
      return {Code::read_only, what + ": the file system is mounted read-only"};
    case EMFILE:
    case ENFILE:
      return {Code::io, what + ": too many open files; raise the limit (ulimit -n)"};
    case EBUSY:
      return {Code::refused, what + ": it is a mount point or in use by the system"};
    default:
      return errno_error(std::move(what), err);
  }
}

std::string_view words_of(FileKind kind) {
  switch (kind) {
    case FileKind::file:
      return "a regular file";
    case FileKind::directory:
      return "a directory";
    case FileKind::symlink:
      return "a symbolic link";
    case FileKind::fifo:
      return "a FIFO";
    case FileKind::socket:
      return "a socket";
    case FileKind::character_device:
      return "a character device";
    case FileKind::block_device:
      return "a block device";
  }
  return "of an unknown kind";
}

Error kind_error(std::string_view verb, const std::string& display, FileKind is, std::string_view wanted) {
  std::string message(verb);
  message += ' ';
  message += display;
  message += ": it is ";
  message += words_of(is);
  message += ", not ";
  message += wanted;
  return {Code::refused, std::move(message)};
}

}  // namespace duskline::disk
