// Channel heads in a store: reading with trust, replacing by compare-and-swap.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "model/release.h"
#include "store/object_store.h"

namespace duskline::release {

struct SeenHead {
  model::Head head;
  std::string etag;
  Hash256 envelope_hash;  // what the next head names as `previous`
};

// Reads the head and checks its signature, type, set and channel. Nothing where there is none. Neither floor nor expiry
// are checked here: see check_head.
[[nodiscard]] Result<std::optional<SeenHead>> read_head(store::ObjectStore&, const Op&, const model::SetName&,
                                                        const model::ChannelName&,
                                                        const std::vector<PublicKey>& trusted);

// What a target remembers of a channel.
struct Floor {
  std::uint64_t version = 0;
  Hash256 envelope_hash;
  bool operator==(const Floor&) const = default;
};
enum class StaleHead : std::uint8_t { refuse, allow };
// Pure: Code::replayed below the floor or with the floor's version and another hash (a fork), Code::stale past its
// expiry.
[[nodiscard]] Status check_head(const SeenHead& seen, const Floor& floor, WallTime now, StaleHead stale);

// What an endpoint does with conditional writes. Found by trying, never guessed.
struct Conditions {
  bool if_none_match = false, if_match = false;
};
// Writes and removes a small object below "<set>/lease/". The caller caches the answer per endpoint.
[[nodiscard]] Result<Conditions> probe_conditions(store::ObjectStore&, const Op&, const model::SetName&);

// Writes `head` in place of `expected` (nothing: must not exist). Code::precondition when somebody else wrote
// meanwhile; a write whose answer was lost is recognised by reading back. Without conditions: a lease object, best
// effort, said to `reporter`.
[[nodiscard]] Result<SeenHead> replace_head(store::ObjectStore&, const Op&, const model::Head& head,
                                            const std::optional<SeenHead>& expected, const Signer&, const Conditions&,
                                            Clock&, Reporter&);

// Takes the next free release number of the set by create-if-absent, beginning after `at_least`. The object names the
// release once it is known (see name_number).
[[nodiscard]] Result<model::ReleaseNumber> take_number(store::ObjectStore&, const Op&, const model::SetName&,
                                                       model::ReleaseNumber at_least, const Conditions&);

}  // namespace duskline::release
