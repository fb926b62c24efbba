// Percent-encoding as AWS signatures demand it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace duskline::s3 {

enum class Slash : std::uint8_t { keep, encode };
// Every byte but A-Z a-z 0-9 - . _ ~ (and '/', where kept) becomes %XX in upper case.
[[nodiscard]] std::string uri_encode(std::string_view text, Slash slash);
// Nothing where a '%' is not followed by two hex digits. '+' stays as it is.
[[nodiscard]] std::optional<std::string> uri_decode(std::string_view text);

}  // namespace duskline::s3
