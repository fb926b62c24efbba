#include "gateway/encryption.h"

#include <algorithm>
#include <boost/json.hpp>

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
constexpr std::string_view context_header = "x-amz-server-side-encryption-context";
constexpr std::string_view bucket_key_header = "x-amz-server-side-encryption-bucket-key-enabled";
constexpr std::size_t max_context_bytes = 8 << 10;
constexpr std::size_t salt_bytes = 16;

Done check_algorithm(std::string_view algorithm) {
  if (algorithm == "AES256" || algorithm == "aws:kms") return {};
  if (algorithm == "aws:kms:dsse") return S3Error(ErrorCode::not_implemented, "Dual-layer encryption is not supported");
  return ErrorCode::invalid_encryption_algorithm;
}

// "NAME" of itself, of "alias/NAME" and of "arn:aws:kms:REGION:ACCOUNT:key/NAME".
std::string_view name_of_key(std::string_view id) { return id.substr(id.rfind('/') + 1); }

Done check_named_key(const Services& services, std::string_view id) {
  DL_TRY(check_encrypts(services));
  const auto& keys = services.options.named_keys;
  if (id.empty() && keys.empty()) {
    return S3Error(ErrorCode::not_implemented, "This server has no named keys (store serve --named-key)");
  }
  const bool known = id.empty() || std::find(keys.begin(), keys.end(), name_of_key(id)) != keys.end();
  if (!known) return ErrorCode::kms_key_not_found;
  return {};
}

// Stored objects depend on it: never change it.
SealingKey named_sealing(const SealingKey& store, std::string_view id) {
  return store.derived("named key\n" + std::string(name_of_key(id)));
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

std::string sealing_context(const ObjectPlace& place, const std::string& key_context = {}) {
  std::string text = "duskline object key\n" + std::string(place.bucket) + "\n" + std::string(place.key);
  if (!key_context.empty()) text += "\n" + key_context;
  return text;
}

// base64 of a JSON object of texts.
Done check_key_context(const std::string& text) {
  const auto bytes = text.size() > max_context_bytes ? std::nullopt : from_base64(text);
  boost::json::error_code failed;
  const boost::json::value value = bytes ? boost::json::parse(text_of(*bytes), failed) : boost::json::value();
  const boost::json::object* const object = failed ? nullptr : value.if_object();
  const bool valid = object != nullptr && std::all_of(object->begin(), object->end(),
                                                      [](const auto& entry) { return entry.value().is_string(); });
  if (valid) return {};
  return wrong_header("The header '" + std::string(context_header) +
                          "' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map",
                      context_header);
}

// Under the store's key, or a named one.
Expected<std::optional<ObjectKey>> opened_here(const Context& context, const ObjectPlace& place,
                                               const objects::Properties& properties) {
  DL_TRY(check_encrypts(context.services));
  const SealingKey& store = *context.services.sealing;
  const std::string* const name = find(properties, property::named_key);
  const SealingKey sealing = name == nullptr ? store : named_sealing(store, *name);
  const auto secret = sealing.open(value_of(properties, property::sealed_key),
                                   sealing_context(place, value_of(properties, property::key_context)));
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

Done check_encrypts(const Services& services, const BucketEncryption& encryption) {
  if (encryption.algorithm == "aws:kms") return check_named_key(services, encryption.named_key);
  return check_encrypts(services);
}

Expected<BucketEncryption> parse_bucket_encryption(std::string_view xml) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "ServerSideEncryptionConfiguration"));
  const auto rules = document.root().children("Rule");
  if (rules.size() != 1) return ErrorCode::malformed_xml;
  const XmlNode defaults = rules.front().child("ApplyServerSideEncryptionByDefault");
  const auto algorithm = defaults.text_of("SSEAlgorithm");
  if (!defaults || !algorithm) return ErrorCode::malformed_xml;
  DL_TRY(check_algorithm(*algorithm));
  const auto named_key = defaults.text_of("KMSMasterKeyID");
  if (named_key && *algorithm != "aws:kms") {
    return S3Error(ErrorCode::invalid_argument,
                   "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms");
  }
  const auto bucket_key = rules.front().text_of("BucketKeyEnabled");
  if (bucket_key && *bucket_key != "true" && *bucket_key != "false") return ErrorCode::malformed_xml;
  return BucketEncryption{*algorithm, named_key.value_or(""), bucket_key == "true"};
}

