#include "gateway/signature.h"

#include <algorithm>
#include <charconv>

#include "gateway/authenticate.h"
#include "gateway/digests.h"
#include "http/date.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

constexpr std::chrono::seconds longest_lifetime = std::chrono::days(7);

S3Error malformed_header(std::string_view why) {
  return {ErrorCode::authorization_header_malformed,
          "The authorization header is malformed; " + std::string(why) + "."};
}
S3Error malformed_query(std::string message) {
  return {ErrorCode::authorization_query_parameters_error, std::move(message)};
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

std::string_view without_spaces(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Done take_credential(std::string_view text, SignatureClaim& claim) {
  auto credential = parse_credential(text);
  const bool header = claim.where == SignedBy::header;
  if (!credential) {
    const std::string why =
        "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"";
    return header ? malformed_header(why)
                  : malformed_query("Error parsing the X-Amz-Credential parameter; " + why + ".");
  }
  if (credential->scope.service != "s3") {
    const std::string why = "incorrect service \"" + credential->scope.service + "\". This endpoint belongs to \"s3\"";
    return header ? malformed_header(why)
                  : malformed_query("Error parsing the X-Amz-Credential parameter; " + why + ".");
  }
  claim.access_key = std::move(credential->access_key);
  claim.scope = std::move(credential->scope);
  return {};
}

// A date of the right form that no clock shows.
bool has_form_of_amz_date(std::string_view text) {
  constexpr std::size_t length = 16;  // "20130524T000000Z"
  if (text.size() != length || text[8] != 'T' || text.back() != 'Z') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || c == 'T' || c == 'Z'; });
}

// From x-amz-date, or else Date.
Done take_header_date(const Request& request, SignatureClaim& claim) {
  std::optional<WallTime> time;
  if (const std::string* const date = request.header("x-amz-date")) {
    time = s3::parse_amz_date(*date);
    if (!time) time = http::parse_http_date(*date);
    if (!time && has_form_of_amz_date(*date)) return ErrorCode::request_time_too_skewed;
  } else if (const std::string* const plain = request.header("date")) {
    time = http::parse_http_date(*plain);
    if (!time) time = s3::parse_amz_date(*plain);
  }
  if (!time) {
    return S3Error(ErrorCode::access_denied, "AWS authentication requires a valid Date or x-amz-date header");
  }
  claim.time = *time;
  claim.date = s3::amz_date(*time);
  // A clock that is wrong is what its owner must hear of, rather than all that follows from it.
  DL_TRY(check_time(claim, request.now));
  if (!claim.date.starts_with(claim.scope.date)) {
    return malformed_header("Invalid credential date \"" + claim.scope.date + "\". This date is not the same as " +
                            "X-Amz-Date: \"" + claim.date.substr(0, 8) + "\"");
  }
  return {};
}

Expected<SignatureClaim> read_header(const Request& request, std::string_view authorization) {
  if (!authorization.starts_with(s3::signing_algorithm)) {
    if (authorization.starts_with("AWS4-")) return ErrorCode::unsupported_signature;
    return invalid_argument("Unsupported Authorization Type", "Authorization", std::string(authorization));
  }
  SignatureClaim claim;
  std::string_view credential;
  for (std::string_view field : split(authorization.substr(s3::signing_algorithm.size()), ',')) {
    field = without_spaces(field);
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = field.substr(0, equals), value = field.substr(equals + 1);
    if (name == "Credential") credential = value;
    if (name == "SignedHeaders") claim.signed_headers = value;
    if (name == "Signature") claim.signature = value;
  }
  if (credential.empty())
    return malformed_header(
        "the authorization header requires three components: Credential, SignedHeaders, and Signature");
  DL_TRY(take_credential(credential, claim));
  if (claim.signed_headers.empty() || claim.signature.empty()) {
    return malformed_header(
        "the authorization header requires three components: Credential, SignedHeaders, and Signature");
  }
  DL_TRY(take_header_date(request, claim));
  const std::string* const payload = request.header("x-amz-content-sha256");
  if (payload == nullptr) {
    return S3Error(ErrorCode::invalid_request, "Missing required header for this request: x-amz-content-sha256");
  }
  claim.payload = *payload;
  return claim;
}

