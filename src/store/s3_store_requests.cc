#include "store/s3_store_requests.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/units.h"
#include "http/date.h"

namespace duskline::store {
namespace {

struct ContentRange {
  std::uint64_t first = 0, last = 0, total = 0;
};

bool take_number(std::string_view& text, std::uint64_t& value) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// "bytes 0-99/1234"
std::optional<ContentRange> parse_content_range(std::string_view text) {
  ContentRange range;
  const bool ok = take(text, "bytes ") && take_number(text, range.first) && take(text, "-") &&
                  take_number(text, range.last) && take(text, "/") && take_number(text, range.total) && text.empty();
  if (!ok || range.first > range.last || range.last >= range.total) return std::nullopt;
  return range;
}

std::string range_text(const ByteRange& range) {
  const std::uint64_t last = range.length_bytes - 1 > UINT64_MAX - range.offset_bytes
                                 ? UINT64_MAX
                                 : range.offset_bytes + range.length_bytes - 1;
  return "bytes=" + std::to_string(range.offset_bytes) + "-" + std::to_string(last);
}

}  // namespace

Result<EncryptionHeaders> encryption_headers(const S3Options& options) {
  EncryptionHeaders headers;
  if (options.encryption.empty()) {
    if (!options.kms_key_id.empty()) return Error{Code::usage, "a KMS key needs --encryption aws:kms"};
    return headers;
  }
  if (options.encryption == "AES256" || options.encryption == "aws:kms" || options.encryption == "aws:kms:dsse") {
    headers.create.emplace_back("x-amz-server-side-encryption", options.encryption);
    if (options.kms_key_id.empty()) return headers;
    if (options.encryption == "AES256") return Error{Code::usage, "a KMS key needs --encryption aws:kms"};
    headers.create.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", options.kms_key_id);
    return headers;
  }
  if (options.encryption != "sse-c") {
    return Error{Code::usage, "\"" + printable(options.encryption) +
                                  "\" is no server-side encryption: use AES256, aws:kms, aws:kms:dsse or sse-c"};
  }
  if (options.customer_key.size() != 32) return Error{Code::usage, "sse-c needs a key of exactly 32 bytes"};
  const std::string prefix = "x-amz-server-side-encryption-customer-";
  headers.use = {{prefix + "algorithm", "AES256"},
                 {prefix + "key", to_base64(bytes_of(options.customer_key))},
                 {prefix + "key-md5", md5_base64(options.customer_key)}};
  headers.create = headers.use;
  return headers;
}

s3::Pairs put_conditions(const PutOptions& options) {
  s3::Pairs headers;
  if (!options.if_match.empty()) headers.emplace_back("if-match", options.if_match);
  if (options.existing == PutOptions::Existing::refuse) headers.emplace_back("if-none-match", "*");
  return headers;
}

s3::Pairs put_headers(const PutOptions& options) {
  const bool immutable = options.caching == Caching::immutable;
  return {{"content-type", "application/octet-stream"},
          {"cache-control", immutable ? "max-age=31536000, immutable" : "no-store"}};
}

s3::Pairs get_headers(const GetOptions& options) {
  s3::Pairs headers;
  if (options.range) headers.emplace_back("range", range_text(*options.range));
  if (!options.if_match.empty()) headers.emplace_back("if-match", options.if_match);
  if (!options.if_none_match.empty()) headers.emplace_back("if-none-match", options.if_none_match);
  if (options.freshness == Freshness::revalidated) headers.emplace_back("cache-control", "no-cache");
  return headers;
}

Result<ObjectInfo> info_of(const http::Response& response) {
  constexpr std::size_t max_etag = 1024;
  ObjectInfo info;
  const std::string* etag = response.header("etag");
  if (etag == nullptr || etag->empty() || etag->size() > max_etag) {
    return Error{Code::unsupported, "the endpoint's answer has no usable ETag; is it an S3 service?"};
  }
  info.etag = *etag;
  const std::string* modified = response.header("last-modified");
  if (modified == nullptr) modified = response.header("date");
  if (modified != nullptr) info.modified = http::parse_http_date(*modified).value_or(WallTime{});
  info.size_bytes = response.content_length().value_or(0);
  return info;
}

Result<std::uint64_t> check_range(const http::Response& response, const ByteRange& range) {
  const auto length = response.content_length();
  if (response.status == 200 && range.offset_bytes == 0 && length && *length <= range.length_bytes) return *length;
  const std::string* header = response.header("content-range");
  const auto got = header == nullptr ? std::nullopt : parse_content_range(*header);
  if (response.status != 206 || !got) {
    return Error{Code::unsupported, "the endpoint did not answer with the range that was asked for"};
  }
  const std::uint64_t wanted = std::min(range.length_bytes, got->total - std::min(got->total, range.offset_bytes));
  const std::uint64_t count = got->last - got->first + 1;
  if (got->first != range.offset_bytes || count != wanted || (length && *length != count)) {
    return Error{Code::unavailable, "the answer holds another range than the one that was asked for"};
  }
  return got->total;
}

std::string md5_base64(std::string_view text) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_md5(), nullptr) != 1) return {};
  return to_base64(ByteView(digest).first(length));
}

Result<Hash256> hash_source(const Op& op, Source& source) {
  DL_TRY(source.rewind());
  Sha256 hash;
  Bytes buffer(256 << 10);
  std::uint64_t total = 0;
  for (;;) {
    DL_TRY(op.check());
    DL_ASSIGN(const std::size_t count, source.read(buffer));
    if (count == 0) break;
    hash.update(ByteView(buffer).first(count));
    total += count;
  }
  if (total != source.size_bytes()) {
    return Error{Code::changing, "the body to put has " + std::to_string(total) + " bytes where it promised " +
                                     std::to_string(source.size_bytes())};
  }
  DL_TRY(source.rewind());
  return hash.finish();
}

}  // namespace duskline::store
