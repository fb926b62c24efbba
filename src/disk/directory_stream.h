// What getdents64 gives, without a copy.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <memory>

#include "disk/system.h"

namespace duskline::disk {

// As the kernel lays an entry out; libc's readdir() would copy it once more, through a small buffer.
struct KernelEntry {
  std::uint64_t inode;
  std::int64_t position;
  std::uint16_t length;
  std::uint8_t kind;  // DT_*
  char name[1];       // NUL-terminated
};

// Calls fn(name, DT_* kind) for every entry of the directory `fd` but "." and "..", from the first on, until one gives
// an errno value other than 0. One thread at a time for each descriptor.
template <typename Fn>
int for_each_entry(int fd, Fn&& fn) {
  constexpr std::size_t buffer_bytes = 128 << 10;
  thread_local const std::unique_ptr<char[]> buffer = std::make_unique<char[]>(buffer_bytes);
  if (lseek(fd, 0, SEEK_SET) == -1) return errno;
  for (;;) {
    const long got = retry([&] { return syscall(SYS_getdents64, fd, buffer.get(), buffer_bytes); });
    if (got <= 0) return got == 0 ? 0 : errno;
    for (const char* at = buffer.get(); at < buffer.get() + got;) {
      const auto* entry = reinterpret_cast<const KernelEntry*>(at);
      const char* name = at + offsetof(KernelEntry, name);
      at += entry->length;
      if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) continue;
      if (const int error = fn(name, entry->kind); error != 0) return error;
    }
  }
}

}  // namespace duskline::disk
