// Patches from earlier releases to the new one.
#pragma once

#include <cstdint>
#include <vector>

#include "base/op.h"
#include "publish/lease.h"
#include "publish/publish.h"
#include "release/manifest.h"

namespace duskline::publish {

struct DeltaParts {
  const PublishParts& publish;
  const PublishOptions& options;
  disk::Directory& source;  // new bytes are read from here once more
  release::Manifest& made;  // of the new release
  Lease& lease;             // kept fresh
};
// Makes and uploads a delta from each of `bases` (newest first), old bytes being read from the store. A delta that
// cannot be made, or that would cost a target more than the manifest and packs, is left out: deltas are only ever a
// saving. Fails only where the run is stopped or nothing can be written.
[[nodiscard]] Result<std::vector<model::DeltaRef>> make_deltas(const Op& op, const DeltaParts& parts,
                                                               const std::vector<release::Manifest*>& bases);

}  // namespace duskline::publish
