// Thin, safe words around the system calls of the real disk.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "disk/filesystem.h"
#include "disk/real_disk.h"

namespace duskline::disk {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      close_now();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { close_now(); }
  [[nodiscard]] int get() const { return fd_; }
  int close_now();  // 0 or an errno value

 private:
  int fd_ = -1;
};

// The result of `call()`, called again for as long as a signal interrupts it.
template <typename Call>
auto retry(Call&& call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

// 0, or the errno value, of a call that gives -1 on failure.
template <typename Call>
int error_of(Call&& call) {
  return retry(std::forward<Call>(call)) == -1 ? errno : 0;
}

struct Opened {
  UniqueFd fd;
  int error = 0;  // errno value; 0 when fd is open
};

// A name (without '/') as a C string.
class NameBuffer {
 public:
  explicit NameBuffer(std::string_view name) {
    name.copy(text_.data(), text_.size() - 1);
    text_[name.size()] = '\0';
  }
  [[nodiscard]] const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 256> text_;
};

// Opens a path that check_path() has accepted, never through a symlink (ELOOP), at any length.
[[nodiscard]] Opened open_beneath(PathResolution how, int base, std::string_view path, int flags, mode_t mode = 0);

// Whether this kernel (and what filters its calls) has openat2.
[[nodiscard]] bool have_openat2();

// The directory that holds a path's last component, and that component.
class Place {
 public:
  Place(int directory, std::string_view name) : directory_(directory), name_(name) {}
  Place(UniqueFd directory, std::string_view name)
      : owned_(std::move(directory)), directory_(owned_.get()), name_(name) {}
  [[nodiscard]] int directory() const { return directory_; }
  [[nodiscard]] const char* name() const { return name_.c_str(); }

 private:
  UniqueFd owned_;
  int directory_;
  NameBuffer name_;
};

inline constexpr unsigned stat_mask = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID | STATX_MTIME |
                                      STATX_CTIME | STATX_INO | STATX_SIZE | STATX_BLOCKS | STATX_MNT_ID;

void fill_stat(const struct statx& from, Stat& to);

// 0 or an errno value. `name` "" is `fd` itself; a symlink is not followed.
[[nodiscard]] int stat_at(int fd, const char* name, Stat& to);

[[nodiscard]] timespec timespec_of(std::int64_t ns);

// An Error for a failed call on a path: as errno_error(), with codes and advice that fit file systems.
[[nodiscard]] Error path_error(std::string_view verb, const std::string& display, int err);

[[nodiscard]] std::string_view words_of(FileKind kind);  // "a directory"

// What kind of thing is wrong about opening something as a regular file or as a directory.
[[nodiscard]] Error kind_error(std::string_view verb, const std::string& display, FileKind is, std::string_view wanted);

}  // namespace duskline::disk
