// x-amz-copy-source: which version of which object is to be copied, whether the caller may read it, and whether its
// conditions hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/context.h"
#include "gateway/error.h"
#include "objects/types.h"

namespace duskline::gateway {

struct CopySourceName {
  std::string bucket, key;
  std::optional<std::string> version;
};
// "/bucket/key%20name?versionId=..."; InvalidArgument.
[[nodiscard]] Expected<CopySourceName> parse_copy_source(std::string_view header);

struct CopySource {
  CopySourceName name;
  objects::Bucket bucket;
  objects::Version version;
};
// NoSuchBucket, NoSuchKey, NoSuchVersion, AccessDenied, PreconditionFailed.
[[nodiscard]] Expected<CopySource> find_copy_source(const Context& context);
// x-amz-copy-source-version-id, where its bucket was ever versioned.
void give_source_version(const CopySource& source, http::Headers& headers);

}  // namespace duskline::gateway
