// The end of the log: batches of records are appended and made durable. For one thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "objects/files.h"
#include "objects/record.h"

namespace duskline::objects {

inline constexpr std::uint64_t usual_segment_bytes = 64 << 20;  // a segment is ended when it is this long

[[nodiscard]] std::string segment_path(const std::string& directory, std::uint64_t number);
// Numbers of the segments that are there, ascending.
[[nodiscard]] Result<std::vector<std::uint64_t>> list_segments(const std::string& directory);

class Log {
 public:
  // `directory`: the engine's. `end`: where the log ends; what lies behind is cut off at resume().
  Log(Files& files, std::string directory, std::uint64_t store, Position end,
      std::uint64_t segment_bytes = usual_segment_bytes)
      : files_(files), directory_(std::move(directory)), store_(store), segment_bytes_(segment_bytes), end_(end) {}

  Status resume();
  // Afterwards end() is where the next batch will lie: begins a segment where the last one is full or cannot be
  // trusted. On failure nothing has changed, and a later call may succeed.
  Status ready(std::uint64_t next_sequence, std::uint64_t next_data);
  // Durable when this returns. On failure the log ends where it did: the bytes are cut off, or the segment is given up
  // (a sync that failed once says nothing when it succeeds later), with its true end written down in the next one.
  Status append(ByteView batch);
  [[nodiscard]] Position end() const { return end_; }
  [[nodiscard]] std::uint64_t flushes() const { return flushes_; }

 private:
  Status begin_segment(std::uint64_t next_sequence, std::uint64_t next_data);

  Files& files_;
  const std::string directory_;
  const std::uint64_t store_;
  const std::uint64_t segment_bytes_;
  Position end_;
  disk::UniqueFd fd_;
  std::string path_;
  bool given_up_ = true;  // the segment takes no more
  std::uint64_t flushes_ = 0;
};

}  // namespace duskline::objects
