// The Range header: "bytes=0-99", "bytes=100-", "bytes=-100". RFC 9110 section 14. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/error.h"

namespace duskline::gateway {

struct ByteRange {
  std::uint64_t offset_bytes = 0, length_bytes = 0;
};

// Nothing where the header is to be ignored: another unit, several ranges, or no range at all. InvalidRange where it
// lies beyond the end.
[[nodiscard]] Expected<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t size_bytes);
// x-amz-copy-source-range: "bytes=first-last" alone, wholly inside.
[[nodiscard]] Expected<ByteRange> parse_copy_range(std::string_view header, std::uint64_t size_bytes);
[[nodiscard]] std::string content_range(const ByteRange& range, std::uint64_t size_bytes);  // "bytes 0-99/200"

}  // namespace duskline::gateway