Expected<std::chrono::seconds> read_lifetime(const std::string& text) {
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failed != std::errc{} || end != text.data() + text.size()) {
    return malformed_query("X-Amz-Expires should be a number");
  }
  if (seconds < 0) return malformed_query("X-Amz-Expires must be non-negative");
  if (seconds > longest_lifetime.count()) {
    return malformed_query(
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must "
        "be less than 604800 seconds");
  }
  return std::chrono::seconds(seconds);
}

Expected<SignatureClaim> read_query(const Request& request, const std::string& algorithm) {
  if (algorithm != s3::signing_algorithm) {
    return malformed_query("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"");
  }
  SignatureClaim claim;
  claim.where = SignedBy::query;
  const std::string* const credential = request.parameter("X-Amz-Credential");
  const std::string* const date = request.parameter("X-Amz-Date");
  const std::string* const expires = request.parameter("X-Amz-Expires");
  const std::string* const headers = request.parameter("X-Amz-SignedHeaders");
  const std::string* const signature = request.parameter("X-Amz-Signature");
  if (credential == nullptr || date == nullptr || expires == nullptr || headers == nullptr || signature == nullptr) {
    return malformed_query(
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
        "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
  }
  DL_TRY(take_credential(*credential, claim));
  const auto time = s3::parse_amz_date(*date);
  if (!time) {
    return malformed_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  claim.time = *time;
  claim.date = *date;
  if (!claim.date.starts_with(claim.scope.date)) {
    return malformed_query("Invalid credential date \"" + claim.scope.date +
                           "\". This date is not the same as X-Amz-Date.");
  }
  DL_ASSIGN(claim.expires, read_lifetime(*expires));
  claim.signed_headers = *headers;
  claim.signature = *signature;
  claim.payload = s3::unsigned_payload;
  if (const std::string* const payload = request.header("x-amz-content-sha256")) {
    claim.payload = *payload;
  } else if (const std::string* const asked = request.parameter("X-Amz-Content-Sha256")) {
    claim.payload = *asked;
  }
  return claim;
}

bool is_signed(std::string_view signed_headers, std::string_view name) {
  for (;;) {
    const auto end = std::min(signed_headers.find(';'), signed_headers.size());
    if (signed_headers.substr(0, end) == name) return true;
    if (end == signed_headers.size()) return false;
    signed_headers.remove_prefix(end + 1);
  }
}

// Spaces inside become single ones.
void append_squeezed(std::string& out, std::string_view text) {
  bool space = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) out += c;
    if (blank && !space) out += ' ';
    space = blank;
  }
}

void append_headers(std::string& out, const SignatureClaim& claim, const http::Headers& headers) {
  auto names = split(claim.signed_headers, ';');
  if (!std::is_sorted(names.begin(), names.end())) std::sort(names.begin(), names.end());
  for (const std::string_view name : names) {
    out.append(name).append(":");
    bool first = true;
    for (const auto& [header, value] : headers) {
      if (header != name) continue;
      if (!first) out += ',';
      first = false;
      append_squeezed(out, value);
    }
    out += '\n';
  }
  out += '\n';
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += ';';
    out += names[i];
  }
}

std::string_view sent_path(const Request& request) {
  const std::string_view target = request.head->target;
  return target.substr(0, target.find('?'));
}

void append_path(std::string& out, const Request& request, PathForm form) {
  if (form == PathForm::as_sent) {
    out += sent_path(request);
    return;
  }
  out += '/';
  if (!request.virtual_host) {
    out += s3::uri_encode(request.bucket, s3::Slash::encode);
    // "/bucket/" and "/bucket" are signed as they were sent.
    if (!request.key.empty() || sent_path(request).find('/', 1) != std::string_view::npos) out += '/';
  }
  out += s3::uri_encode(request.key, s3::Slash::keep);
}

