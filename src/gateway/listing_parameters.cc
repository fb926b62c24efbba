#include "gateway/listing_parameters.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "s3/uri.h"

namespace duskline::gateway {

Expected<std::uint32_t> number_parameter(const Request& request, std::string_view name, NumberBounds bounds) {
  const std::string* const text = request.parameter(name);
  if (text == nullptr || text->empty()) return bounds.by_default;
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failed != std::errc{} || end != text->data() + text->size() || value > INT32_MAX) {
    return invalid_argument("Provided " + std::string(name) + " not an integer or within integer range",
                            std::string(name), *text);
  }
  if (value < bounds.least) {
    return invalid_argument("Argument " + std::string(name) + " must be an integer between " +
                                std::to_string(bounds.least) + " and 2147483647",
                            std::string(name), *text);
  }
  return static_cast<std::uint32_t>(std::min<std::int64_t>(value, bounds.most));
}

std::string text_parameter(const Request& request, std::string_view name) {
  const std::string* const text = request.parameter(name);
  return text == nullptr ? std::string() : *text;
}

Expected<NameEncoding> NameEncoding::of(const Request& request) {
  NameEncoding encoding;
  const std::string* const type = request.parameter("encoding-type");
  if (type == nullptr) return encoding;
  if (*type != "url") {
    return invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", *type);
  }
  encoding.url_ = true;
  return encoding;
}

std::string NameEncoding::operator()(const std::string& name) const {
  return url_ ? s3::uri_encode(name, s3::Slash::keep) : name;
}

std::string make_token(std::string_view name) { return to_base64(bytes_of("1" + std::string(name))); }

Expected<std::string> read_token(const std::string& token) {
  const auto bytes = from_base64(token);
  if (!bytes || bytes->empty() || bytes->front() != '1') {
    return invalid_argument("The continuation token provided is incorrect", "continuation-token", token);
  }
  return std::string(text_of(*bytes).substr(1));
}

}  // namespace duskline::gateway
