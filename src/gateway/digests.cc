#include "gateway/digests.h"

#include <algorithm>
#include <array>

#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

constexpr std::array<ChecksumInfo, checksum_kinds> kinds = {{
    {"CRC32", "x-amz-checksum-crc32", "ChecksumCRC32", "checksum.crc32", 4},
    {"CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C", "checksum.crc32c", 4},
    {"CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME", "checksum.crc64nvme", 8},
    {"SHA1", "x-amz-checksum-sha1", "ChecksumSHA1", "checksum.sha1", 20},
    {"SHA256", "x-amz-checksum-sha256", "ChecksumSHA256", "checksum.sha256", 32},
}};

CrcKind crc_kind(ChecksumKind kind) { return static_cast<CrcKind>(kind); }

Bytes big_endian(std::uint64_t value, std::size_t length) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * (length - 1 - i)));
  return bytes;
}

std::uint64_t number_of(const Bytes& bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = (value << 8) | byte;
  return value;
}

bool same_letters(std::string_view a, std::string_view b) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return upper(x) == upper(y); });
}

std::optional<ChecksumKind> kind_of_header(std::string_view name) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (same_letters(kinds[i].header, name)) return static_cast<ChecksumKind>(i);
  }
  return std::nullopt;
}

S3Error bad_checksum_value(ChecksumKind kind) {
  return {ErrorCode::invalid_request, "Value for " + std::string(info_of(kind).header) + " header is invalid."};
}

Done take_values(const http::Headers& headers, Promises& promises) {
  for (const auto& [name, value] : headers) {
    if (!name.starts_with("x-amz-checksum-")) continue;
    const auto kind = kind_of_header(name);
    if (!kind) continue;  // x-amz-checksum-algorithm, -type, -mode
    if (promises.kind) {
      return S3Error(ErrorCode::invalid_request,
                     "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
    }
    if (!parse_checksum(*kind, value)) return bad_checksum_value(*kind);
    promises.kind = kind;
    promises.value = value;
  }
  return {};
}

Done take_trailer(const http::Headers& headers, Promises& promises) {
  const std::string* const trailer = find_header(headers, "x-amz-trailer");
  if (trailer == nullptr || trailer->empty()) return {};
  const auto kind = kind_of_header(*trailer);
  if (!kind) {
    return S3Error(ErrorCode::invalid_request, "The value specified in the x-amz-trailer header is not supported");
  }
  if (promises.kind) {
    return S3Error(ErrorCode::invalid_request,
                   "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
  }
  promises.kind = kind;
  promises.in_trailer = true;
  return {};
}

Done check_announced(const http::Headers& headers, const Promises& promises) {
  const std::string* const announced = find_header(headers, "x-amz-sdk-checksum-algorithm");
  if (announced == nullptr) return {};
  const auto kind = checksum_named(*announced);
  if (!kind) {
    return unsupported_checksum();
  }
  if (!promises.kind) {
    // Content-MD5 satisfies those clients that send the header without computing anything.
    if (promises.content_md5) return {};
    return S3Error(ErrorCode::invalid_request,
                   "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer "
                   "headers were found.");
  }
  if (*promises.kind != *kind) {
    return S3Error(ErrorCode::invalid_request, "Value for x-amz-sdk-checksum-algorithm header is invalid.");
  }
  return {};
}

}  // namespace

const ChecksumInfo& info_of(ChecksumKind kind) { return kinds[static_cast<std::size_t>(kind)]; }

std::optional<ChecksumKind> checksum_named(std::string_view name) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (same_letters(kinds[i].name, name)) return static_cast<ChecksumKind>(i);
  }
  return std::nullopt;
}

Checksum::Checksum(ChecksumKind kind) : kind_(kind) {
  if (is_crc(kind)) crc_.emplace(crc_kind(kind));
  if (kind == ChecksumKind::sha1) sha1_.emplace(DigestKind::sha1);
  if (kind == ChecksumKind::sha256) sha256_.emplace();
}

void Checksum::update(ByteView bytes) {
  if (crc_) crc_->update(bytes);
  if (sha1_) sha1_->update(bytes);
  if (sha256_) sha256_->update(bytes);
}

