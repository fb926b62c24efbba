#include "gateway/encryption.h"

#include "base/digest.h"
#include "base/hash.h"
#include "base/sealing.h"
#include "base/signing.h"
#include "gateway/digests.h"
#include "gateway/properties.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::string_view header_name = "x-amz-server-side-encryption";
constexpr std::string_view customer_prefix = "x-amz-server-side-encryption-customer-";
constexpr std::string_view source_prefix = "x-amz-copy-source-server-side-encryption-customer-";
constexpr std::string_view kms_key_header = "x-amz-server-side-encryption-aws-kms-key-id";
constexpr std::size_t salt_bytes = 16;

Done check_algorithm(std::string_view algorithm, bool names_key) {
  if (algorithm == "AES256") return {};
  if (algorithm == "aws:kms" || algorithm == "aws:kms:dsse") {
    if (names_key) return ErrorCode::kms_key_not_found;
    return S3Error(ErrorCode::not_implemented, "Keys of a key management service are not supported");
  }
  return ErrorCode::invalid_encryption_algorithm;
}

// Without the value that was given: it may be a key.
S3Error wrong_header(std::string message, std::string_view header) {
  return S3Error(ErrorCode::invalid_argument, std::move(message)).with("ArgumentName", std::string(header));
}

// What seals an object's key for a client. Stored objects depend on it: never change it.
Expected<SealingKey> customer_sealing(const CustomerKey& key, std::string_view salt) {
  const Hash256 made = hmac_sha256(key.bytes, bytes_of("duskline customer key\n" + std::string(salt)));
  auto sealing = SealingKey::parse("duskline-sealing-key:" + made.hex());
  if (!sealing) return from_engine(sealing.error());
  return std::move(*sealing);
}

std::string sealing_context(const ObjectPlace& place) {
  return "duskline object key\n" + std::string(place.bucket) + "\n" + std::string(place.key);
}

Expected<std::optional<ObjectKey>> opened_by_store(const Context& context, const ObjectPlace& place,
                                                   const std::string& sealed) {
  DL_TRY(check_encrypts(context.services));
  const auto secret = context.services.sealing->open(sealed, sealing_context(place));
  if (!secret) return from_engine(secret.error());
  DL_ASSIGN(auto key, ObjectKey::parse(*secret));
  return std::optional(std::move(key));
}

// Nothing where the client's key is another one.
Expected<std::optional<ObjectKey>> opened_by_customer(const CustomerKey& customer, const ObjectPlace& place,
                                                      const objects::Properties& properties) {
  DL_ASSIGN(const auto sealing, customer_sealing(customer, value_of(properties, property::customer_salt)));
  const auto secret = sealing.open(value_of(properties, property::sealed_key), sealing_context(place));
  if (!secret) return std::optional<ObjectKey>();
  DL_ASSIGN(auto key, ObjectKey::parse(*secret));
  return std::optional(std::move(key));
}

}  // namespace

Done check_encrypts(const Services& services) {
  if (services.sealing != nullptr) return {};
  return S3Error(ErrorCode::not_implemented, "This server has no key to encrypt with");
}

Expected<BucketEncryption> parse_bucket_encryption(std::string_view xml) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "ServerSideEncryptionConfiguration"));
  const auto rules = document.root().children("Rule");
  if (rules.size() != 1) return ErrorCode::malformed_xml;
  const XmlNode defaults = rules.front().child("ApplyServerSideEncryptionByDefault");
  const auto algorithm = defaults.text_of("SSEAlgorithm");
  if (!defaults || !algorithm) return ErrorCode::malformed_xml;
  DL_TRY(check_algorithm(*algorithm, false));
  if (defaults.text_of("KMSMasterKeyID")) {
    return S3Error(ErrorCode::invalid_argument,
                   "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms");
  }
  const auto bucket_key = rules.front().text_of("BucketKeyEnabled");
  if (bucket_key && *bucket_key != "true" && *bucket_key != "false") return ErrorCode::malformed_xml;
  return BucketEncryption{*algorithm, bucket_key == "true"};
}

