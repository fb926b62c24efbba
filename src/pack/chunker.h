// Content-defined chunking: boundaries that depend on the bytes near them alone, so that an insertion moves
// no boundary but its own.
//
// Gear hash (Xia et al., "Ddelta", 2014): h = (h << 1) + table[byte]; a boundary follows a byte where h is
// below a threshold. Minimum average/2, maximum 4*average, no normalisation. The table is derived from
// SHA-256, see docs/formats/tree.md; algorithm and average are named in each release.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace duskline::pack {

struct ChunkSizes {
  std::uint32_t min_bytes, average_bytes, max_bytes;
};

// 64 KiB chunks for files up to 8 GiB, 256 KiB up to 128 GiB, 1 MiB beyond; so a list stays a small part of
// its file and its memory bounded.
[[nodiscard]] ChunkSizes chunk_sizes_for(std::uint64_t file_bytes);
// Files up to this size are one chunk.
inline constexpr std::uint64_t whole_file_bytes = 128 << 10;

// Length of the chunk that begins at window[0]. The window must hold max_bytes, or reach to the end of the data.
[[nodiscard]] std::size_t next_chunk(ByteView window, const ChunkSizes& sizes);

}  // namespace duskline::pack
