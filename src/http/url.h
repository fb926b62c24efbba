// The parts of an absolute http or https URL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace duskline::http {

struct Url {
  std::string scheme;      // "http" or "https"
  std::string host;        // lower case; an IPv6 address keeps its brackets
  std::uint16_t port = 0;  // 0: the scheme's own
  std::string path;        // as it stands in the URL; may be empty
  std::string query;       // without '?'
  // As in the Host header: "host", or "host:port" where the port is not the scheme's own.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string origin() const { return scheme + "://" + authority(); }
};

// Code::usage for anything but http and https, for user names, passwords and fragments, and for characters that do not
// belong in a URL.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

// The URL as it may be shown: no user, password, query or fragment, control characters escaped.
[[nodiscard]] std::string loggable_url(std::string_view url);

}  // namespace duskline::http
