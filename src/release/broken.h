// The wording of what hostile or damaged release data is refused with.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace duskline::release {

[[nodiscard]] inline Error broken_tree(std::string rule) {
  return {Code::invalid, "the release's tree is not valid: " + std::move(rule)};
}
[[nodiscard]] inline Error broken_manifest(std::string rule) {
  return {Code::invalid, "not a valid manifest: " + std::move(rule)};
}
[[nodiscard]] inline Error broken_delta(std::string rule) {
  return {Code::invalid, "not a valid delta: " + std::move(rule)};
}

}  // namespace duskline::release
