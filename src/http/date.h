// Times in HTTP headers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace duskline::http {

// "Fri, 24 May 2013 00:00:00 GMT"; nothing for any other form.
[[nodiscard]] std::optional<WallTime> parse_http_date(std::string_view text);
[[nodiscard]] std::string format_http_date(WallTime time);

}  // namespace duskline::http
