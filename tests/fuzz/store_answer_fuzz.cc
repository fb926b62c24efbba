// The headers of a GET's answer, as an S3 store trusts them: "STATUS OFFSET LENGTH", then a header per line.
#include <algorithm>
#include <charconv>

#include "fuzz.h"
#include "store/s3_store_requests.h"

namespace {

std::uint64_t take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(std::min<std::size_t>(static_cast<std::size_t>(end - text.data()) + 1, text.size()));
  return value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  std::string_view text = text_of(fuzz::view(data, size));
  http::Response response;
  response.status = static_cast<int>(take_number(text) % 600);
  store::ByteRange range{take_number(text), 0};
  range.length_bytes = std::max<std::uint64_t>(1, take_number(text));
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto colon = std::min(line.find(':'), line.size());
    response.headers.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
  }
  if (const auto info = store::info_of(response)) fuzz::require(!info->etag.empty(), "an ETag is never empty");
  if (const auto total = store::check_range(response, range)) {
    fuzz::require(response.status == 200 || range.offset_bytes < *total, "a range begins within its object");
    if (const auto length = response.content_length()) {
      fuzz::require(*length <= range.length_bytes, "and is no longer than was asked for");
    }
  }
  return 0;
}
