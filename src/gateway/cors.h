// Cross-origin rules of buckets: which web pages may read what a browser gets from here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/error.h"
#include "http/server.h"

namespace duskline::gateway {

struct CorsRule {
  std::string id;
  std::vector<std::string> origins, headers;  // with at most one '*' each
  std::vector<std::string> methods, exposed;
  std::optional<std::uint32_t> max_age_seconds;
  bool operator==(const CorsRule&) const = default;
};
using CorsRules = std::vector<CorsRule>;
inline constexpr std::size_t max_cors_rules = 100, max_cors_bytes = 64 << 10;

// CORSConfiguration. MalformedXML, InvalidRequest.
[[nodiscard]] Expected<CorsRules> parse_cors(std::string_view xml);
[[nodiscard]] std::string cors_document(const CorsRules& rules);

struct CorsRequest {
  std::string_view origin, method;
  std::vector<std::string> headers;  // that the page wants to send, in lower case
};
// The headers that the first rule that fits gives; empty where none fits.
[[nodiscard]] http::Headers cors_headers(const CorsRules& rules, const CorsRequest& request);
// "Content-Type, X-Amz-Date" in lower case.
[[nodiscard]] std::vector<std::string> header_list(std::string_view text);

}  // namespace duskline::gateway
