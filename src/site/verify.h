// Re-reading a target against its signed manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/op.h"
#include "site/target.h"

namespace duskline::site {

enum class Finding : std::uint8_t { changed, missing, extra, mode, mtime, kind, owner, xattr, unreadable };
[[nodiscard]] std::string_view name_of(Finding finding);

struct VerifyOptions {
  std::optional<model::ReleaseId> release;  // default: current
  // content: every byte. metadata: only files whose mtime differs are read; for a quick look before a rollback.
  enum class Depth : std::uint8_t { content, metadata } depth = Depth::content;
  unsigned workers = 0;
  std::uint64_t bytes_per_second = 0;        // 0: unlimited
  std::uint64_t long_file_bytes = 32 << 20;  // from here on several workers read one file
};
struct VerifyResult {
  std::uint64_t files = 0, bytes = 0;
  // `changed` counts other content or size, another kind, and what cannot be read. In an in-place target `extra` is
  // reported and not a difference.
  std::uint64_t changed = 0, missing = 0, extra = 0, attributes = 0;
  Mode mode = Mode::switched;
  Hash256 tree;  // as promised
  [[nodiscard]] bool is_clean() const {
    return changed + missing + attributes == 0 && (extra == 0 || mode == Mode::in_place);
  }
};
// `found` is called for each finding, from one thread at a time, paths sorted within a directory (of up to 10,000
// findings). What a keep pattern matches is neither missing nor extra; a missing or extra directory is one finding.
[[nodiscard]] Result<VerifyResult> verify(const Op&, Target&, const VerifyOptions&, Reporter&,
                                          const std::function<void(Finding, const std::string& path)>& found);

}  // namespace duskline::site
