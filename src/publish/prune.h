// Removing what no retained release needs, in two phases with a grace time, safe beside publishers and pulls.
// How and why: docs/formats/prune.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <span>

#include "publish/publish.h"

namespace duskline::publish {

struct PruneOptions {
  model::SetName set;
  std::uint32_t keep_last = 10;  // at least 1
  std::chrono::nanoseconds keep_within = std::chrono::days(30);
  std::chrono::nanoseconds grace = std::chrono::days(30);  // by the store's clock, between marking and deleting
  PublishOptions::Write write = PublishOptions::Write::yes;
};
struct PruneResult {
  std::uint64_t releases_kept = 0, releases_dropped = 0;  // of those that the store lists
  std::uint64_t objects_marked = 0, bytes_marked = 0;     // newly, by this run
  std::uint64_t objects_waiting = 0, bytes_waiting = 0;   // marked, and still within the grace time
  std::uint64_t objects_removed = 0, bytes_removed = 0;   // in a dry run: that would be
  enum class Removal : std::uint8_t { done, put_off } removal = Removal::done;  // put_off: a publisher is at work
};
// Phase one marks (writes tombstones for) objects that no root needs; phase two, at a later run after the grace time,
// bumps the epoch in every head by compare-and-swap, looks again, and deletes. Roots: heads, the last N and recent
// releases; while a publisher's lease is live, nothing is deleted. A head or manifest that cannot be read or trusted
// ends the run before anything is deleted. Code::untrusted where a head was not signed by parts.signer, since targets
// may not trust another key. Killed at any point, the next run goes on.
[[nodiscard]] Result<PruneResult> prune(const Op&, const PublishParts&, const PruneOptions&);

// The publisher's half, to be called after all of a release is stored and just before its head is swapped, and again
// when that swap failed and is tried anew: takes the marks off `keys` (all packs that the release names, and its
// manifest). Code::precondition where some of them are being removed or are gone: publish again from the start.
[[nodiscard]] Status check_not_marked(store::ObjectStore&, const Op&, const model::SetName&,
                                      std::span<const store::Key> keys);

// Packs with a mark of any kind. A publisher that means to use a pack which no head's release names (one that an
// earlier run uploaded) asks first, and uploads those anew.
[[nodiscard]] Result<std::set<Hash256>> marked_packs(store::ObjectStore&, const Op&, const model::SetName&);

}  // namespace duskline::publish
