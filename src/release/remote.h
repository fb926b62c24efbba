// Manifests fetched from a store, and checked against who signed them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/op.h"
#include "base/signing.h"
#include "disk/filesystem.h"
#include "model/ids.h"
#include "release/manifest.h"
#include "store/object_store.h"

namespace duskline::release {

// As a head says it; 0 where not known.
struct ExpectedSize {
  std::uint64_t index_bytes = 0, total_bytes = 0;
};

inline constexpr std::uint64_t max_manifest_bytes = std::uint64_t{1} << 40;

// Fetches the whole manifest of release `id` into the file `name` of `scratch` (replaced), and opens it: by one GET, or
// by up to six at a time where its size is known.
// Code::untrusted where nobody trusted signed it, Code::corrupt where it is not the release asked for or not of the
// expected size.
[[nodiscard]] Result<std::unique_ptr<Manifest>> open_remote_manifest(store::ObjectStore&, const Op&,
                                                                     const model::SetName&, const model::ReleaseId& id,
                                                                     const ExpectedSize&,
                                                                     const std::vector<PublicKey>& trusted,
                                                                     disk::Directory& scratch, const std::string& name);

// The same, but only the index is fetched now (by one GET where its size is known). Segments follow when a node in them
// is asked for, nodes and places together, and are kept in the file; neighbours asked for in a row are fetched several
// at a time. `store` must outlive the manifest.
[[nodiscard]] Result<std::unique_ptr<Manifest>> open_remote_manifest_on_demand(
    store::ObjectStore& store, const Op&, const model::SetName&, const model::ReleaseId& id, const ExpectedSize&,
    const std::vector<PublicKey>& trusted, disk::Directory& scratch, const std::string& name);

// Code::untrusted, or Code::corrupt where the (signed) statement is that of another release or set.
[[nodiscard]] Status check_statement(const ManifestIndex& index, const model::SetName&, const model::ReleaseId& id,
                                     const std::vector<PublicKey>& trusted);

}  // namespace duskline::release
