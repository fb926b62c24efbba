// What listings are asked for, and how they give it: limits, markers, tokens, encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/error.h"
#include "gateway/request.h"

namespace duskline::gateway {

inline constexpr std::uint32_t max_listed = 1000;

struct NumberBounds {
  std::uint32_t least = 0, most = max_listed, by_default = max_listed;  // above `most` counts as `most`
};
// InvalidArgument where it is no number, or below the least.
[[nodiscard]] Expected<std::uint32_t> number_parameter(const Request& request, std::string_view name,
                                                       NumberBounds bounds);

// Empty where the parameter is missing.
[[nodiscard]] std::string text_parameter(const Request& request, std::string_view name);

// Names in the listing's own encoding: percent-encoded where encoding-type=url was asked for.
class NameEncoding {
 public:
  // InvalidArgument for any other encoding-type.
  static Expected<NameEncoding> of(const Request& request);
  [[nodiscard]] std::string operator()(const std::string& name) const;
  [[nodiscard]] bool url() const { return url_; }

 private:
  bool url_ = false;
};

// A continuation token: opaque to clients.
[[nodiscard]] std::string make_token(std::string_view name);
[[nodiscard]] Expected<std::string> read_token(const std::string& token);

}  // namespace duskline::gateway
