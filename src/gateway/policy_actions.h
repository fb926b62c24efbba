// The actions that S3's policies can name.
#pragma once

#include <string_view>

namespace duskline::gateway {

// Whether `pattern`, in lower case and perhaps with wildcards, names any of them.
[[nodiscard]] bool names_an_action(std::string_view pattern);

}  // namespace duskline::gateway
