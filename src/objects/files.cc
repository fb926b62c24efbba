#include "objects/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>

namespace duskline::objects {
namespace {

using disk::error_of;
using disk::path_error;
using disk::retry;

constexpr int uncached_read = 0x80;  // RWF_DONTCACHE, Linux 6.14

Status outcome(const char* verb, const std::string& path, int error) {
  if (error == 0) return {};
  return path_error(verb, path, error);
}

}  // namespace

Result<disk::UniqueFd> Files::open(const std::string& path, int flags) {
  const int fd = retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0640); });
  if (fd == -1) return path_error("open", path, errno);
  return disk::UniqueFd(fd);
}

Result<std::size_t> Files::read_at(int fd, const std::string& path, std::uint64_t offset, ByteSpan into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t got = retry(
        [&] { return pread(fd, into.data() + filled, into.size() - filled, static_cast<off_t>(offset + filled)); });
    if (got == -1) return path_error("read", path, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Result<bool> Files::read_cached(int fd, const std::string& path, std::uint64_t offset, ByteSpan into) {
  const iovec to{into.data(), into.size()};
  const ssize_t got = retry([&] { return preadv2(fd, &to, 1, static_cast<off_t>(offset), RWF_NOWAIT); });
  if (got == -1 && (errno == EAGAIN || errno == EOPNOTSUPP)) return false;
  if (got == -1) return path_error("read", path, errno);
  return static_cast<std::size_t>(got) == into.size();  // a short read: the rest is not in the cache, or not there
}

Result<std::size_t> Files::read_past_cache(int fd, const std::string& path, std::uint64_t offset, ByteSpan into) {
  static std::atomic<bool> known{true};
  const iovec to{into.data(), into.size()};
  if (known) {
    const ssize_t got = retry([&] { return preadv2(fd, &to, 1, static_cast<off_t>(offset), uncached_read); });
    if (got >= 0 && static_cast<std::size_t>(got) == into.size()) return into.size();
    if (got == -1) known = false;
  }
  return read_at(fd, path, offset, into);  // also for the rest of a short read, and for the errno of a failure
}

Status Files::write_at(int fd, const std::string& path, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = retry([&] { return pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (put == -1) return path_error("write", path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status Files::sync(int fd, const std::string& path) {
  return outcome("sync", path, error_of([&] { return fdatasync(fd); }));
}

Status Files::truncate(int fd, const std::string& path, std::uint64_t size_bytes) {
  return outcome("cut", path, error_of([&] { return ftruncate(fd, static_cast<off_t>(size_bytes)); }));
}

Status Files::sync_directory(const std::string& path) {
  const disk::UniqueFd fd(retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (fd.get() == -1) return path_error("open", path, errno);
  return outcome("sync", path, error_of([&] { return fsync(fd.get()); }));
}

Status Files::remove(const std::string& path) {
  return outcome("remove", path, error_of([&] { return unlink(path.c_str()); }));
}

Status Files::rename(const std::string& from, const std::string& to) {
  return outcome("rename", from, error_of([&] { return ::rename(from.c_str(), to.c_str()); }));
}

Status Files::make_directory(const std::string& path) {
  const int error = error_of([&] { return mkdir(path.c_str(), 0750); });
  return outcome("make", path, error == EEXIST ? 0 : error);
}

Result<std::uint64_t> Files::free_bytes(const std::string& path) {
  struct statvfs volume{};
  if (retry([&] { return statvfs(path.c_str(), &volume); }) == -1) return path_error("inspect", path, errno);
  return std::uint64_t{volume.f_bavail} * volume.f_frsize;
}

Result<std::uint64_t> Files::size_of(int fd, const std::string& path) {
  struct stat stat{};
  if (fstat(fd, &stat) == -1) return path_error("inspect", path, errno);
  return static_cast<std::uint64_t>(stat.st_size);
}

Result<std::vector<std::string>> Files::names_in(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(path.c_str()), closedir);
  if (stream == nullptr) return path_error("list", path, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) return path_error("list", path, errno);
  return names;
}

}  // namespace duskline::objects
