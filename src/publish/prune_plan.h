// What prune decides, as pure functions of what it saw.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "publish/prune.h"
#include "publish/prune_marks.h"
#include "release/heads.h"

namespace duskline::publish {

// An object that prune may remove: a manifest, a pack or a delta.
struct StoredObject {
  std::uint64_t size_bytes = 0;
  WallTime modified{};
  bool operator==(const StoredObject&) const = default;
};
using StoredObjects = std::map<std::string, StoredObject>;  // by key
using IsNeeded = std::function<bool(const std::string& key)>;

// The releases to keep: those that heads name, the last N by number, and those published within the time.
[[nodiscard]] std::set<model::ReleaseId> releases_to_keep(const std::vector<release::ListedRelease>& listed,
                                                          const std::set<model::ReleaseId>& of_heads,
                                                          const PruneOptions& options, WallTime now);

struct MarkPlan {
  std::map<std::string, Mark> marks;  // as they should be
  std::vector<std::string> due;       // objects whose grace time has passed, or that a prune was about to remove
  std::uint64_t new_objects = 0, new_bytes = 0;
  std::uint64_t waiting_objects = 0, waiting_bytes = 0;
};
// A mark comes on what nothing needs; it goes when something needs the object, when the object was written anew, or
// when it is gone. What was removed stays noted for `grace`, or a week if that is longer.
[[nodiscard]] MarkPlan plan_marks(const std::map<std::string, Mark>& before, const StoredObjects& objects,
                                  const IsNeeded& is_needed, std::chrono::nanoseconds grace, WallTime now);

}  // namespace duskline::publish
