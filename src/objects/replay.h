// Brings the index up to the log: at open, after an index write that failed, and for a rebuild from nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "objects/files.h"
#include "objects/index.h"
#include "objects/record.h"

namespace duskline::objects {

// What to do where records cannot be read that were synced once. `stop`: Code::corrupt, which says how to mend it.
// `skip`: say so in `damage`, and go on behind.
enum class OnDamage : std::uint8_t { stop, skip };

struct Replayed {
  Position end;  // of the log: what lies behind in its last segment was never acknowledged
  std::uint64_t records = 0;
  std::vector<std::string> notes;   // torn tails, unused segments
  std::vector<std::string> damage;  // at most 1,000
};

struct ReplayPlan {
  std::string directory;
  std::uint64_t store = 0;
  OnDamage on_damage = OnDamage::stop;
  std::optional<Position> until;  // where the log is known to end
};

// From the index's own position on. The index is committed on success; on failure it holds a part.
[[nodiscard]] Result<Replayed> replay(Files& files, const ReplayPlan& plan, Index& index);

}  // namespace duskline::objects
