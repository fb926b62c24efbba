// POST policies: what a signed document says an upload by form may be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gateway/error.h"
#include "http/server.h"

namespace duskline::gateway {

struct PostCondition {
  enum class Test : std::uint8_t { equals, starts_with };
  Test test = Test::equals;
  std::string field;  // lower case
  std::string value;
  std::string text;  // as it is shown where it does not hold
};

struct PostPolicy {
  WallTime expires{};
  std::vector<PostCondition> conditions;
  std::optional<std::uint64_t> least_bytes, most_bytes;  // content-length-range

  // Of the base64 text of a form. InvalidPolicyDocument.
  [[nodiscard]] static Expected<PostPolicy> parse(std::string_view base64);
  // Whether every field (names in lower case, "bucket" among them) is met by a condition, and every condition by its
  // field. AccessDenied.
  [[nodiscard]] Done check(const http::Headers& fields, WallTime now) const;
  [[nodiscard]] Done check_size(std::uint64_t size_bytes) const;         // at the end: EntityTooSmall, EntityTooLarge
  [[nodiscard]] Done check_size_so_far(std::uint64_t size_bytes) const;  // EntityTooLarge
};

}  // namespace duskline::gateway
