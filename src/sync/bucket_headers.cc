#include "sync/bucket_headers.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/hash.h"
#include "base/units.h"
#include "http/date.h"
#include "sync/md5_lanes.h"
#include "sync/names.h"

namespace duskline::sync {
namespace {

constexpr std::string_view mtime_header = "x-amz-meta-mtime", metadata_prefix = "x-amz-meta-";
constexpr std::size_t max_etag_bytes = 1024, max_metadata_bytes = 8 << 10;
constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::size_t ns_digits = 9;

// Headers that describe content and go with it from bucket to bucket.
constexpr std::array kept_headers = {
    std::string_view("cache-control"),    std::string_view("content-disposition"), std::string_view("content-encoding"),
    std::string_view("content-language"), std::string_view("content-type"),        std::string_view("expires"),
};

bool is_md5_etag(const http::Response& response, std::string_view etag, EtagKind kind) {
  const std::string* const encryption = response.header("x-amz-server-side-encryption");
  const bool by_user_key = (encryption != nullptr && encryption->starts_with("aws:kms")) ||
                           response.header("x-amz-server-side-encryption-customer-algorithm") != nullptr;
  const bool by_service_key = encryption != nullptr && kind == EtagKind::md5_if_unencrypted;
  return form_of(etag).is_md5 && kind != EtagKind::opaque && !by_user_key && !by_service_key;
}

}  // namespace

std::string mtime_text(std::int64_t mtime_ns) {
  const bool negative = mtime_ns < 0;
  const std::uint64_t all = negative ? 0 - static_cast<std::uint64_t>(mtime_ns) : static_cast<std::uint64_t>(mtime_ns);
  std::string fraction = std::to_string(all % ns_per_second);
  fraction.insert(0, ns_digits - fraction.size(), '0');
  return (negative ? "-" : "") + std::to_string(all / ns_per_second) + "." + fraction;
}

std::optional<std::int64_t> parse_mtime(std::string_view text) {
  constexpr std::uint64_t max_seconds = 9'223'372'036;  // what fits into nanoseconds
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  std::string fraction(dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1));
  const auto is_digits = [](std::string_view digits) {
    return digits.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (whole.empty() || whole.size() > 10 || !is_digits(whole) || !is_digits(fraction)) return std::nullopt;
  fraction.resize(ns_digits, '0');
  std::uint64_t seconds = 0, ns = 0;
  std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
  std::from_chars(fraction.data(), fraction.data() + fraction.size(), ns);
  if (seconds >= max_seconds) return std::nullopt;
  const auto all = static_cast<std::int64_t>(seconds * ns_per_second + ns);
  return negative ? -all : all;
}

s3::Pairs headers_of(const Attributes& attributes, std::string_view path) {
  s3::Pairs headers = attributes.headers;
  if (std::ranges::find(headers, "content-type", &std::pair<std::string, std::string>::first) == headers.end()) {
    headers.emplace_back("content-type", path.ends_with('/') ? "application/x-directory" : content_type_of(path));
  }
  if (attributes.mtime_ns) headers.emplace_back(mtime_header, mtime_text(*attributes.mtime_ns));
  return headers;
}

Result<Version> version_of(const http::Response& response, EtagKind kind) {
  const std::string* const etag = response.header("etag");
  if (etag == nullptr || etag->empty() || etag->size() > max_etag_bytes) {
    return Error{Code::unsupported, "the endpoint's answer has no usable ETag; is it an S3 service?"};
  }
  Version version;
  version.stamp.etag = without_quotes(*etag);
  version.stamp.size_bytes = response.content_length().value_or(0);
  if (const std::string* modified = response.header("last-modified"); modified != nullptr) {
    const auto time = http::parse_http_date(*modified);
    if (time) version.stamp.modified_ns = time->time_since_epoch().count();
  }
  version.has_md5_etag = is_md5_etag(response, version.stamp.etag, kind);
  std::size_t metadata_bytes = 0;
  for (const auto& [name, value] : response.headers) {
    const bool is_metadata = name.starts_with(metadata_prefix);
    const bool is_kept = is_metadata || std::ranges::find(kept_headers, name) != kept_headers.end();
    if (name == mtime_header) {
      version.attributes.mtime_ns = parse_mtime(value);
    } else if (name == part_bytes_header) {
      std::from_chars(value.data(), value.data() + value.size(), version.part_bytes);
    } else if (is_kept && value != "aws-chunked") {
      metadata_bytes += name.size() + value.size();
      version.attributes.headers.emplace_back(name, value);
    }
  }
  if (metadata_bytes > max_metadata_bytes)
    return Error{Code::invalid, "the object's metadata is larger than S3 allows"};
  return version;
}

BodyCheck body_check_of(const http::Response& response, const Version& version) {
  BodyCheck check;
  constexpr std::size_t sha256_base64_bytes = 44;  // one of parts goes on with "-N"
  const std::string* const sha256 = response.header("x-amz-checksum-sha256");
  if (sha256 != nullptr && sha256->size() == sha256_base64_bytes) check.sha256_base64 = *sha256;
  if (version.has_md5_etag && form_of(version.stamp.etag).parts == 0) check.md5_hex = version.stamp.etag;
  return check;
}

Status check_body(const BodyCheck& check, ByteView body, std::string_view what) {
  const auto differs = [&](const std::string& from) {
    return Error{Code::corrupt, "what arrived of " + printable(what) + " is not what its " + from +
                                    " promises: it was spoiled on the way, or lies spoiled in the bucket"};
  };
  if (!check.sha256_base64.empty()) {
    return to_base64(sha256(body).bytes) == check.sha256_base64 ? Status() : differs("SHA-256 checksum");
  }
  if (check.md5_hex.empty() || to_hex(md5_of_bytes(body)) == check.md5_hex) return {};
  Error error = differs("ETag");
  error.message += " (or this service makes its ETags otherwise than by MD5: say --opaque-etags)";
  return error;
}

}  // namespace duskline::sync
