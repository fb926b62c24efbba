#include "gateway/range.h"

#include <algorithm>
#include <charconv>

namespace duskline::gateway {
namespace {

constexpr std::string_view unit = "bytes=";

struct Bounds {
  std::optional<std::uint64_t> first, last;
};

// "" is no number; what is too large for 64 bits counts as the largest.
std::optional<std::uint64_t> number(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc::result_out_of_range ? UINT64_MAX : value;
}

// Nothing where it is no single range.
std::optional<Bounds> bounds_of(std::string_view header) {
  if (!header.starts_with(unit)) return std::nullopt;
  header.remove_prefix(unit.size());
  while (header.starts_with(' ')) header.remove_prefix(1);
  while (header.ends_with(' ')) header.remove_suffix(1);
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first = header.substr(0, dash), last = header.substr(dash + 1);
  const Bounds bounds{number(first), number(last)};
  if ((!bounds.first && !first.empty()) || (!bounds.last && !last.empty())) return std::nullopt;
  if (!bounds.first && !bounds.last) return std::nullopt;
  if (bounds.first && bounds.last && *bounds.first > *bounds.last) return std::nullopt;
  return bounds;
}

S3Error beyond(std::string_view header, std::uint64_t size_bytes) {
  S3Error error = S3Error(ErrorCode::invalid_range)
                      .with("RangeRequested", std::string(header))
                      .with("ActualObjectSize", std::to_string(size_bytes));
  error.headers.emplace_back("content-range", "bytes */" + std::to_string(size_bytes));
  return error;
}

}  // namespace

Expected<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t size_bytes) {
  const auto bounds = bounds_of(header);
  if (!bounds) return std::optional<ByteRange>();
  if (!bounds->first) {
    const std::uint64_t length = std::min(*bounds->last, size_bytes);
    if (length == 0) return beyond(header, size_bytes);
    return std::optional(ByteRange{size_bytes - length, length});
  }
  if (*bounds->first >= size_bytes) return beyond(header, size_bytes);
  const std::uint64_t last = std::min(bounds->last.value_or(size_bytes - 1), size_bytes - 1);
  return std::optional(ByteRange{*bounds->first, last - *bounds->first + 1});
}

Expected<ByteRange> parse_copy_range(std::string_view header, std::uint64_t size_bytes) {
  const auto bounds = bounds_of(header);
  if (!bounds || !bounds->first || !bounds->last) {
    return invalid_argument(
        "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
        "zero-based "
        "offsets of the first and last bytes to copy",
        "x-amz-copy-source-range", std::string(header));
  }
  if (*bounds->last >= size_bytes) {
    return invalid_argument("Range specified is not valid for source object of size: " + std::to_string(size_bytes),
                            "x-amz-copy-source-range", std::string(header));
  }
  return ByteRange{*bounds->first, *bounds->last - *bounds->first + 1};
}

std::string content_range(const ByteRange& range, std::uint64_t size_bytes) {
  return "bytes " + std::to_string(range.offset_bytes) + "-" +
         std::to_string(range.offset_bytes + range.length_bytes - 1) + "/" + std::to_string(size_bytes);
}

}  // namespace duskline::gateway
