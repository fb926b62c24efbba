// Removing what no retained release needs, in two phases with a grace time, safe beside publishers and pulls.
#pragma once

#include <chrono>
#include <cstdint>

#include "publish/publish.h"

namespace duskline::publish {

struct PruneOptions {
  model::SetName set;
  std::uint32_t keep_last = 10;
  std::chrono::nanoseconds keep_within = std::chrono::days(30);
  std::chrono::nanoseconds grace = std::chrono::days(30);  // by the store's clock, between marking and deleting
  PublishOptions::Write write = PublishOptions::Write::yes;
};
struct PruneResult {
  std::uint64_t releases_kept = 0, releases_dropped = 0;
  std::uint64_t objects_marked = 0, objects_removed = 0, bytes_marked = 0, bytes_removed = 0;
};
// Phase one marks (writes tombstones for) objects that no root needs; phase two, at a later run after the grace time,
// bumps the epoch in every head by compare-and-swap, looks again, and deletes. Roots: heads, the last N and recent
// releases, leases.
[[nodiscard]] Result<PruneResult> prune(const Op&, const PublishParts&, const PruneOptions&);

}  // namespace duskline::publish
