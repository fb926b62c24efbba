#include "gateway/encryption.h"

#include "gateway/digests.h"
#include "gateway/hooks.h"
#include "gateway/properties.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::string_view header_name = "x-amz-server-side-encryption";

Done check_algorithm(std::string_view algorithm) {
  if (algorithm == "AES256") return {};
  if (algorithm == "aws:kms" || algorithm == "aws:kms:dsse") {
    return S3Error(ErrorCode::not_implemented, "Keys of a key management service are not supported");
  }
  return S3Error(ErrorCode::invalid_encryption_algorithm);
}

}  // namespace

S3Error no_encryption() {
  return {
      ErrorCode::not_implemented,
      "This store lies on a disk that is not encrypted, as its operator says, and requests for encryption are refused"};
}

Expected<BucketEncryption> parse_bucket_encryption(std::string_view xml) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "ServerSideEncryptionConfiguration"));
  const auto rules = document.root().children("Rule");
  if (rules.size() != 1) return ErrorCode::malformed_xml;
  const XmlNode defaults = rules.front().child("ApplyServerSideEncryptionByDefault");
  const auto algorithm = defaults.text_of("SSEAlgorithm");
  if (!defaults || !algorithm) return ErrorCode::malformed_xml;
  DL_TRY(check_algorithm(*algorithm));
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

Done take_encryption(const Context& context, const http::Headers& headers, objects::Properties& properties) {
  const std::string* const asked = find_header(headers, header_name);
  if (asked == nullptr) {
    if (find(context.bucket->properties, property::bucket_encryption) != nullptr) {
      properties[std::string(property::encryption)] = "AES256";
    }
    return {};
  }
  DL_TRY(check_algorithm(*asked));
  if (!context.services.options.encrypted_at_rest) return no_encryption();
  properties[std::string(property::encryption)] = *asked;
  return {};
}

void give_encryption(const objects::Properties& properties, http::Headers& headers) {
  const std::string* const algorithm = find(properties, property::encryption);
  if (algorithm != nullptr) headers.emplace_back(header_name, *algorithm);
}

}  // namespace duskline::gateway
