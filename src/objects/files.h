// The system calls by which the engine writes and reads its files: one seam for tests, which make them fail.
//
// Not disk::Filesystem: bodies leave by sendfile from raw descriptors, SQLite needs paths, and the log's hot path is
// two system calls for a batch. Paths are the engine's own, below its directory; nobody else writes there.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "disk/system.h"

namespace duskline::objects {

// Errors: Code::not_found, already_exists, no_space, read_only, io; they name the path.
class Files {
 public:
  virtual ~Files() = default;
  virtual Result<disk::UniqueFd> open(const std::string& path, int flags);  // O_CLOEXEC is added; mode 0640
  // Bytes read, fewer than asked only at the end of the file.
  virtual Result<std::size_t> read_at(int fd, const std::string& path, std::uint64_t offset, ByteSpan into);
  // The same from page cache alone: nothing where that would wait for the disk.
  virtual Result<bool> read_cached(int fd, const std::string& path, std::uint64_t offset, ByteSpan into);
  // read_at() that leaves nothing in the page cache that was not there, where the kernel knows how.
  virtual Result<std::size_t> read_past_cache(int fd, const std::string& path, std::uint64_t offset, ByteSpan into);
  virtual Status write_at(int fd, const std::string& path, std::uint64_t offset, ByteView bytes);
  virtual Status sync(int fd, const std::string& path);  // bytes and size
  virtual Status truncate(int fd, const std::string& path, std::uint64_t size_bytes);
  virtual Status sync_directory(const std::string& path);
  virtual Status remove(const std::string& path);  // Code::not_found
  virtual Status rename(const std::string& from, const std::string& to);
  virtual Status make_directory(const std::string& path);  // true also where it is there
  virtual Result<std::uint64_t> free_bytes(const std::string& path);

  [[nodiscard]] static Result<std::uint64_t> size_of(int fd, const std::string& path);
  // Names of what is in a directory, unsorted. Code::not_found.
  [[nodiscard]] static Result<std::vector<std::string>> names_in(const std::string& path);
};

}  // namespace duskline::objects
