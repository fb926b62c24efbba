// Multipart uploads: what their operations share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/context.h"
#include "gateway/digests.h"
#include "gateway/error.h"
#include "objects/types.h"

namespace duskline::gateway {

inline constexpr std::uint32_t max_part_number = 10'000;
inline constexpr std::uint64_t least_part_bytes = 5 << 20;  // of all parts but the last
inline constexpr std::uint64_t max_object_bytes = std::uint64_t{5} << 40;

// The upload that the uploadId parameter names. NoSuchUpload.
[[nodiscard]] Expected<objects::Upload> find_upload(const Context& context);
// 1 to 10,000; InvalidArgument.
[[nodiscard]] Expected<std::uint32_t> part_number(const Request& request);

// What kind of checksum an upload's parts and its object have.
enum class ChecksumForm : std::uint8_t { full_object, composite };
struct UploadChecksum {
  ChecksumKind kind = ChecksumKind::crc64nvme;
  ChecksumForm form = ChecksumForm::full_object;
  bool named = false;  // by the client; else it is the server's choice
};
[[nodiscard]] UploadChecksum checksum_of_upload(const objects::Upload& upload);
[[nodiscard]] std::string_view name_of(ChecksumForm form);  // "FULL_OBJECT"
// x-amz-checksum-algorithm and -type of CreateMultipartUpload, into properties. InvalidRequest.
[[nodiscard]] Done take_upload_checksum(const http::Headers& headers, objects::Properties& properties);

}  // namespace duskline::gateway
