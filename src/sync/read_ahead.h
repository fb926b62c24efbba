// Directories of a slow file system, listed before the walk comes to them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "disk/filesystem.h"
#include "sync/stamp.h"

namespace duskline::sync {

// What a directory holds, in byte order of the paths that will come of it (a directory's ends with '/').
struct Listing {
  struct Child {
    std::uint32_t name_at = 0, name_bytes = 0;  // in `names`
    disk::FileKind kind = disk::FileKind::file;
    std::uint32_t mode = 0;
    std::uint64_t size_bytes = 0, inode = 0;
    std::int64_t mtime_ns = 0, ctime_ns = 0;
  };
  std::string names;
  std::vector<Child> children;
  std::uint64_t device = 0, inode = 0;  // of the directory itself
  std::uint32_t mode = 0;

  [[nodiscard]] std::string_view name_of(const Child& child) const {
    return std::string_view(names).substr(child.name_at, child.name_bytes);
  }
};

class ReadAhead {
 public:
  using Read = std::function<Result<Listing>(const std::string& path)>;  // "" or "a/b"; from several threads
  // With 0 threads every directory is read when it is asked for.
  ReadAhead(Read read, unsigned threads);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // One consumer, in the order of the walk.
  Result<Listing> get(const std::string& path);

 private:
  enum class State : std::uint8_t { waiting, reading, ready };
  struct Slot {
    State state = State::waiting;
    std::optional<Result<Listing>> listing;
  };
  using Slots = std::map<std::string, Slot>;  // by path and '/', which is the order of the walk

  void run(const std::stop_token& stop);
  void enqueue(const std::string& path, const Listing& listing);
  [[nodiscard]] Slots::iterator next_waiting();
  [[nodiscard]] bool has_room() const;

  const Read read_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Slots slots_;
  std::size_t ready_entries_ = 0, ready_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace duskline::sync
