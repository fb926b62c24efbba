// What publish and prune need beside the store: the publisher's folder, and what the endpoint can do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/common.h"
#include "model/ids.h"
#include "release/heads.h"

namespace duskline::cli {

// The folder in the cache for one (store, set, source). It can be removed at any time.
class PublisherCache {
 public:
  // is_temporary: for a dry run, which leaves nothing behind.
  enum class Absent : std::uint8_t { is_made, is_temporary };
  [[nodiscard]] static Result<PublisherCache> open(Context& context, const std::string& store,
                                                   const model::SetName& set, const std::string& source, Absent absent);
  [[nodiscard]] disk::Directory& directory() { return scratch_ ? scratch_->directory() : *own_; }

 private:
  std::unique_ptr<disk::Directory> own_;
  std::optional<ScratchFolder> scratch_;
};

// What the endpoint does with conditional writes: remembered in `cache`, else found by trying, and said where it is not
// what is needed.
[[nodiscard]] Result<release::Conditions> endpoint_conditions(store::ObjectStore& store, const Op& op,
                                                              const model::SetName& set, disk::Directory& cache,
                                                              Reporter& reporter);

}  // namespace duskline::cli
