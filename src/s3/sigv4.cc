#include "s3/sigv4.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "s3/uri.h"

namespace duskline::s3 {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

// Without spaces at the ends, and with single ones inside.
std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t';
    if (space && (out.empty() || out.back() == ' ')) continue;
    out += space ? ' ' : c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// By lower-case name; values of one name joined by commas in the order given.
std::map<std::string, std::string> canonical_headers(const Pairs& headers) {
  std::map<std::string, std::string> by_name;
  for (const auto& [name, value] : headers) {
    const auto [entry, is_new] = by_name.emplace(lower(name), squeezed(value));
    if (!is_new) entry->second += "," + squeezed(value);
  }
  return by_name;
}

Hash256 hmac(const Hash256& key, std::string_view message) { return hmac_sha256(key.bytes, bytes_of(message)); }

}  // namespace

std::string Scope::text() const { return date + "/" + region + "/" + service + "/aws4_request"; }

std::string amz_date(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::optional<WallTime> parse_amz_date(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  std::string iso;  // "2013-05-24T00:00:00Z"
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 4 || i == 6) iso += '-';
    if (i == 11 || i == 13) iso += ':';
    iso += text[i];
  }
  return parse_time(iso);
}

std::string canonical_query(const Pairs& query) {
  Pairs encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) {
    encoded.emplace_back(uri_encode(name, Slash::encode), uri_encode(value, Slash::encode));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

std::string signed_header_names(const Pairs& headers) {
  std::string out;
  for (const auto& [name, value] : canonical_headers(headers)) {
    if (!out.empty()) out += ';';
    out += name;
  }
  return out;
}

std::string canonical_request(const SignedParts& parts) {
  std::string out = parts.method + "\n" + (parts.path.empty() ? "/" : parts.path) + "\n";
  out += canonical_query(parts.query) + "\n";
  for (const auto& [name, value] : canonical_headers(parts.headers)) out.append(name).append(":").append(value) += '\n';
  out += "\n" + signed_header_names(parts.headers) + "\n" + parts.payload;
  return out;
}

std::string string_to_sign(std::string_view amz_date, const Scope& scope, std::string_view canonical) {
  std::string out(signing_algorithm);
  out.append("\n").append(amz_date).append("\n").append(scope.text()).append("\n").append(sha256(canonical).hex());
  return out;
}

Hash256 signing_key(std::string_view secret_key, const Scope& scope) {
  const std::string secret = "AWS4" + std::string(secret_key);
  const Hash256 date_key = hmac_sha256(bytes_of(secret), bytes_of(scope.date));
  return hmac(hmac(hmac(date_key, scope.region), scope.service), "aws4_request");
}

std::string signature(const Hash256& key, std::string_view string_to_sign) { return hmac(key, string_to_sign).hex(); }

Hash256 SigningKeys::get(std::string_view secret_key, const Scope& scope) {
  const std::string wanted = std::string(secret_key) + "\n" + scope.text();
  const std::lock_guard lock(mutex_);
  if (cached_for_ != wanted) {
    key_ = signing_key(secret_key, scope);
    cached_for_ = wanted;
  }
  return key_;
}

Pairs sign_headers(const SignedParts& parts, const SigningContext& context, SigningKeys& keys) {
  const std::string date = amz_date(context.time);
  const Scope scope{date.substr(0, 8), context.region, context.service};
  Pairs added{{"x-amz-date", date}, {"x-amz-content-sha256", parts.payload}};
  if (!context.credentials.session_token.empty()) {
    added.emplace_back("x-amz-security-token", context.credentials.session_token);
  }
  SignedParts all = parts;
  all.headers.insert(all.headers.end(), added.begin(), added.end());
  const Hash256 key = keys.get(context.credentials.secret_key, scope);
  std::string authorization(signing_algorithm);
  authorization += " Credential=" + context.credentials.access_key + "/" + scope.text();
  authorization += ", SignedHeaders=" + signed_header_names(all.headers);
  authorization += ", Signature=" + signature(key, string_to_sign(date, scope, canonical_request(all)));
  added.emplace_back("authorization", std::move(authorization));
  return added;
}

std::string presign_query(SignedParts parts, const SigningContext& context, std::chrono::seconds lifetime,
                          SigningKeys& keys) {
  const std::string date = amz_date(context.time);
  const Scope scope{date.substr(0, 8), context.region, context.service};
  parts.query.emplace_back("X-Amz-Algorithm", signing_algorithm);
  parts.query.emplace_back("X-Amz-Credential", context.credentials.access_key + "/" + scope.text());
  parts.query.emplace_back("X-Amz-Date", date);
  parts.query.emplace_back("X-Amz-Expires", std::to_string(lifetime.count()));
  parts.query.emplace_back("X-Amz-SignedHeaders", signed_header_names(parts.headers));
  if (!context.credentials.session_token.empty()) {
    parts.query.emplace_back("X-Amz-Security-Token", context.credentials.session_token);
  }
  parts.payload = unsigned_payload;
  const Hash256 key = keys.get(context.credentials.secret_key, scope);
  const std::string signed_text = string_to_sign(date, scope, canonical_request(parts));
  return canonical_query(parts.query) + "&X-Amz-Signature=" + signature(key, signed_text);
}

}  // namespace duskline::s3
