// Re-reading a target against its signed manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/op.h"
#include "site/target.h"

namespace duskline::site {

enum class Finding : std::uint8_t { changed, missing, extra, mode, mtime, kind, owner, unreadable };
[[nodiscard]] std::string_view name_of(Finding finding);

struct VerifyOptions {
  std::optional<model::ReleaseId> release;  // default: current
  unsigned workers = 0;
  std::uint64_t bytes_per_second = 0;  // 0: unlimited
};
struct VerifyResult {
  std::uint64_t files = 0, bytes = 0;
  std::uint64_t changed = 0, missing = 0, extra = 0,
                attributes = 0;  // extra in an in-place target is reported, not a difference
  Hash256 tree;                  // as promised
  [[nodiscard]] bool is_clean() const { return changed + missing + attributes == 0; }
};
// Reads every byte. `found` is called for each finding, from one thread at a time, paths sorted within a directory.
[[nodiscard]] Result<VerifyResult> verify(const Op&, Target&, const VerifyOptions&, Reporter&,
                                          const std::function<void(Finding, const std::string& path)>& found);

}  // namespace duskline::site
