#include "pack/chunker.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/hash.h"

namespace duskline::pack {
namespace {

constexpr std::uint32_t kib = 1024;
// After so many bytes nothing older is left in a 64-bit Gear hash.
constexpr std::size_t gear_window_bytes = 64;

using GearTable = std::array<std::uint64_t, 256>;

GearTable make_gear_table() {
  GearTable table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    std::string text = "duskline gear-1 ";
    text += static_cast<char>(i);
    const Hash256 hash = sha256(text);
    for (std::size_t k = 8; k-- > 0;) table[i] = table[i] << 8 | hash.bytes[k];
  }
  return table;
}

const GearTable& gear_table() {
  static const GearTable table = make_gear_table();
  return table;
}

}  // namespace

ChunkSizes chunk_sizes_for(std::uint64_t file_bytes) {
  constexpr std::uint64_t gib = std::uint64_t{1} << 30;
  const std::uint32_t average = file_bytes <= 8 * gib ? 64 * kib : file_bytes <= 128 * gib ? 256 * kib : 1024 * kib;
  return {average / 2, average, 4 * average};
}

std::size_t next_chunk(ByteView window, const ChunkSizes& sizes) {
  if (window.size() <= sizes.min_bytes) return window.size();
  const GearTable& table = gear_table();
  const std::size_t limit = std::min<std::size_t>(window.size(), sizes.max_bytes);
  // Beyond the minimum a boundary comes every average/2 bytes, so that chunks are `average` long on average.
  const std::uint64_t threshold = (std::uint64_t{1} << 63) / (sizes.average_bytes / 4);
  std::size_t at = sizes.min_bytes - std::min<std::size_t>(sizes.min_bytes, gear_window_bytes);
  std::uint64_t hash = 0;
  for (; at + 1 < sizes.min_bytes; ++at) hash = (hash << 1) + table[window[at]];
  for (; at < limit; ++at) {
    hash = (hash << 1) + table[window[at]];
    if (hash < threshold) return at + 1;
  }
  return limit;
}

}  // namespace duskline::pack
