// Server-side encryption. The server itself encrypts nothing: what lies in its directory is as safe as the disk below.
// Requests for S3's own encryption (AES256) are met by that disk, or refused where the operator says that it is not
// encrypted (ServiceOptions::encrypted_at_rest).
#pragma once

#include <string>
#include <string_view>

#include "gateway/error.h"

namespace duskline::gateway {

// A ServerSideEncryptionConfiguration: MalformedXML, InvalidEncryptionAlgorithmError, NotImplemented for other than
// AES256.
struct BucketEncryption {
  std::string algorithm;  // "AES256"
  bool bucket_key = false;
};
[[nodiscard]] Expected<BucketEncryption> parse_bucket_encryption(std::string_view xml);
[[nodiscard]] std::string bucket_encryption_document(const BucketEncryption& encryption);
[[nodiscard]] S3Error no_encryption();

}  // namespace duskline::gateway
