// Whether two files hold the same, by the cheapest way that is certain.
#pragma once

#include <string>

#include "base/op.h"
#include "sync/place.h"

namespace duskline::sync {

struct Side {
  Place& place;
  const Version& version;
};
// Both of one size. Code::changing where one of them changes meanwhile.
[[nodiscard]] Result<bool> is_same_content(const Op& op, const std::string& path, const Side& a, const Side& b);

}  // namespace duskline::sync
