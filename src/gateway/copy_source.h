// x-amz-copy-source: which version of which object is to be copied, whether the caller may read it, and whether its
// conditions hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/context.h"
#include "gateway/digests.h"
#include "gateway/encryption.h"
#include "gateway/error.h"
#include "gateway/range.h"
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
  std::optional<ObjectKey> key;  // of an encrypted one
};
// NoSuchBucket, NoSuchKey, NoSuchVersion, AccessDenied, PreconditionFailed; InvalidRequest where the key does not fit.
[[nodiscard]] Expected<CopySource> find_copy_source(const Context& context);
// The source's bytes in a run, for something new that lies under `key`: shared where neither is encrypted, else written
// anew, with what decryption will need in `properties`. Their digests are taken on the way.
[[nodiscard]] Expected<std::unique_ptr<objects::Incoming>> copy_bytes(const Context& context, const CopySource& source,
                                                                      const ByteRange& range,
                                                                      const std::optional<ObjectKey>& key,
                                                                      objects::Properties& properties,
                                                                      Digests& digests);

// x-amz-copy-source-version-id, where its bucket was ever versioned.
void give_source_version(const CopySource& source, http::Headers& headers);

}  // namespace duskline::gateway
