// Server-side encryption: how requests ask for it, under which key an object lies, and what answers say of it.
//
// The bytes are encrypted as object_cipher.h says. The object's key stands in its properties, sealed: under the store's
// sealing key (AES256, S3's own encryption), under one of the keys that the operator has named (aws:kms), or under one
// that is made from the client's (SSE-C). Of a client's key
// nothing is kept but what it sealed, which opens with that key alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/context.h"
#include "gateway/error.h"
#include "gateway/object_cipher.h"
#include "http/server.h"
#include "objects/types.h"

namespace duskline::gateway {

// A ServerSideEncryptionConfiguration: MalformedXML, InvalidArgument, InvalidEncryptionAlgorithmError, NotImplemented
// for aws:kms:dsse.
struct BucketEncryption {
  std::string algorithm;  // "AES256", "aws:kms"
  std::string named_key;  // as it was given; empty: none
  bool bucket_key = false;
};
[[nodiscard]] Expected<BucketEncryption> parse_bucket_encryption(std::string_view xml);
[[nodiscard]] std::string bucket_encryption_document(const BucketEncryption& encryption);
// NotImplemented where the server has no sealing key, or no named ones; KMS.NotFoundException where there is none of
// that name.
[[nodiscard]] Done check_encrypts(const Services& services);
[[nodiscard]] Done check_encrypts(const Services& services, const BucketEncryption& encryption);

// A client's key. Wiped on destruction.
struct CustomerKey {
  Bytes bytes;
  std::string md5;  // base64, as it was given
  CustomerKey(Bytes key, std::string digest) : bytes(std::move(key)), md5(std::move(digest)) {}
  CustomerKey(const CustomerKey&) = default;
  CustomerKey& operator=(const CustomerKey&) = default;
  ~CustomerKey() { wipe(bytes); }
};
// x-amz-server-side-encryption-customer-*, or x-amz-copy-source-server-side-encryption-customer-*: all three or none.
enum class KeyOf : std::uint8_t { object, copy_source };
[[nodiscard]] Expected<std::optional<CustomerKey>> customer_key(const Context& context, const http::Headers& headers,
                                                                KeyOf which);

// How what is put shall be encrypted: as the request says, or else the bucket.
enum class EncryptedBy : std::uint8_t { nobody, store, named_key, customer };
struct WantedEncryption {
  EncryptedBy by = EncryptedBy::nobody;
  std::optional<CustomerKey> customer;
  std::string named_key, key_context;  // of named_key
  bool bucket_key = false;
};
[[nodiscard]] Expected<WantedEncryption> wanted_encryption(const Context& context, const http::Headers& headers);
// Under what the object lies.
[[nodiscard]] EncryptedBy encrypted_by(const objects::Properties& properties);

// Which object it is: a sealed key opens in its place alone.
struct ObjectPlace {
  std::string_view bucket, key;
};
// Seals `key` into `properties`, which then say how the object is encrypted.
[[nodiscard]] Done seal_object_key(const SealingKey* store, const WantedEncryption& wanted, const ObjectPlace& place,
                                   const ObjectKey& key, objects::Properties& properties);
// All of it for something new: nothing where it is not to be encrypted.
[[nodiscard]] Expected<std::optional<ObjectKey>> take_encryption(const Context& context, const ObjectPlace& place,
                                                                 const http::Headers& headers,
                                                                 objects::Properties& properties);

// The same for what the server itself puts: under the store's key, whatever the bucket's default.
[[nodiscard]] Expected<Encryptor> begin_encryption(const SealingKey* store, const ObjectPlace& place,
                                                   objects::Properties& properties);

// The key of a version that is to be read; nothing where it is not encrypted. InvalidRequest where the client's key is
// missing, or given for nothing; AccessDenied for another key than the object's.
[[nodiscard]] Expected<std::optional<ObjectKey>> key_of_version(const Context& context, const objects::Version& version,
                                                                KeyOf which = KeyOf::object);
// The key of an upload to which a part is to come.
[[nodiscard]] Expected<std::optional<ObjectKey>> key_of_upload(const Context& context, const objects::Upload& upload);

// The ETag of a run of bytes: its MD5, unless another key than the store's is to hide what it was.
[[nodiscard]] std::string etag_of(ByteView md5, const objects::Properties& properties,
                                  const std::optional<ObjectKey>& key);

// x-amz-server-side-encryption, or what the request `asked` with about the client's key.
void give_encryption(const http::Headers& asked, const objects::Properties& properties, http::Headers& headers);

}  // namespace duskline::gateway
