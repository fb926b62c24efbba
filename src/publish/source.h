// The directory that is published, and the rules about it.
#pragma once

#include <cstdint>
#include <memory>

#include "disk/filesystem.h"
#include "publish/filter.h"
#include "publish/publish.h"
#include "publish/state.h"

namespace duskline::publish {

struct OpenSource {
  std::unique_ptr<disk::Directory> directory;
  disk::VolumeInfo volume;
  Filter filter;
  std::uint64_t device = 0;
};

// Code::refused where it is missing, not readable, no directory, or elsewhere than the last time (see check_mount).
[[nodiscard]] Result<OpenSource> open_source(const PublishParts& parts, const PublishOptions& options,
                                             const SourceState& state);

}  // namespace duskline::publish
