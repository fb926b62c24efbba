// What the condition keys of policies mean for a request.
#pragma once

#include <string_view>

#include "gateway/access.h"
#include "gateway/policy.h"

namespace duskline::gateway {

// As PolicyQuestion::condition answers; nothing for keys that a request like this has not, or that are unknown.
[[nodiscard]] ConditionValues condition_values(const AccessQuestion& question, std::string_view key);

}  // namespace duskline::gateway
