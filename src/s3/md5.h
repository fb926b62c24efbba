// MD5, only because the S3 protocol asks for it in two headers. Nothing is trusted by it.
#pragma once

#include <string>
#include <string_view>

namespace duskline::s3 {

// Base64; empty where this system's OpenSSL does not do MD5 (FIPS mode).
[[nodiscard]] std::string md5_base64(std::string_view text);

}  // namespace duskline::s3
