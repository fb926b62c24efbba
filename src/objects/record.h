// How the log's segments are written: a header, then records one after another. docs/formats/objects.md.
//
// A record is a fixed head, a body (the bytes of a small object, may be empty), and meta (entries, codec.h), padded to
// 8 bytes. All hashes are seeded with store, segment and offset, so that bytes that lie where they do not belong never
// pass.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "objects/files.h"

namespace duskline::objects {

using Hash128 = std::array<std::uint8_t, 16>;
[[nodiscard]] std::uint64_t seed_of(std::uint64_t store, std::uint64_t file, std::uint64_t offset);
[[nodiscard]] Hash128 hash128(ByteView bytes, std::uint64_t seed);

struct Position {
  std::uint64_t segment = 0, offset = 0;
  auto operator<=>(const Position&) const = default;
};

inline constexpr std::size_t segment_header_bytes = 64;
struct SegmentHeader {
  std::uint64_t store = 0;         // random; the same in all files of a directory
  std::uint64_t number = 0;        // from 1
  std::uint64_t previous_end = 0;  // where segment `number` - 1 ends; what lies behind was never acknowledged
  std::uint64_t next_sequence = 0, next_data = 0;  // when the segment was begun
};
[[nodiscard]] Bytes encode_segment_header(const SegmentHeader& header);
[[nodiscard]] std::optional<SegmentHeader> decode_segment_header(ByteView bytes);

inline constexpr std::size_t record_head_bytes = 48;
inline constexpr std::uint32_t max_record_part_bytes = 16 << 20;  // of meta; of a body

// Appends a record to `batch`, which is to be written at `batch_start` of the segment.
void append_record(Bytes& batch, std::uint64_t store, Position batch_start, ByteView body, ByteView meta);
// Where the body of a record lies that begins at `offset`.
[[nodiscard]] inline std::uint64_t body_offset(std::uint64_t record_offset) {
  return record_offset + record_head_bytes;
}
// Of head and body as they lie in `segment`: whether the body is the one that was written at `body_at`.
[[nodiscard]] bool body_matches(ByteView head_and_body, std::uint64_t store, std::uint64_t segment,
                                std::uint64_t body_at);

struct RecordView {
  std::uint64_t offset = 0, end = 0;
  std::uint64_t batch_start = 0;  // of the batch that it was written with: nothing from there on was synced before
  ByteView body, meta;
};

// Reads a segment from its beginning to its end through a window.
class SegmentReader {
 public:
  static Result<SegmentReader> open(Files& files, const std::string& path, std::uint64_t store, std::uint64_t number);
  // Nothing where it is not whole, or is that of another store or number.
  [[nodiscard]] const std::optional<SegmentHeader>& header() const { return header_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_; }
  // Leaves in the page cache what is there, and nothing more.
  void read_past_cache() { past_cache_ = true; }
  // Nothing of the segment from here on is looked at.
  void end_at(std::uint64_t offset) { size_ = std::min(size_, offset); }

  // The record at `offset`, valid until the next call; nothing where there is none, or no whole one.
  Result<std::optional<RecordView>> record_at(std::uint64_t offset);
  // The first record that begins at `offset` or later.
  Result<std::optional<RecordView>> search(std::uint64_t offset);
  // Calls `see` for each record from `offset` on. Where the first begins that is not whole, or the end.
  using See = std::function<Status(const RecordView&)>;
  Result<std::uint64_t> scan(std::uint64_t offset, const See& see);
  // Whether a record that is not whole at `offset` was synced once: something was written after its sync.
  Result<bool> was_synced(std::uint64_t offset);

 private:
  SegmentReader(Files& files, std::string path, std::uint64_t store, std::uint64_t number)
      : files_(&files), path_(std::move(path)), store_(store), number_(number) {}
  Result<ByteView> need(std::uint64_t offset, std::size_t length);

  Files* files_;
  std::string path_;
  std::uint64_t store_, number_;
  disk::UniqueFd fd_;
  std::optional<SegmentHeader> header_;
  std::uint64_t size_ = 0;
  bool past_cache_ = false;
  Bytes window_;
  std::uint64_t window_at_ = 0;
};

}  // namespace duskline::objects
