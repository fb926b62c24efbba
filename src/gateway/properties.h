// Names under which the gateway keeps S3's meaning in the engine's Properties. They are stored: never change one.
#pragma once

#include <string>
#include <string_view>

#include "objects/types.h"

namespace duskline::gateway::property {

// Of versions and uploads.
inline constexpr std::string_view content_type = "content-type";  // and the other system headers by their own names
inline constexpr std::string_view user_metadata = "meta.";        // + name in lower case
inline constexpr std::string_view storage_class = "storage-class";
inline constexpr std::string_view website_redirect = "website-redirect";
inline constexpr std::string_view checksum = "checksum.";  // + "crc32", "crc32c", "crc64nvme", "sha1", "sha256": base64
inline constexpr std::string_view checksum_algorithm = "checksum-algorithm";  // of uploads: "CRC32"
inline constexpr std::string_view checksum_type = "checksum-type";            // "FULL_OBJECT", "COMPOSITE"
inline constexpr std::string_view encryption = "encryption";                  // "AES256"
inline constexpr std::string_view sealed_key = "encryption.key";              // the object's; missing: not encrypted
inline constexpr std::string_view named_key = "encryption.named-key";         // which one it is sealed under
inline constexpr std::string_view key_context = "encryption.context";         // base64; sealed with it
inline constexpr std::string_view bucket_key = "encryption.bucket-key";       // "true": the client wants to hear of it
inline constexpr std::string_view customer_salt = "encryption.salt";          // there: sealed under a client's key
inline constexpr std::string_view encryption_nonce = "encryption.nonce";      // of parts too
inline constexpr std::string_view tags = "tags";                              // "a=1&b=2", percent-encoded, in order
inline constexpr std::string_view acl = "acl";                                // of buckets too
inline constexpr std::string_view lock_mode = "lock.mode";                    // "GOVERNANCE", "COMPLIANCE"
inline constexpr std::string_view lock_until = "lock.until";                  // RFC 3339
inline constexpr std::string_view lock_hold = "lock.hold";                    // "ON"; missing: OFF

inline constexpr std::string_view upload = "upload";  // the multipart upload that a version came from

// Of buckets.
inline constexpr std::string_view location = "location";
inline constexpr std::string_view policy = "policy";
inline constexpr std::string_view cors = "cors";
inline constexpr std::string_view lifecycle = "lifecycle";
inline constexpr std::string_view object_lock = "object-lock";  // there: enabled
inline constexpr std::string_view public_access_block = "public-access-block";
inline constexpr std::string_view ownership = "ownership";
inline constexpr std::string_view request_payment = "request-payment";  // "Requester"; missing: the bucket's owner
inline constexpr std::string_view website = "website";                  // the documents themselves
inline constexpr std::string_view logging = "logging";
inline constexpr std::string_view bucket_encryption = "bucket-encryption";

}  // namespace duskline::gateway::property

namespace duskline::gateway {

// Null where it is missing.
[[nodiscard]] inline const std::string* find(const objects::Properties& properties, std::string_view name) {
  const auto found = properties.find(std::string(name));
  return found == properties.end() ? nullptr : &found->second;
}
// Empty where it is missing.
[[nodiscard]] inline std::string value_of(const objects::Properties& properties, std::string_view name) {
  const std::string* const value = find(properties, name);
  return value == nullptr ? std::string() : *value;
}

}  // namespace duskline::gateway
