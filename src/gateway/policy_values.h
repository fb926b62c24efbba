// How policies write numbers, times, networks and the names of conditions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace duskline::gateway {

// In lower case, but for what follows a '/' ("s3:existingobjecttag/Project"), which is a client's own.
[[nodiscard]] std::string condition_key(std::string_view name);
[[nodiscard]] std::optional<double> condition_number(std::string_view text);
// A date, a time in ISO 8601, or seconds since 1970.
[[nodiscard]] std::optional<WallTime> condition_date(std::string_view text);
[[nodiscard]] bool is_network(std::string_view text);
// Few enough addresses that a policy for them is not one for everybody: at most an IPv4 /8 or an IPv6 /32.
[[nodiscard]] bool is_narrow_network(std::string_view text);

}  // namespace duskline::gateway
