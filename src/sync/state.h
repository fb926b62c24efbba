// What a pair's last complete run saw of its source, for the rules that refuse a source which looks lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "disk/filesystem.h"
#include "sync/plan.h"
#include "sync/sync.h"

namespace duskline::sync {

struct PairState {
  Ground ground;       // of the source
  Ground destination;  // empty in what older versions wrote
  std::uint64_t files = 0, bytes = 0;
  std::string rules;  // a hash of the rules that they were counted by
  bool operator==(const PairState& other) const;
};
[[nodiscard]] std::string encode_state(const PairState& state);
[[nodiscard]] Result<PairState> decode_state(std::string_view json);
// Nothing where there was no run, or the file makes no sense.
[[nodiscard]] std::optional<PairState> load_state(disk::Directory& folder);
[[nodiscard]] Status save_state(disk::Directory& folder, const PairState& state);

// Code::refused unless the source lies where it lay the last time, or the user means it.
[[nodiscard]] Status check_ground(const std::optional<PairState>& before, const Ground& now, const Options& options,
                                  const std::string& source);
// Code::refused where the destination's file system seems not to be mounted: its files would go to the disk below.
[[nodiscard]] Status check_destination(const std::optional<PairState>& before, const Ground& now,
                                       const PlanTotals& plan, const Options& options, const std::string& destination);
// Code::refused for an empty source, one that lost more than half of its files or bytes, and more removals than
// allowed.
[[nodiscard]] Status check_counts(const std::optional<PairState>& before, const PlanTotals& now, const Options& options,
                                  const std::string& source);
// What a source that cannot be opened or listed comes to.
[[nodiscard]] Error cannot_read(const std::string& source, Error cause);

}  // namespace duskline::sync
