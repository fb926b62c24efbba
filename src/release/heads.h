// Channel heads and release numbers in a store: reading with trust, replacing by compare-and-swap.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

// Reads the head and checks its signature, type, set, channel and, where given, realm. Nothing where there is none.
// Neither floor nor expiry are checked here: see check_head.
[[nodiscard]] Result<std::optional<SeenHead>> read_head(store::ObjectStore&, const Op&, const model::SetName&,
                                                        const model::ChannelName&,
                                                        const std::vector<PublicKey>& trusted,
                                                        std::string_view realm = {});

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
// Pure: whether the head's history is not the one that the floor belongs to, as far as one step shows. A next version
// that replaced another head than the one at the floor is accepted by check_head (it is signed and newer), but worth a
// warning: two publishers wrote without seeing each other.
[[nodiscard]] bool is_fork(const SeenHead& seen, const Floor& floor);

// What an endpoint does with conditional writes. Found by trying, never guessed.
struct Conditions {
  bool if_none_match = false, if_match = false;
  bool operator==(const Conditions&) const = default;
};
// Writes and removes a small object below "<set>/lease/". The caller caches the answer per endpoint.
[[nodiscard]] Result<Conditions> probe_conditions(store::ObjectStore&, const Op&, const model::SetName&);

// How long a publisher's lease on a head holds, where conditions are missing.
inline constexpr std::chrono::minutes head_lease_life{2};

// Writes `head` in place of `expected` (nothing: must not exist). `head` must name `expected` as previous and have the
// version after its. Code::precondition when somebody else wrote meanwhile; a write whose answer was lost is recognised
// by reading back. Without conditions: a lease object, best effort, said to `reporter`; Code::locked while another
// publisher holds it.
[[nodiscard]] Result<SeenHead> replace_head(store::ObjectStore&, const Op&, const model::Head& head,
                                            const std::optional<SeenHead>& expected, const Signer&, const Conditions&,
                                            Clock&, Reporter&);

// Takes the next free release number of the set by create-if-absent, beginning after `at_least`. The object names the
// release once it is known (see name_number).
[[nodiscard]] Result<model::ReleaseNumber> take_number(store::ObjectStore&, const Op&, const model::SetName&,
                                                       model::ReleaseNumber at_least, const Conditions&);
// Says in the number's object which release has it. Only by who took the number.
[[nodiscard]] Status name_number(store::ObjectStore&, const Op&, const model::SetName&, model::ReleaseNumber,
                                 const model::ReleaseId&, WallTime published);

// What the store says, unsigned: good for listing and for choosing; the release itself is checked when it is opened.
struct ListedRelease {
  model::ReleaseNumber number = 0;
  model::ReleaseId id;
  WallTime published{};
  bool operator==(const ListedRelease&) const = default;
};
// By number. Numbers that no release got (a publish that ended early) are left out.
[[nodiscard]] Result<std::vector<ListedRelease>> list_releases(store::ObjectStore&, const Op&, const model::SetName&);

}  // namespace duskline::release