Bytes Checksum::finish() {
  if (sha1_) return sha1_->finish();
  if (sha256_) {
    const Hash256 hash = sha256_->finish();
    return {hash.bytes.begin(), hash.bytes.end()};
  }
  return big_endian(crc_->value(), info_of(kind_).bytes);
}

Bytes checksum_of_both(ChecksumKind kind, const Bytes& first, const Bytes& second, std::uint64_t second_length) {
  return big_endian(crc_of_both(crc_kind(kind), number_of(first), number_of(second), second_length),
                    info_of(kind).bytes);
}

std::optional<Bytes> parse_checksum(ChecksumKind kind, std::string_view text) {
  auto bytes = from_base64(text);
  if (!bytes || bytes->size() != info_of(kind).bytes) return std::nullopt;
  return bytes;
}

Expected<Promises> parse_promises(const http::Headers& headers) {
  Promises promises;
  if (const std::string* const md5 = find_header(headers, "content-md5")) {
    promises.content_md5 = from_base64(*md5);
    if (!promises.content_md5 || promises.content_md5->size() != 16) return ErrorCode::invalid_digest;
  }
  DL_TRY(take_values(headers, promises));
  DL_TRY(take_trailer(headers, promises));
  DL_TRY(check_announced(headers, promises));
  return promises;
}

Expected<Digested> check_promises(const Promises& promises, Digests& digests, const http::Headers& trailers) {
  const ChecksumKind kind = digests.checksum.kind();
  const ChecksumInfo& info = info_of(kind);
  Digested digested{digests.md5.finish(), kind, to_base64(digests.checksum.finish())};
  if (promises.content_md5 && *promises.content_md5 != digested.md5) {
    return S3Error(ErrorCode::bad_digest, "The Content-MD5 you specified did not match what we received.")
        .with("ExpectedDigest", to_base64(*promises.content_md5))
        .with("CalculatedDigest", to_base64(digested.md5));
  }
  std::optional<std::string> promised = promises.value;
  if (promises.in_trailer) {
    const std::string* const value = find_header(trailers, info.header);
    if (value == nullptr) {
      return S3Error(ErrorCode::malformed_trailer);
    }
    if (!parse_checksum(kind, *value)) return bad_checksum_value(kind);
    promised = *value;
  }
  if (promised && *promised != digested.checksum) {
    return S3Error(ErrorCode::bad_digest,
                   "The " + std::string(info.name) + " you specified did not match the calculated checksum.");
  }
  return digested;
}

std::optional<KeptChecksum> checksum_of(const objects::Properties& properties) {
  const auto found = properties.lower_bound(std::string(property::checksum));
  if (found == properties.end() || !found->first.starts_with(property::checksum)) return std::nullopt;
  const auto kind = checksum_named(std::string_view(found->first).substr(property::checksum.size()));
  if (!kind) return std::nullopt;
  return KeptChecksum{*kind, found->second};
}

void keep_checksum(ChecksumKind kind, std::string value, std::string_view type, objects::Properties& properties) {
  properties[std::string(info_of(kind).property)] = std::move(value);
  properties[std::string(property::checksum_type)] = type;
}

void give_checksum(const objects::Properties& properties, http::Headers& headers) {
  const auto kept = checksum_of(properties);
  if (!kept) return;
  headers.emplace_back(info_of(kept->kind).header, kept->value);
  headers.emplace_back("x-amz-checksum-type", value_of(properties, property::checksum_type));
}

void give_checksum_elements(const objects::Properties& properties, XmlWriter& xml) {
  const auto kept = checksum_of(properties);
  if (!kept) return;
  xml.text(info_of(kept->kind).element, kept->value);
  xml.text("ChecksumType", value_of(properties, property::checksum_type));
}

S3Error unsupported_checksum() {
  return {ErrorCode::invalid_request,
          "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, "
          "CRC64NVME, SHA1, SHA256]"};
}

const std::string* find_header(const http::Headers& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& pair) { return pair.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

}  // namespace duskline::gateway
