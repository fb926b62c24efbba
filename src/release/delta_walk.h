// The walk that says which nodes of a new tree a delta holds, in which order, and what each is patched from. Publisher
// and target take the very same walk, so that none of this needs to be written down.
#pragma once

#include <cstdint>

#include "release/manifest.h"

namespace duskline::release {

// What is met on the way, in preorder of the new tree.
class DeltaSteps {
 public:
  virtual ~DeltaSteps() = default;
  // A node that the old tree does not have at the same place: gives its encoding, checked against `hash`, valid until
  // the next step. `base` (may be empty) is valid until the old manifest is asked again.
  virtual Result<ByteView> changed(ByteView base, std::uint64_t ordinal, const Hash256& hash) = 0;
  // A whole subtree, or a list node, that the old tree has at the same place.
  virtual Status same_tree(const NodeRef& in_old, std::uint64_t nodes) = 0;
  virtual Status same_list(std::uint64_t ordinal_in_old, const Hash256& hash) = 0;
};

// `to.ordinal` is 0; `to.stats` as the release says.
[[nodiscard]] Status walk_delta(const Op&, Manifest& from, const NodeRef& to, DeltaSteps& steps);

}  // namespace duskline::release
