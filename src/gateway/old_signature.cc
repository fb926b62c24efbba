#include "gateway/old_signature.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "gateway/authenticate.h"
#include "http/date.h"
#include "s3/sigv4.h"

namespace duskline::gateway {
namespace {

// Parameters that are part of what is signed, in order.
constexpr std::array signed_parameters = {"accelerate",
                                          "acl",
                                          "analytics",
                                          "attributes",
                                          "cors",
                                          "delete",
                                          "encryption",
                                          "inventory",
                                          "legal-hold",
                                          "lifecycle",
                                          "location",
                                          "logging",
                                          "metrics",
                                          "notification",
                                          "object-lock",
                                          "ownershipControls",
                                          "partNumber",
                                          "policy",
                                          "policyStatus",
                                          "publicAccessBlock",
                                          "replication",
                                          "requestPayment",
                                          "response-cache-control",
                                          "response-content-disposition",
                                          "response-content-encoding",
                                          "response-content-language",
                                          "response-content-type",
                                          "response-expires",
                                          "restore",
                                          "retention",
                                          "select",
                                          "select-type",
                                          "tagging",
                                          "torrent",
                                          "uploadId",
                                          "uploads",
                                          "versionId",
                                          "versioning",
                                          "versions",
                                          "website"};

std::string header_or_empty(const Request& request, std::string_view name) {
  const std::string* const value = request.header(name);
  return value == nullptr ? std::string() : *value;
}

std::optional<WallTime> any_date(const std::string& text) {
  constexpr std::string_view zone = " +0000";
  if (text.ends_with(zone)) return http::parse_http_date(text.substr(0, text.size() - zone.size()) + " GMT");
  if (const auto time = http::parse_http_date(text)) return time;
  return s3::parse_amz_date(text);
}

Expected<std::optional<OldClaim>> read_header(const Request& request, std::string_view authorization) {
  authorization.remove_prefix(std::string_view("AWS ").size());
  const auto colon = authorization.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return invalid_argument("AWS authorization header is invalid. Expected AwsAccessKeyId:signature", "Authorization",
                            std::string(authorization));
  }
  OldClaim claim;
  claim.access_key = authorization.substr(0, colon);
  claim.signature = authorization.substr(colon + 1);
  const std::string* const amz_date = request.header("x-amz-date");
  if (amz_date == nullptr) claim.date = header_or_empty(request, "date");
  const auto time = any_date(amz_date == nullptr ? claim.date : *amz_date);
  if (!time) {
    return S3Error(ErrorCode::access_denied, "AWS authentication requires a valid Date or x-amz-date header");
  }
  claim.time = *time;
  return std::optional(std::move(claim));
}

Expected<std::optional<OldClaim>> read_query(const Request& request, const std::string& signature) {
  const std::string* const id = request.parameter("AWSAccessKeyId");
  const std::string* const expires = request.parameter("Expires");
  if (id == nullptr || expires == nullptr) {
    return S3Error(ErrorCode::access_denied,
                   "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters");
  }
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(expires->data(), expires->data() + expires->size(), seconds);
  // Beyond, a WallTime of nanoseconds ends.
  constexpr std::int64_t last_second = 9'000'000'000;
  if (failed != std::errc{} || end != expires->data() + expires->size() || seconds < 0 || seconds > last_second) {
    return S3Error(ErrorCode::access_denied, "Invalid date (should be seconds since epoch): " + *expires);
  }
  return std::optional(OldClaim{SignedBy::query, *id, signature, *expires, WallTime(std::chrono::seconds(seconds))});
}

void append_amz_headers(std::string& text, const http::Headers& headers) {
  std::map<std::string_view, std::string> by_name;
  for (const auto& [name, value] : headers) {
    if (!name.starts_with("x-amz-")) continue;
    const auto [entry, is_new] = by_name.emplace(name, value);
    if (!is_new) entry->second += "," + value;
  }
  for (const auto& [name, value] : by_name) text.append(name).append(":").append(value).append("\n");
}

void append_resource(std::string& text, const Request& request) {
  const std::string_view target = request.head->target;
  if (request.virtual_host) text.append("/").append(request.bucket);
  text += target.substr(0, target.find('?'));
  char separator = '?';
  for (const char* const name : signed_parameters) {
    const std::string* const value = request.parameter(name);
    if (value == nullptr) continue;
    text.append(1, separator).append(name);
    if (!value->empty()) text.append("=").append(*value);
    separator = '&';
  }
}

}  // namespace

Expected<std::optional<OldClaim>> read_old_claim(const Request& request) {
  if (const std::string* const authorization = request.header("authorization");
      authorization != nullptr && authorization->starts_with("AWS ")) {
    return read_header(request, *authorization);
  }
  if (request.query.empty()) return std::optional<OldClaim>();
  const std::string* const signature = request.parameter("Signature");
  if (signature == nullptr || request.parameter("AWSAccessKeyId") == nullptr) return std::optional<OldClaim>();
  return read_query(request, *signature);
}

Done check_time(const OldClaim& claim, WallTime now) {
  if (claim.where == SignedBy::query) {
    if (now <= claim.time) return {};
    return S3Error(ErrorCode::request_expired)
        .with("Expires", format_time(claim.time))
        .with("ServerTime", format_time(std::chrono::floor<std::chrono::seconds>(now)));
  }
  if (claim.time - now <= max_skew && now - claim.time <= max_skew) return {};
  return ErrorCode::request_time_too_skewed;
}

std::string old_string_to_sign(const OldClaim& claim, const Request& request) {
  std::string text = request.method() + "\n" + header_or_empty(request, "content-md5") + "\n" +
                     header_or_empty(request, "content-type") + "\n" + claim.date + "\n";
  append_amz_headers(text, request.head->headers);
  append_resource(text, request);
  return text;
}

}  // namespace duskline::gateway
