// How a file's attributes become headers of requests, and what the headers of answers say about an object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/transport.h"
#include "s3/sigv4.h"
#include "sync/place.h"

namespace duskline::sync {

// "1700000000.123456789", as rclone writes it.
[[nodiscard]] std::string mtime_text(std::int64_t mtime_ns);
// Also with fewer digits, and before 1970. Nothing where it is no such number.
[[nodiscard]] std::optional<std::int64_t> parse_mtime(std::string_view text);

// How an object that was sent in parts says how large they were, since its ETag depends on that.
inline constexpr std::string_view part_bytes_header = "x-amz-meta-duskline-part-bytes";

// Of a PUT, CreateMultipartUpload, or copy that replaces the metadata: the attributes' headers, the mtime, and a
// Content-Type by the name where there is none.
[[nodiscard]] s3::Pairs headers_of(const Attributes& attributes, std::string_view path);

// What a service makes its ETags from.
enum class EtagKind : std::uint8_t {
  md5,                 // of the content, but for encryption by a key of the user's (as AWS does)
  md5_if_unencrypted,  // and encrypted objects may have any
  opaque,
};

// Code::unsupported where there is no ETag. `size_bytes` is of the answer's body.
[[nodiscard]] Result<Version> version_of(const http::Response& response, EtagKind kind);

// What a body can be checked by: the SHA-256 that the service keeps with the object, else an MD5 ETag.
struct BodyCheck {
  std::string sha256_base64;  // "" where there is none
  std::string md5_hex;        // "" where the ETag is no MD5 of the body, or cannot be known to be
};
[[nodiscard]] BodyCheck body_check_of(const http::Response& response, const Version& version);

// Code::corrupt where the body is not what was promised.
[[nodiscard]] Status check_body(const BodyCheck& check, ByteView body, std::string_view what);

}  // namespace duskline::sync
