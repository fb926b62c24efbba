// One object's removal, as DeleteObject and DeleteObjects do it.
#pragma once

#include <optional>
#include <string>

#include "gateway/conditions.h"
#include "gateway/context.h"
#include "gateway/error.h"
#include "objects/objects.h"

namespace duskline::gateway {

struct Deletion {
  std::string key;
  std::optional<std::string> version;
  WriteConditions conditions;
};
// Asks for s3:DeleteObject or s3:DeleteObjectVersion; refuses what is locked. What is not there is gone.
[[nodiscard]] Expected<objects::Removed> delete_one(const Context& context, const Deletion& deletion);

}  // namespace duskline::gateway
