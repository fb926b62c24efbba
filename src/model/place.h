// Where the bytes of chunks lie: frames in packs and deltas. These are hints from the store, not trusted:
// whatever is read by them is checked against a chunk's hash. Encoding: docs/formats/manifest.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"

namespace duskline::model {

inline constexpr std::uint64_t max_frame_raw_bytes = 8 << 20;
inline constexpr std::uint64_t max_patch_raw_bytes = 64 << 20;  // a patch's output, and its base
inline constexpr std::size_t max_frames_per_table = 1 << 20;

enum class Codec : std::uint8_t {
  raw = 0,         // stored as it is; any part can be read alone
  zstd = 1,        // one zstd frame
  zstd_patch = 2,  // one zstd frame whose prefix is `base` of the release the delta is from
};

// A range of a file in the release that a delta starts from.
struct BaseRange {
  std::string path;  // from the top
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
  bool operator==(const BaseRange&) const = default;
};

// Consecutive stored bytes that decode to `raw_bytes` bytes, in which chunks lie back to back.
struct Frame {
  std::uint32_t pack = 0;          // index into the table of packs; in a delta, 0 is the delta object itself
  std::uint64_t offset_bytes = 0;  // in the object
  std::uint64_t stored_bytes = 0;
  std::uint64_t raw_bytes = 0;
  Codec codec = Codec::raw;
  std::uint32_t base = 0;  // zstd_patch only: index into FrameTable::bases
  bool operator==(const Frame&) const = default;
};

struct Place {
  std::uint32_t frame = 0;         // index into FrameTable::frames
  std::uint32_t offset_bytes = 0;  // in the frame's decoded bytes
  bool operator==(const Place&) const = default;
};

struct FrameTable {
  std::vector<Frame> frames;
  std::vector<BaseRange> bases;
  void clear() {
    frames.clear();
    bases.clear();
  }
  bool operator==(const FrameTable&) const = default;
};

// The places of a sequence of chunks (those of a manifest segment, in order, holes left out).
void encode_places(const FrameTable& table, const std::vector<Place>& places, Bytes& out);
[[nodiscard]] Status decode_places(ByteView in, std::uint32_t pack_count, FrameTable& table,
                                   std::vector<Place>& places);

}  // namespace duskline::model
