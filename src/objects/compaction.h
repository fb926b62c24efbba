// Frees segments of the log that hold little that is still needed: what is goes to the log's end once more, then the
// segment is removed. docs/formats/objects.md says why no order of crashes brings anything back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "objects/committer.h"
#include "objects/index.h"
#include "objects/record.h"

namespace duskline::objects {

// Of a segment: live states and bodies, and entries that something is gone of which an older segment may hold a state.
[[nodiscard]] std::uint64_t needed_bytes(const std::map<std::uint64_t, SegmentTally>& segments, std::uint64_t number);
// Whether an entry in `segment` that something is gone must stay, the oldest state of which may be in `first`.
[[nodiscard]] bool gone_is_needed(const std::map<std::uint64_t, SegmentTally>& segments, std::uint64_t first,
                                  std::uint64_t segment);
// The segment before `current` with the most to gain, if at least half of it is not needed.
[[nodiscard]] std::optional<std::uint64_t> choose_segment(const std::map<std::uint64_t, SegmentTally>& segments,
                                                          std::uint64_t current,
                                                          const std::set<std::uint64_t>& passed_over);

// Called after each step with the bytes it read; false ends the compaction early.
using Pause = std::function<bool(std::uint64_t bytes)>;

// Writes all that is needed of `segment` to the log's end. True when nothing points into the segment any more; false
// where it was ended early, or the segment holds something that is needed and cannot be read.
[[nodiscard]] Result<bool> empty_segment(Files& files, const std::string& directory, std::uint64_t store,
                                         std::uint64_t segment, Committer& committer, const Pause& pause);

}  // namespace duskline::objects