void append_query(std::string& out, const s3::Pairs& query) {
  if (query.empty()) return;
  const auto is_signature = [](const auto& pair) { return pair.first == "X-Amz-Signature"; };
  if (std::none_of(query.begin(), query.end(), is_signature)) {
    out += s3::canonical_query(query);
    return;
  }
  s3::Pairs covered;
  std::remove_copy_if(query.begin(), query.end(), std::back_inserter(covered), is_signature);
  out += s3::canonical_query(covered);
}

}  // namespace

std::optional<Credential> parse_credential(std::string_view text) {
  constexpr std::string_view end = "/aws4_request";
  if (!text.ends_with(end)) return std::nullopt;
  const auto parts = split(text.substr(0, text.size() - end.size()), '/');
  const std::size_t n = parts.size();
  if (n < 4 || parts[n - 3].size() != 8) return std::nullopt;
  Credential credential;
  credential.scope = {std::string(parts[n - 3]), std::string(parts[n - 2]), std::string(parts[n - 1])};
  // The access key may hold slashes itself.
  const std::size_t rest = parts[n - 3].size() + parts[n - 2].size() + parts[n - 1].size() + 3 + end.size();
  credential.access_key = text.substr(0, text.size() - rest);
  if (credential.access_key.empty()) return std::nullopt;
  return credential;
}

Expected<std::optional<SignatureClaim>> read_claim(const Request& request) {
  const std::string* const authorization = request.header("authorization");
  const std::string* const algorithm = request.parameter("X-Amz-Algorithm");
  const bool by_header = authorization != nullptr && !authorization->empty();
  const bool by_old_query = request.parameter("Signature") != nullptr && request.parameter("AWSAccessKeyId") != nullptr;
  if (by_header && (algorithm != nullptr || by_old_query)) {
    return invalid_argument(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter "
        "or "
        "the Authorization header should be specified",
        "Authorization", *authorization);
  }
  if (!by_header && algorithm == nullptr) {
    if (request.parameter("X-Amz-Signature") != nullptr) return read_query(request, {}).error();
    return std::optional<SignatureClaim>();
  }
  DL_ASSIGN(auto claim, by_header ? read_header(request, *authorization) : read_query(request, *algorithm));
  return std::optional(std::move(claim));
}

Done check_coverage(const SignatureClaim& claim, const Request& request) {
  std::string missing;
  const auto need = [&](std::string_view name) {
    if (is_signed(claim.signed_headers, name)) return;
    if (!missing.empty()) missing += ", ";
    missing += name;
  };
  need("host");
  for (const auto& [name, value] : request.head->headers) {
    // In the query, the hash of the body may be told apart.
    if (name.starts_with("x-amz-") && name != "x-amz-content-sha256") need(name);
  }
  if (missing.empty()) return {};
  return S3Error(ErrorCode::access_denied, "There were headers present in the request which were not signed")
      .with("HeadersNotSigned", missing);
}

Done check_time(const SignatureClaim& claim, WallTime now) {
  const auto zone_time = [](WallTime time) { return format_time(std::chrono::floor<std::chrono::seconds>(time)); };
  if (claim.expires) {
    if (claim.time - now > max_skew) return S3Error(ErrorCode::access_denied, "Request is not yet valid");
    if (now <= claim.time + *claim.expires) return {};
    return S3Error(ErrorCode::request_expired)
        .with("X-Amz-Expires", std::to_string(claim.expires->count()))
        .with("Expires", zone_time(claim.time + *claim.expires))
        .with("ServerTime", zone_time(now));
  }
  if (claim.time - now <= max_skew && now - claim.time <= max_skew) return {};
  return S3Error(ErrorCode::request_time_too_skewed)
      .with("RequestTime", claim.date)
      .with("ServerTime", zone_time(now))
      .with("MaxAllowedSkewMilliseconds",
            std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(max_skew).count()));
}

std::string canonical_request(const SignatureClaim& claim, const Request& request, PathForm path) {
  std::string text;
  text.reserve(1024);
  text.append(request.method()).append("\n");
  append_path(text, request, path);
  text += '\n';
  append_query(text, request.query);
  text += '\n';
  append_headers(text, claim, request.head->headers);
  text.append("\n").append(claim.payload);
  return text;
}

}  // namespace duskline::gateway
