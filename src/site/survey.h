// A first look at what differs between the installed and the new release: how much there is to do, whether it may be
// done, and which chunks to look for locally. Reads records only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/op.h"
#include "release/manifest.h"
#include "site/scope.h"

namespace duskline::site {

struct Survey {
  std::uint64_t files = 0;              // that are new or have other content
  std::uint64_t bytes = 0;              // of those, without holes: room for them is needed
  std::uint64_t files_removed = 0;      // that the installed release had in scope
  std::uint64_t hard_links = 0;         // in all of the new release, in scope
  bool has_subtree = false;             // something lies in scope
  std::vector<std::uint64_t> wanted;    // keys (Hash256::prefix64) of chunks and whole files, with repetitions removed
  std::vector<std::uint64_t> repeated;  // those of chunks that are wanted more than once
};

// `installed` may be null, or be laid down in another scope: then everything in scope counts as new. Code::invalid
// where a hard link does not name an earlier regular file with the same content, or a path is too long.
[[nodiscard]] Result<Survey> survey(const Op&, release::Manifest* installed, release::Manifest& wanted,
                                    const Scope& scope);

}  // namespace duskline::site
