// Header lines, dates and URLs.
#include <algorithm>

#include "fuzz.h"
#include "http/date.h"
#include "http/header_reader.h"
#include "http/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  std::string_view text = text_of(fuzz::view(data, size));
  if (const auto url = http::parse_url(text)) {
    const auto again = http::parse_url(url->origin() + url->path);
    fuzz::require(again && again->host == url->host && again->path == url->path, "a URL's parts make the URL");
  }
  const std::string shown = http::loggable_url(text);
  fuzz::require(shown.find('?') == std::string::npos, "no query is shown");
  if (const auto date = http::parse_http_date(text)) {
    fuzz::require(http::parse_http_date(http::format_http_date(*date)) == date, "a date survives");
  }
  constexpr std::uint64_t limit = 10'000;
  http::HeaderReader reader(limit);
  std::uint64_t fed = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    text.remove_prefix(line.size());
    fed += line.size();
    if (!reader.line(line)) return 0;
    fuzz::require(fed <= limit, "headers are bounded");
  }
  for (const auto& [name, value] : reader.response().headers) fuzz::require(!name.empty(), "a header has a name");
  (void)reader.response().content_length();
  return 0;
}
