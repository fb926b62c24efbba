// What changed between two versions of a file, and which old file a new one came from. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/tree.h"

namespace duskline::pack {

// New chunks [first, last) of a file that the old version lacks, and the old bytes between the chunks that both share
// around them: the best prefix for a patch. Runs and bases are bounded by `max_bytes`; longer runs are split,
// their bases sliding along. Holes are never part of a run.
struct Run {
  std::size_t first = 0, last = 0;
  std::uint64_t offset_bytes = 0, length_bytes = 0;            // in the new file
  std::uint64_t base_offset_bytes = 0, base_length_bytes = 0;  // in the old file; length 0: nothing to patch from
  bool operator==(const Run&) const = default;
};
[[nodiscard]] std::vector<Run> changed_runs(const std::vector<model::Chunk>& before,
                                            const std::vector<model::Chunk>& after, std::uint64_t max_bytes);

// For each new path without an old file of that path: the old path it most likely came from, or "". Paths whose
// digits and version strings differ ("modules/6.1.0-28/x.ko", "6.1.0-31") match first, then equal names in other
// places, size deciding between several. Both inputs sorted. O(n log n).
struct NamedSize {
  std::string path;
  std::uint64_t size_bytes = 0;
};
[[nodiscard]] std::vector<std::string> likely_origins(const std::vector<NamedSize>& removed,
                                                      const std::vector<NamedSize>& added);

}  // namespace duskline::pack
