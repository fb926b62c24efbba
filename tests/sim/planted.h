// Deliberate faults, planted below the engine: what the simulation must find, or its silence means nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string_view>

#include "disk/filesystem.h"
#include "store/object_store.h"

namespace duskline::sim {

enum class Bug : std::uint8_t {
  none,
  lost_sync,               // a target syncs nothing
  activation_before_sync,  // a target shows a release without syncing its content
  forgotten_floor,         // a target forgets which head it has seen
  unchecked_bytes,         // a byte that was laid down is not the one that was checked
  step_in_two,             // `current` is removed, then made anew
  lost_journal,            // an in-place target comes back from a crash without its journal
  hasty_verify,            // verify looks at sizes and times only
  head_before_packs,       // a publisher uploads its packs after the head
  forgotten_pack,          // the store acknowledges a pack and does not keep it
  no_grace,                // prune takes every mark for one whose time is over
  unconditional_heads,     // the store replaces heads whatever the condition says
};

struct BugName {
  Bug bug;
  std::string_view name;
};
[[nodiscard]] std::span<const BugName> all_bugs();   // without none
[[nodiscard]] Bug bug_named(std::string_view name);  // none, where there is none of that name

// The disk of a target with the bug in it, or nothing where the bug is not one of disks. `disk` must outlive it.
[[nodiscard]] std::unique_ptr<disk::Filesystem> with_bug(disk::Filesystem& disk, Bug bug, std::uint64_t seed);

// Whose requests they are.
enum class Party : std::uint8_t { publisher, pruner, target };
// The same for stores.
[[nodiscard]] std::unique_ptr<store::ObjectStore> with_bug(store::ObjectStore& store, Bug bug, Party party,
                                                           std::uint64_t seed);

}  // namespace duskline::sim