std::string bucket_encryption_document(const BucketEncryption& encryption) {
  XmlWriter xml;
  xml.root("ServerSideEncryptionConfiguration");
  xml.open("Rule");
  xml.open("ApplyServerSideEncryptionByDefault");
  xml.text("SSEAlgorithm", encryption.algorithm);
  if (!encryption.named_key.empty()) xml.text("KMSMasterKeyID", encryption.named_key);
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

namespace {

Expected<WantedEncryption> by_named_key(const Context& context, const std::string& id) {
  DL_TRY(check_named_key(context.services, id));
  WantedEncryption wanted{EncryptedBy::named_key, {}};
  wanted.named_key = id.empty() ? context.services.options.named_keys.front() : id;
  return wanted;
}

// What the bucket's owner wants where a request says nothing.
Expected<WantedEncryption> default_encryption(const Context& context) {
  const std::string* const stored = find(context.bucket->properties, property::bucket_encryption);
  if (stored == nullptr) return WantedEncryption();
  DL_ASSIGN(const BucketEncryption encryption, parse_bucket_encryption(*stored));
  if (encryption.algorithm != "aws:kms") {
    DL_TRY(check_encrypts(context.services));
    return WantedEncryption{EncryptedBy::store, {}};
  }
  DL_ASSIGN(auto wanted, by_named_key(context, encryption.named_key));
  wanted.bucket_key = encryption.bucket_key;
  return wanted;
}

}  // namespace

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
  if (asked == nullptr && kms_key == nullptr) return default_encryption(context);
  if (asked != nullptr) DL_TRY(check_algorithm(*asked));
  if (kms_key != nullptr && (asked == nullptr || *asked != "aws:kms")) {
    return wrong_header(
        "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
        header_name);
  }
  if (*asked == "AES256") {
    DL_TRY(check_encrypts(context.services));
    wanted.by = EncryptedBy::store;
    return wanted;
  }
  DL_ASSIGN(wanted, by_named_key(context, kms_key == nullptr ? "" : *kms_key));
  if (const std::string* const text = find_header(headers, context_header)) {
    DL_TRY(check_key_context(*text));
    wanted.key_context = *text;
  }
  const std::string* const bucket_key = find_header(headers, bucket_key_header);
  wanted.bucket_key = bucket_key != nullptr && (*bucket_key == "true" || *bucket_key == "True");
  return wanted;
}

EncryptedBy encrypted_by(const objects::Properties& properties) {
  if (find(properties, property::sealed_key) == nullptr) return EncryptedBy::nobody;
  if (find(properties, property::customer_salt) != nullptr) return EncryptedBy::customer;
  return find(properties, property::named_key) != nullptr ? EncryptedBy::named_key : EncryptedBy::store;
}

Done seal_object_key(const SealingKey* store, const WantedEncryption& wanted, const ObjectPlace& place,
                     const ObjectKey& key, objects::Properties& properties) {
  std::optional<SealingKey> other;
  if (wanted.by == EncryptedBy::customer) {
    DL_ASSIGN(const Bytes random, random_bytes(salt_bytes));
    const std::string salt = to_hex(random);
    DL_ASSIGN(other, customer_sealing(*wanted.customer, salt));
    properties[std::string(property::customer_salt)] = salt;
  } else if (wanted.by == EncryptedBy::named_key) {
    other = named_sealing(*store, wanted.named_key);
    properties[std::string(property::encryption)] = "aws:kms";
    properties[std::string(property::named_key)] = wanted.named_key;
    if (!wanted.key_context.empty()) properties[std::string(property::key_context)] = wanted.key_context;
    if (wanted.bucket_key) properties[std::string(property::bucket_key)] = "true";
  } else {
    properties[std::string(property::encryption)] = "AES256";
  }
  const SealingKey& sealing = other ? *other : *store;
  auto sealed = sealing.seal(key.secret(), sealing_context(place, wanted.key_context));
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
  if (by != EncryptedBy::customer) return opened_here(context, place, version.properties);
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
  if (by != EncryptedBy::customer) return opened_here(context, place, upload.properties);
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
  if (!key || encrypted_by(properties) == EncryptedBy::store) return to_hex(md5);
  return to_hex(key->etag_of(md5));
}

void give_encryption(const http::Headers& asked, const objects::Properties& properties, http::Headers& headers) {
  if (const std::string* const algorithm = find(properties, property::encryption)) {
    headers.emplace_back(header_name, *algorithm);
  }
  if (const std::string* const id = find(properties, property::named_key)) headers.emplace_back(kms_key_header, *id);
  if (find(properties, property::bucket_key) != nullptr) headers.emplace_back(bucket_key_header, "true");
  if (encrypted_by(properties) != EncryptedBy::customer) return;
  const std::string md5_header = std::string(customer_prefix) + "key-md5";
  headers.emplace_back(std::string(customer_prefix) + "algorithm", "AES256");
  if (const std::string* const digest = find_header(asked, md5_header)) headers.emplace_back(md5_header, *digest);
}

}  // namespace duskline::gateway
