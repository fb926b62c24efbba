// LD_PRELOAD: a disk that fails on order. While the file $FAILING_DISK.sync exists, fsync and fdatasync fail with EIO;
// while $FAILING_DISK.write exists, writes to regular files do; while $FAILING_DISK.read exists, reads of regular files
// do.
#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

bool ordered(const char* kind) {
  const char* prefix = std::getenv("FAILING_DISK");
  char path[4096];
  if (prefix == nullptr || std::snprintf(path, sizeof path, "%s.%s", prefix, kind) >= int{sizeof path}) return false;
  const int before = errno;
  const bool found = access(path, F_OK) == 0;
  errno = before;
  return found;
}

bool is_regular(int fd) {
  struct stat stat{};
  return fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
}

bool fails(const char* kind, int fd) {
  if (!ordered(kind) || !is_regular(fd)) return false;
  errno = EIO;
  return true;
}

template <typename Function>
Function* next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

#define NEXT(name) next(&(name), #name)

extern "C" {

int fdatasync(int fd) { return fails("sync", fd) ? -1 : NEXT(fdatasync)(fd); }
int fsync(int fd) { return fails("sync", fd) ? -1 : NEXT(fsync)(fd); }
ssize_t write(int fd, const void* data, size_t size) { return fails("write", fd) ? -1 : NEXT(write)(fd, data, size); }
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return fails("write", fd) ? -1 : NEXT(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return fails("write", fd) ? -1 : NEXT(pwrite64)(fd, data, size, at);
}
ssize_t pread(int fd, void* data, size_t size, off_t at) {
  return fails("read", fd) ? -1 : NEXT(pread)(fd, data, size, at);
}
ssize_t pread64(int fd, void* data, size_t size, off64_t at) {
  return fails("read", fd) ? -1 : NEXT(pread64)(fd, data, size, at);
}
ssize_t preadv2(int fd, const iovec* to, int count, off_t at, int flags) {
  return fails("read", fd) ? -1 : NEXT(preadv2)(fd, to, count, at, flags);
}
ssize_t preadv64v2(int fd, const iovec* to, int count, off64_t at, int flags) {
  return fails("read", fd) ? -1 : NEXT(preadv64v2)(fd, to, count, at, flags);
}

}  // extern "C"