std::string bucket_encryption_document(const BucketEncryption& encryption) {
  XmlWriter xml;
  xml.root("ServerSideEncryptionConfiguration");
  xml.open("Rule");
  xml.open("ApplyServerSideEncryptionByDefault");
  xml.text("SSEAlgorithm", encryption.algorithm);
  xml.close();
  xml.flag("BucketKeyEnabled", encryption.bucket_key);
  return xml.take();
}

Expected<std::optional<CustomerKey>> customer_key(const Context& context, const http::Headers& headers, KeyOf which) {
  const std::string prefix(which == KeyOf::object ? customer_prefix : source_prefix);
  const std::string algorithm_header = prefix + "algorithm", key_header = prefix + "key",
                    md5_header = prefix + "key-md5";
  const std::string* const algorithm = find_header(headers, algorithm_header);
  const std::string* const key = find_header(headers, key_header);
  const std::string* const md5_text = find_header(headers, md5_header);
  if (algorithm == nullptr && key == nullptr && md5_text == nullptr) return std::optional<CustomerKey>();
  if (context.services.options.customer_keys_need_tls && !context.request.head->secure) {
    return S3Error(ErrorCode::invalid_request,
                   "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure "
                   "connection.");
  }
  const std::string demand = "Requests specifying Server Side Encryption with Customer provided keys must provide ";
  if (algorithm == nullptr) return wrong_header(demand + "a valid encryption algorithm.", algorithm_header);
  if (*algorithm != "AES256") return ErrorCode::invalid_encryption_algorithm;
  if (key == nullptr) return wrong_header(demand + "an appropriate secret key.", key_header);
  if (md5_text == nullptr) return wrong_header(demand + "the client calculated MD5 of the secret key.", md5_header);
  auto bytes = from_base64(*key);
  if (!bytes || bytes->size() != StreamCipher::key_bytes) {
    return wrong_header("The secret key was invalid for the specified algorithm.", key_header);
  }
  const auto promised = from_base64(*md5_text);
  if (!promised || *promised != md5(*bytes)) {
    return wrong_header("The calculated MD5 hash of the key did not match the hash that was provided.", md5_header);
  }
  return std::optional<CustomerKey>(std::in_place, std::move(*bytes), *md5_text);
}

Expected<WantedEncryption> wanted_encryption(const Context& context, const http::Headers& headers) {
  WantedEncryption wanted;
  DL_ASSIGN(wanted.customer, customer_key(context, headers, KeyOf::object));
  const std::string* const asked = find_header(headers, header_name);
  const std::string* const kms_key = find_header(headers, kms_key_header);
  if (wanted.customer) {
    if (asked != nullptr) {
      return wrong_header(
          "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
          header_name);
    }
    wanted.by = EncryptedBy::customer;
    return wanted;
  }
  if (asked != nullptr) DL_TRY(check_algorithm(*asked, kms_key != nullptr));
  if (kms_key != nullptr) {
    return wrong_header(
        "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
        header_name);
  }
  const bool by_default = find(context.bucket->properties, property::bucket_encryption) != nullptr;
  if (asked == nullptr && !by_default) return wanted;
  DL_TRY(check_encrypts(context.services));
  wanted.by = EncryptedBy::store;
  return wanted;
}

EncryptedBy encrypted_by(const objects::Properties& properties) {
  if (find(properties, property::sealed_key) == nullptr) return EncryptedBy::nobody;
  return find(properties, property::customer_salt) != nullptr ? EncryptedBy::customer : EncryptedBy::store;
}

Done seal_object_key(const SealingKey* store, const WantedEncryption& wanted, const ObjectPlace& place,
                     const ObjectKey& key, objects::Properties& properties) {
  std::optional<SealingKey> by_customer;
  if (wanted.by == EncryptedBy::customer) {
    DL_ASSIGN(const Bytes random, random_bytes(salt_bytes));
    const std::string salt = to_hex(random);
    DL_ASSIGN(by_customer, customer_sealing(*wanted.customer, salt));
    properties[std::string(property::customer_salt)] = salt;
  } else {
    properties[std::string(property::encryption)] = "AES256";
  }
  const SealingKey& sealing = by_customer ? *by_customer : *store;
  auto sealed = sealing.seal(key.secret(), sealing_context(place));
  if (!sealed) return from_engine(sealed.error());
  properties[std::string(property::sealed_key)] = std::move(*sealed);
  return {};
}

