#include "gateway/cors.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "gateway/hooks.h"
#include "gateway/last_parsed.h"
#include "gateway/properties.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::array<std::string_view, 5> known_methods = {"GET", "PUT", "POST", "DELETE", "HEAD"};
constexpr std::size_t max_id = 255;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

bool matches(std::string_view pattern, std::string_view text) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  return text.size() >= before.size() + after.size() && text.starts_with(before) && text.ends_with(after);
}

std::vector<std::string> texts(const XmlNode& rule, std::string_view name) {
  std::vector<std::string> found;
  for (const XmlNode& node : rule.children(name)) found.push_back(node.text());
  return found;
}

Done check_wildcards(const std::vector<std::string>& patterns, std::string_view name) {
  for (const std::string& pattern : patterns) {
    if (std::count(pattern.begin(), pattern.end(), '*') > 1) {
      return S3Error(ErrorCode::invalid_request,
                     std::string(name) + " \"" + pattern + "\" can not have more than one wildcard.");
    }
  }
  return {};
}

Done check(const CorsRule& rule) {
  if (rule.origins.empty() || rule.methods.empty() || rule.id.size() > max_id) return ErrorCode::malformed_xml;
  for (const std::string& method : rule.methods) {
    if (std::find(known_methods.begin(), known_methods.end(), method) == known_methods.end()) {
      return S3Error(ErrorCode::invalid_request,
                     "Found unsupported HTTP method in CORS config. Unsupported method is " + method);
    }
  }
  DL_TRY(check_wildcards(rule.origins, "AllowedOrigin"));
  DL_TRY(check_wildcards(rule.headers, "AllowedHeader"));
  for (const std::string& exposed : rule.exposed) {
    if (exposed.find('*') != std::string::npos) {
      return S3Error(
          ErrorCode::invalid_request,
          "ExposeHeader \"" + exposed + "\" contains wildcard. We currently do not support wildcard for ExposeHeader.");
    }
  }
  return {};
}

// What goes into headers of answers must not break out of them.
bool is_clean(const std::vector<std::string>& values) {
  return std::all_of(values.begin(), values.end(), [](const std::string& value) {
    return std::none_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  });
}

Expected<CorsRule> parse_rule(const XmlNode& node) {
  CorsRule rule;
  rule.id = node.text_of("ID").value_or("");
  rule.origins = texts(node, "AllowedOrigin");
  rule.methods = texts(node, "AllowedMethod");
  rule.headers = texts(node, "AllowedHeader");
  rule.exposed = texts(node, "ExposeHeader");
  if (const auto age = node.text_of("MaxAgeSeconds")) {
    std::uint32_t seconds = 0;
    const auto [end, failed] = std::from_chars(age->data(), age->data() + age->size(), seconds);
    if (failed != std::errc{} || end != age->data() + age->size()) return ErrorCode::malformed_xml;
    rule.max_age_seconds = seconds;
  }
  if (!is_clean(rule.origins) || !is_clean(rule.exposed) || !is_clean(rule.headers)) return ErrorCode::malformed_xml;
  DL_TRY(check(rule));
  return rule;
}

bool allows_headers(const CorsRule& rule, const std::vector<std::string>& headers) {
  return std::all_of(headers.begin(), headers.end(), [&](const std::string& header) {
    return std::any_of(rule.headers.begin(), rule.headers.end(),
                       [&](const std::string& pattern) { return matches(lower(pattern), header); });
  });
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text.append(text.empty() ? "" : ", ").append(value);
  return text;
}

http::Headers headers_of(const CorsRule& rule, const CorsRequest& request, std::string_view pattern) {
  http::Headers headers;
  const bool anybody = pattern == "*";
  headers.emplace_back("access-control-allow-origin", anybody ? "*" : std::string(request.origin));
  if (!request.headers.empty()) headers.emplace_back("access-control-allow-headers", joined(request.headers));
  headers.emplace_back("access-control-allow-methods", joined(rule.methods));
  if (!rule.exposed.empty()) headers.emplace_back("access-control-expose-headers", joined(rule.exposed));
  if (rule.max_age_seconds) headers.emplace_back("access-control-max-age", std::to_string(*rule.max_age_seconds));
  if (!anybody) headers.emplace_back("access-control-allow-credentials", "true");
  headers.emplace_back("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
  return headers;
}

}  // namespace

Expected<CorsRules> parse_cors(std::string_view xml) {
  if (xml.size() > max_cors_bytes) return ErrorCode::malformed_xml;
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "CORSConfiguration"));
  CorsRules rules;
  for (const XmlNode& node : document.root().children()) {
    if (node.name() != "CORSRule" || rules.size() == max_cors_rules) return ErrorCode::malformed_xml;
    DL_ASSIGN(CorsRule rule, parse_rule(node));
    rules.push_back(std::move(rule));
  }
  if (rules.empty()) return ErrorCode::malformed_xml;
  return rules;
}

std::string cors_document(const CorsRules& rules) {
  XmlWriter xml;
  xml.root("CORSConfiguration");
  for (const CorsRule& rule : rules) {
    xml.open("CORSRule");
    if (!rule.id.empty()) xml.text("ID", rule.id);
    for (const std::string& header : rule.headers) xml.text("AllowedHeader", header);
    for (const std::string& method : rule.methods) xml.text("AllowedMethod", method);
    for (const std::string& origin : rule.origins) xml.text("AllowedOrigin", origin);
    for (const std::string& header : rule.exposed) xml.text("ExposeHeader", header);
    if (rule.max_age_seconds) xml.number("MaxAgeSeconds", *rule.max_age_seconds);
    xml.close();
  }
  return xml.take();
}

http::Headers cors_headers(const CorsRules& rules, const CorsRequest& request) {
  for (const CorsRule& rule : rules) {
    const auto origin = std::find_if(rule.origins.begin(), rule.origins.end(),
                                     [&](const std::string& pattern) { return matches(pattern, request.origin); });
    const bool method = std::find(rule.methods.begin(), rule.methods.end(), request.method) != rule.methods.end();
    if (origin == rule.origins.end() || !method || !allows_headers(rule, request.headers)) continue;
    return headers_of(rule, request, *origin);
  }
  return {};
}

std::vector<std::string> header_list(std::string_view text) {
  std::vector<std::string> names;
  for (;;) {
    const auto end = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!name.empty()) names.push_back(lower(name));
    if (end == text.size()) return names;
    text.remove_prefix(end + 1);
  }
}

void give_cors(const Request& request, const objects::Bucket& bucket, http::Headers& headers) {
  thread_local LastParsed<CorsRules> last;
  const std::string* const origin = request.header("origin");
  const std::string* const stored = find(bucket.properties, property::cors);
  if (origin == nullptr || stored == nullptr) return;
  const CorsRules* const rules = last.get(*stored, parse_cors);
  if (rules == nullptr) return;  // was parsed before it was stored
  // A request that says which method it is about is judged by that, as a preflight is.
  const std::string* const asked = request.header("access-control-request-method");
  const std::string& method = asked == nullptr || request.method() == "OPTIONS" ? request.method() : *asked;
  for (auto& header : cors_headers(*rules, {*origin, method, {}})) headers.push_back(std::move(header));
}

}  // namespace duskline::gateway
