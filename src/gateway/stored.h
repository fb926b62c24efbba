// Objects as operations look for them: the version that a request names, and its bytes read back.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/context.h"
#include "gateway/error.h"
#include "gateway/object_cipher.h"
#include "objects/types.h"

namespace duskline::gateway {

// The versionId parameter. InvalidArgument where it is empty.
[[nodiscard]] Expected<std::optional<std::string>> version_parameter(const Request& request);

struct ObjectName {
  const objects::Bucket& bucket;
  const std::string& key;
  const std::optional<std::string>& version;
};
struct ObjectActions {
  std::string_view latest, by_version;  // "s3:GetObject", "s3:GetObjectVersion"
};
// The version, if the caller may have it. NoSuchKey and NoSuchVersion only for those who may list the bucket, else
// AccessDenied. A delete marker is NoSuchKey, or MethodNotAllowed where it was asked for by its version.
[[nodiscard]] Expected<objects::Version> find_object(const Context& context, const ObjectName& name,
                                                     const ObjectActions& actions);
// The same for the request's own bucket and key.
[[nodiscard]] Expected<objects::Version> find_object(const Context& context, const ObjectActions& actions);

// Reads a run of a version's bytes, decrypts them where they are encrypted, and shows them piece by piece.
struct StoredRun {
  const objects::Version& version;
  std::uint64_t offset_bytes = 0, length_bytes = 0;
  const Decryptor* decryptor = nullptr;
};
using See = std::function<Done(ByteView piece)>;
[[nodiscard]] Done read_stored(const Context& context, const StoredRun& run, const See& see);

// "\"d41d8cd9...\""
[[nodiscard]] inline std::string quoted_etag(std::string_view etag) { return "\"" + std::string(etag) + "\""; }
// Without quotes around it.
[[nodiscard]] std::string unquoted(std::string_view etag);

// AccessDenied where the header is there and names somebody else.
[[nodiscard]] Done check_expected_owner(std::string_view header, const Request& request, const objects::Bucket& bucket);

}  // namespace duskline::gateway
