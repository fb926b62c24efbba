// What a client promises about a body (Content-MD5, x-amz-checksum-*), what the body turned out to be, and the
// checksums that an object keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc.h"
#include "base/digest.h"
#include "base/hash.h"
#include "gateway/error.h"
#include "gateway/xml.h"
#include "http/server.h"
#include "objects/types.h"

namespace duskline::gateway {

enum class ChecksumKind : std::uint8_t { crc32, crc32c, crc64nvme, sha1, sha256 };
struct ChecksumInfo {
  std::string_view name;      // "CRC32"
  std::string_view header;    // "x-amz-checksum-crc32"
  std::string_view element;   // "ChecksumCRC32"
  std::string_view property;  // "checksum.crc32"
  std::size_t bytes;
};
inline constexpr std::size_t checksum_kinds = 5;
[[nodiscard]] const ChecksumInfo& info_of(ChecksumKind kind);
[[nodiscard]] std::optional<ChecksumKind> checksum_named(std::string_view name);  // in any case of letters
[[nodiscard]] inline bool is_crc(ChecksumKind kind) { return kind <= ChecksumKind::crc64nvme; }

// A checksum, incremental.
class Checksum {
 public:
  explicit Checksum(ChecksumKind kind);
  void update(ByteView bytes);
  [[nodiscard]] Bytes finish();  // big-endian where it is a CRC
  [[nodiscard]] ChecksumKind kind() const { return kind_; }

 private:
  ChecksumKind kind_;
  std::optional<Crc> crc_;
  std::optional<Digest> sha1_;
  std::optional<Sha256> sha256_;
};

// Of two runs, one after the other; CRCs only.
[[nodiscard]] Bytes checksum_of_both(ChecksumKind kind, const Bytes& first, const Bytes& second,
                                     std::uint64_t second_length);

// What a request says about its body.
struct Promises {
  std::optional<Bytes> content_md5;
  std::optional<ChecksumKind> kind;  // to be kept; where the client names none, the caller chooses
  std::optional<std::string> value;  // base64, as given in the head
  bool in_trailer = false;
  [[nodiscard]] ChecksumKind kept() const { return kind.value_or(ChecksumKind::crc64nvme); }
};
// From the headers of a request, or the fields of a form.
[[nodiscard]] Expected<Promises> parse_promises(const http::Headers& headers);
// base64 of the right length.
[[nodiscard]] std::optional<Bytes> parse_checksum(ChecksumKind kind, std::string_view text);

// Of a body that has come.
struct Digests {
  explicit Digests(ChecksumKind kind) : checksum(kind) {}
  void update(ByteView bytes) {
    md5.update(bytes);
    checksum.update(bytes);
  }
  Digest md5{DigestKind::md5};
  Checksum checksum;
};
struct Digested {
  Bytes md5;
  ChecksumKind kind;
  std::string checksum;  // base64
};
// BadDigest where the body is not what was promised; `trailers` may hold the value.
[[nodiscard]] Expected<Digested> check_promises(const Promises& promises, Digests& digests,
                                                const http::Headers& trailers);

// A checksum that stands in properties.
struct KeptChecksum {
  ChecksumKind kind;
  std::string value;  // base64; of composite ones with "-N"
};
[[nodiscard]] std::optional<KeptChecksum> checksum_of(const objects::Properties& properties);
void keep_checksum(ChecksumKind kind, std::string value, std::string_view type, objects::Properties& properties);
// x-amz-checksum-* and x-amz-checksum-type.
void give_checksum(const objects::Properties& properties, http::Headers& headers);

// The elements of a document.
void give_checksum_elements(const objects::Properties& properties, XmlWriter& xml);
[[nodiscard]] S3Error unsupported_checksum();  // of an algorithm's name

// The value of the first header of that name (lower case), or null.
[[nodiscard]] const std::string* find_header(const http::Headers& headers, std::string_view name);

}  // namespace duskline::gateway
