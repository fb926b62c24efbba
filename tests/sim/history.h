// One history: what one seed makes of a publisher, a pruner and twenty targets.
//
// The seed determines who does what and when, every edit, fault, death and flipped byte, and what a power cut leaves.
// All tasks of worker pools run in the caller's thread (TasksInCaller), so that the order of all requests and of all
// changes of disks follows too: what only threads that race could break is for the tests with real ones. Not determined
// are the names of temporary files and of publishers, and nonces in caches, which nothing here depends on; the
// history's lines leave them out.
//
// The oracle (oracle.h) looks below all faults. It holds that
//   - a head names a whole release that is the source as it was, continues the head before it, and only goes forward;
//   - a publish that ended well said what the head has;
//   - nothing that a head named within the grace time was pruned.
// Each target (target.h) holds that
//   - what is shown is one release, byte for byte; in-place, while an activation is under way, each file is old or new;
//   - it never goes back unless told to, and loses nothing that it acknowledged;
//   - verify finds just what is wrong, and a repair leaves nothing wrong;
//   - what meets no trouble succeeds, and at the end, without any, everybody comes to the last release.
#pragma once

#include <cstdint>
#include <string>

#include "planted.h"

namespace duskline::sim {

struct Outcome {
  std::string failure;  // "" where all that must be true was true
  std::uint64_t step = 0;
  std::string lines;  // what happened
};
// The same for the same arguments.
[[nodiscard]] Outcome run_history(std::uint64_t seed, Bug bug);

}  // namespace duskline::sim
