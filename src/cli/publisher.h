// What publish and prune need beside the store: the publisher's folder, and what the endpoint can do.
#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/common.h"
#include "model/ids.h"
#include "release/heads.h"

namespace duskline::cli {

// The folder in the cache for one (store, set, source); made if it is not there. It can be removed at any time.
[[nodiscard]] Result<std::unique_ptr<disk::Directory>> open_publisher_cache(Context& context, const std::string& store,
                                                                            const model::SetName& set,
                                                                            const std::string& source);

// What the endpoint does with conditional writes: remembered in `cache`, else found by trying, and said where it is not
// what is needed.
[[nodiscard]] Result<release::Conditions> endpoint_conditions(store::ObjectStore& store, const Op& op,
                                                              const model::SetName& set, disk::Directory& cache,
                                                              Reporter& reporter);

}  // namespace duskline::cli
