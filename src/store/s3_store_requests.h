// How an S3Store's options become headers and names, and what it reads from answers.
#pragma once

#include <string>

#include "http/transport.h"
#include "s3/sigv4.h"
#include "store/object_store.h"
#include "store/s3_store.h"

namespace duskline::store {

// Headers for server-side encryption.
struct EncryptionHeaders {
  s3::Pairs create;  // of what creates an object
  s3::Pairs use;     // of what reads one, or adds a part: only with a customer's key
};
[[nodiscard]] Result<EncryptionHeaders> encryption_headers(const S3Options& options);

[[nodiscard]] s3::Pairs put_headers(const PutOptions& options);
[[nodiscard]] s3::Pairs put_conditions(const PutOptions& options);
[[nodiscard]] s3::Pairs get_headers(const GetOptions& options);

// What the headers of a GET, HEAD or PUT say about the object. Without an ETag: Code::unsupported.
[[nodiscard]] Result<ObjectInfo> info_of(const http::Response& response);

// Checks that the answer to a GET with a range is the part that was asked for; the size of the whole object.
[[nodiscard]] Result<std::uint64_t> check_range(const http::Response& response, const ByteRange& range);

// MD5 in base64, only because the protocol asks for it in two headers; nothing is trusted by it. Empty where this
// system's OpenSSL does not do MD5 (FIPS mode).
[[nodiscard]] std::string md5_base64(std::string_view text);

// The hash of a whole source; rewinds it before and after. Code::changing where its length is not what it promised.
[[nodiscard]] Result<Hash256> hash_source(const Op& op, Source& source);

}  // namespace duskline::store