Expected<std::optional<ObjectKey>> take_encryption(const Context& context, const ObjectPlace& place,
                                                   const http::Headers& headers, objects::Properties& properties) {
  DL_ASSIGN(const auto wanted, wanted_encryption(context, headers));
  if (wanted.by == EncryptedBy::nobody) return std::optional<ObjectKey>();
  DL_ASSIGN(auto key, ObjectKey::make());
  DL_TRY(seal_object_key(context.services.sealing, wanted, place, key, properties));
  return std::optional(std::move(key));
}

Expected<Encryptor> begin_encryption(const SealingKey* store, const ObjectPlace& place,
                                     objects::Properties& properties) {
  DL_ASSIGN(const auto key, ObjectKey::make());
  DL_TRY(seal_object_key(store, {EncryptedBy::store, {}}, place, key, properties));
  return Encryptor::begin(key, properties);
}

Expected<std::optional<ObjectKey>> key_of_version(const Context& context, const objects::Version& version,
                                                  KeyOf which) {
  DL_ASSIGN(const auto customer, customer_key(context, context.request.head->headers, which));
  const EncryptedBy by = encrypted_by(version.properties);
  const ObjectPlace place{version.bucket, version.key};
  if (by != EncryptedBy::customer && customer) {
    return S3Error(ErrorCode::invalid_request, "The encryption parameters are not applicable to this object.");
  }
  if (by == EncryptedBy::nobody) return std::optional<ObjectKey>();
  if (by == EncryptedBy::store)
    return opened_by_store(context, place, value_of(version.properties, property::sealed_key));
  if (!customer) {
    return S3Error(ErrorCode::invalid_request,
                   "The object was stored using a form of Server Side Encryption. The correct parameters must be "
                   "provided to retrieve the object.");
  }
  DL_ASSIGN(auto key, opened_by_customer(*customer, place, version.properties));
  if (!key) return ErrorCode::access_denied;
  return key;
}

Expected<std::optional<ObjectKey>> key_of_upload(const Context& context, const objects::Upload& upload) {
  DL_ASSIGN(const auto customer, customer_key(context, context.request.head->headers, KeyOf::object));
  const EncryptedBy by = encrypted_by(upload.properties);
  const ObjectPlace place{upload.bucket, upload.key};
  if (by != EncryptedBy::customer && customer) {
    return S3Error(ErrorCode::invalid_request,
                   "The multipart upload initiate did not request encryption. Please resend the request without "
                   "sending encryption parameters.");
  }
  if (by == EncryptedBy::nobody) return std::optional<ObjectKey>();
  if (by == EncryptedBy::store)
    return opened_by_store(context, place, value_of(upload.properties, property::sealed_key));
  if (!customer) {
    return S3Error(ErrorCode::invalid_request,
                   "The multipart upload initiate requested encryption. Subsequent part requests must include the "
                   "appropriate encryption parameters.");
  }
  DL_ASSIGN(auto key, opened_by_customer(*customer, place, upload.properties));
  if (key) return key;
  return S3Error(ErrorCode::invalid_request,
                 "The provided encryption parameters did not match the ones used originally.");
}

std::string etag_of(ByteView md5, const objects::Properties& properties, const std::optional<ObjectKey>& key) {
  if (!key || encrypted_by(properties) != EncryptedBy::customer) return to_hex(md5);
  return to_hex(key->etag_of(md5));
}

void give_encryption(const http::Headers& asked, const objects::Properties& properties, http::Headers& headers) {
  if (const std::string* const algorithm = find(properties, property::encryption)) {
    headers.emplace_back(header_name, *algorithm);
  }
  if (encrypted_by(properties) != EncryptedBy::customer) return;
  const std::string md5_header = std::string(customer_prefix) + "key-md5";
  headers.emplace_back(std::string(customer_prefix) + "algorithm", "AES256");
  if (const std::string* const digest = find_header(asked, md5_header)) headers.emplace_back(md5_header, *digest);
}

}  // namespace duskline::gateway
