#include "s3/sigv4_check.h"

#include <algorithm>
#include <charconv>

#include "s3/uri.h"

namespace duskline::s3 {
namespace {

constexpr auto max_skew = std::chrono::minutes(15);
constexpr std::chrono::seconds longest_lifetime = std::chrono::days(7);
constexpr std::size_t max_parameters = 256;

std::string value_of(const Pairs& pairs, std::string_view name) {
  const auto found = std::find_if(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first == name; });
  return found == pairs.end() ? std::string() : found->second;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

// "AKID/20130524/us-east-1/s3/aws4_request"; the access key may hold slashes itself.
bool parse_credential(std::string_view text, Claim& claim) {
  const auto parts = split(text, '/');
  if (parts.size() < 5 || parts.back() != "aws4_request") return false;
  const std::size_t n = parts.size();
  claim.scope = {std::string(parts[n - 4]), std::string(parts[n - 3]), std::string(parts[n - 2])};
  const std::string scope = "/" + claim.scope.text();
  claim.access_key = text.substr(0, text.size() - scope.size());
  return !claim.access_key.empty();
}

std::optional<Claim> header_claim(const ReceivedRequest& request, std::string_view authorization) {
  if (!authorization.starts_with(signing_algorithm)) return std::nullopt;
  authorization.remove_prefix(signing_algorithm.size());
  Claim claim;
  bool has_credential = false;
  for (std::string_view field : split(authorization, ',')) {
    while (field.starts_with(' ')) field.remove_prefix(1);
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view value = field.substr(equals + 1);
    const std::string_view name = field.substr(0, equals);
    if (name == "Credential") has_credential = parse_credential(value, claim);
    if (name == "SignedHeaders") claim.signed_headers = value;
    if (name == "Signature") claim.signature = value;
  }
  if (!has_credential) return std::nullopt;
  claim.date = value_of(request.headers, "x-amz-date");
  claim.payload = value_of(request.headers, "x-amz-content-sha256");
  claim.session_token = value_of(request.headers, "x-amz-security-token");
  return claim;
}

std::optional<Claim> query_claim(const ReceivedRequest& request) {
  Claim claim;
  if (value_of(request.query, "X-Amz-Algorithm") != signing_algorithm) return std::nullopt;
  if (!parse_credential(value_of(request.query, "X-Amz-Credential"), claim)) return std::nullopt;
  claim.date = value_of(request.query, "X-Amz-Date");
  claim.signed_headers = value_of(request.query, "X-Amz-SignedHeaders");
  claim.signature = value_of(request.query, "X-Amz-Signature");
  claim.session_token = value_of(request.query, "X-Amz-Security-Token");
  claim.payload = unsigned_payload;
  const std::string lifetime = value_of(request.query, "X-Amz-Expires");
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(lifetime.data(), lifetime.data() + lifetime.size(), seconds);
  if (failed != std::errc{} || end != lifetime.data() + lifetime.size()) return std::nullopt;
  if (seconds < 1 || seconds > longest_lifetime.count()) return std::nullopt;
  claim.expires = std::chrono::seconds(seconds);
  return claim;
}

bool covers_enough(const std::vector<std::string_view>& names, const ReceivedRequest& request) {
  const auto is_signed = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!is_signed("host")) return false;
  return std::all_of(request.headers.begin(), request.headers.end(), [&](const auto& header) {
    return !header.first.starts_with("x-amz-") || is_signed(header.first);
  });
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace

std::optional<Pairs> parse_query(std::string_view query) {
  Pairs pairs;
  if (query.empty()) return pairs;
  for (const std::string_view part : split(query, '&')) {
    if (part.empty()) continue;
    const auto equals = std::min(part.find('='), part.size());
    auto name = uri_decode(part.substr(0, equals));
    auto value = uri_decode(part.substr(std::min(equals + 1, part.size())));
    if (!name || !value || pairs.size() == max_parameters) return std::nullopt;
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return pairs;
}

std::optional<Claim> parse_claim(const ReceivedRequest& request) {
  const std::string authorization = value_of(request.headers, "authorization");
  auto claim = authorization.empty() ? query_claim(request) : header_claim(request, authorization);
  if (!claim) return std::nullopt;
  const auto time = parse_amz_date(claim->date);
  if (!time || claim->scope.date != std::string_view(claim->date).substr(0, 8)) return std::nullopt;
  claim->time = *time;
  return claim;
}

Verdict check_claim(const Claim& claim, const ReceivedRequest& request, std::string_view secret_key, WallTime now) {
  const auto names = split(claim.signed_headers, ';');
  if (!covers_enough(names, request)) return Verdict::wrong;
  SignedParts parts{request.method, request.path, {}, {}, claim.payload};
  for (const auto& pair : request.query) {
    if (pair.first != "X-Amz-Signature") parts.query.push_back(pair);
  }
  for (const auto& header : request.headers) {
    if (std::find(names.begin(), names.end(), header.first) != names.end()) parts.headers.push_back(header);
  }
  const std::string text = string_to_sign(claim.date, claim.scope, canonical_request(parts));
  if (!equal_in_constant_time(signature(signing_key(secret_key, claim.scope), text), claim.signature)) {
    return Verdict::wrong;
  }
  if (claim.time - now > max_skew) return Verdict::skewed;
  if (claim.expires) return now > claim.time + *claim.expires ? Verdict::expired : Verdict::valid;
  return now - claim.time > max_skew ? Verdict::skewed : Verdict::valid;
}

}  // namespace duskline::s3
