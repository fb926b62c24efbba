// CompleteMultipartUpload's decisions: which parts make up the object, and what its ETag and checksum are. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/digests.h"
#include "gateway/error.h"
#include "gateway/uploads.h"
#include "objects/types.h"

namespace duskline::gateway {

struct NamedPart {
  std::uint32_t number = 0;
  std::string etag;  // without quotes
  std::optional<ChecksumKind> kind;
  std::string checksum;
};
// MalformedXML, InvalidPartOrder.
[[nodiscard]] Expected<std::vector<NamedPart>> read_named_parts(std::string_view xml);

struct Assembly {
  std::vector<std::uint32_t> numbers;
  std::uint64_t size_bytes = 0;
  std::string etag;                     // "...-3"
  std::optional<std::string> checksum;  // base64, "-3" at its end where it is composite
};
// `have`: the upload's parts, ascending. InvalidPart, EntityTooSmall, InvalidRequest.
[[nodiscard]] Expected<Assembly> assemble(const std::vector<NamedPart>& named, const std::vector<objects::Part>& have,
                                          const UploadChecksum& checksum);

}  // namespace duskline::gateway
