// XML of uploads in parts, and of copies within the service.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace duskline::s3 {

struct ListedPart {
  std::uint32_t number = 0;
  std::uint64_t size_bytes = 0;
  std::string etag;
};
struct PartPage {
  std::vector<ListedPart> parts;
  bool truncated = false;
  std::uint32_t next_marker = 0;  // greater than every number of the page, where truncated
};
// ListPartsResult.
[[nodiscard]] Result<PartPage> parse_parts(std::string_view xml);

// The ETag of a CopyObjectResult or CopyPartResult. A body that is neither is Code::unavailable: with a status of 200
// it must not be taken for a success.
[[nodiscard]] Result<std::string> parse_copy_result(std::string_view xml);

}  // namespace duskline::s3
