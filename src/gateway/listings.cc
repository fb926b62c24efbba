// ListObjects, ListObjectsV2, ListObjectVersions.
#include "gateway/digests.h"
#include "gateway/listing_parameters.h"
#include "gateway/metadata.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/stored.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

struct Asked {
  std::string prefix, delimiter;
  std::uint32_t limit = max_listed;
  NameEncoding encode;
};

Expected<Asked> read_asked(const Request& request) {
  Asked asked{text_parameter(request, "prefix"), text_parameter(request, "delimiter"), max_listed, {}};
  DL_ASSIGN(asked.limit, number_parameter(request, "max-keys", {}));
  DL_ASSIGN(asked.encode, NameEncoding::of(request));
  return asked;
}

// Owners repeat: their names are looked up once.
class Owners {
 public:
  explicit Owners(KeySource& keys) : keys_(keys) {}
  void give(XmlWriter& xml, std::string_view element, const std::string& id) {
    if (id != last_id_ || last_name_.empty()) {
      last_id_ = id;
      last_name_ = keys_.display_name(id).value_or(id);
    }
    xml.open(element);
    xml.text("ID", id);
    xml.text("DisplayName", last_name_);
    xml.close();
  }

 private:
  KeySource& keys_;
  std::string last_id_, last_name_;
};

Expected<objects::ListResult> list(Context& context, const Asked& asked, objects::ListRequest request) {
  request.bucket = context.bucket->name;
  request.prefix = asked.prefix;
  request.delimiter = asked.delimiter;
  request.limit = asked.limit;
  if (asked.limit == 0) return objects::ListResult();  // S3 calls that complete
  DL_ASSIGN(auto listed, context.services.objects.list(context.op, request));
  return listed;
}

void give_checksum_kind(XmlWriter& xml, const objects::Version& version) {
  const auto kept = checksum_of(version.properties);
  if (!kept) return;
  xml.text("ChecksumAlgorithm", info_of(kept->kind).name);
  xml.text("ChecksumType", value_of(version.properties, property::checksum_type));
}

void give_object(XmlWriter& xml, const objects::Version& version, const NameEncoding& encode, Owners* owners) {
  xml.open("Contents");
  xml.text("Key", encode(version.key));
  xml.text("LastModified", xml_time(version.modified));
  xml.text("ETag", quoted_etag(version.etag));
  give_checksum_kind(xml, version);
  xml.number("Size", version.size_bytes);
  if (owners != nullptr) owners->give(xml, "Owner", version.owner);
  xml.text("StorageClass", storage_class_of(version.properties));
  xml.close();
}

void give_prefixes(XmlWriter& xml, const std::vector<std::string>& prefixes, const NameEncoding& encode) {
  for (const std::string& prefix : prefixes) {
    xml.open("CommonPrefixes");
    xml.text("Prefix", encode(prefix));
    xml.close();
  }
}

}  // namespace

Expected<http::Answer> list_objects(Context& context) {
  const Request& request = context.request;
  DL_ASSIGN(const Asked asked, read_asked(request));
  const std::string marker = text_parameter(request, "marker");
  objects::ListRequest wanted;
  wanted.after = marker;
  DL_ASSIGN(const auto listed, list(context, asked, std::move(wanted)));
  Owners owners(context.services.keys);
  XmlWriter xml;
  xml.root("ListBucketResult");
  xml.text("Name", context.bucket->name);
  // Here encoding-type is documented to be about keys; SDKs decode those, and not all of them the prefix.
  xml.text("Prefix", asked.prefix);
  xml.text("Marker", asked.encode(marker));
  if (listed.truncated && !asked.delimiter.empty()) xml.text("NextMarker", asked.encode(listed.next));
  xml.number("MaxKeys", asked.limit);
  if (!asked.delimiter.empty()) xml.text("Delimiter", asked.encode(asked.delimiter));
  if (asked.encode.url()) xml.text("EncodingType", "url");
  xml.flag("IsTruncated", listed.truncated);
  for (const auto& version : listed.entries) give_object(xml, version, asked.encode, &owners);
  give_prefixes(xml, listed.prefixes, asked.encode);
  return xml_answer(xml.take());
}

Expected<http::Answer> list_objects_v2(Context& context) {
  const Request& request = context.request;
  if (text_parameter(request, "list-type") != "2") {
    return invalid_argument("Invalid List Type specified in Request", "list-type",
                            text_parameter(request, "list-type"));
  }
  DL_ASSIGN(const Asked asked, read_asked(request));
  const std::string* const token = request.parameter("continuation-token");
  const std::string start_after = text_parameter(request, "start-after");
  objects::ListRequest wanted;
  wanted.after = start_after;
  if (token != nullptr && !token->empty()) {
    DL_ASSIGN(wanted.after, read_token(*token));
  }
  DL_ASSIGN(const auto listed, list(context, asked, std::move(wanted)));
  Owners owners(context.services.keys);
  const bool with_owner = text_parameter(request, "fetch-owner") == "true";
  XmlWriter xml;
  xml.root("ListBucketResult");
  xml.text("Name", context.bucket->name);
  xml.text("Prefix", asked.encode(asked.prefix));
  if (token != nullptr) xml.text("ContinuationToken", *token);
  if (listed.truncated) xml.text("NextContinuationToken", make_token(listed.next));
  if (request.parameter("start-after") != nullptr) xml.text("StartAfter", asked.encode(start_after));
  xml.number("KeyCount", listed.entries.size() + listed.prefixes.size());
  xml.number("MaxKeys", asked.limit);
  if (!asked.delimiter.empty()) xml.text("Delimiter", asked.encode(asked.delimiter));
  if (asked.encode.url()) xml.text("EncodingType", "url");
  xml.flag("IsTruncated", listed.truncated);
  for (const auto& version : listed.entries) give_object(xml, version, asked.encode, with_owner ? &owners : nullptr);
  give_prefixes(xml, listed.prefixes, asked.encode);
  return xml_answer(xml.take());
}

namespace {

void give_version_entry(XmlWriter& xml, const objects::Version& version, const NameEncoding& encode, Owners& owners) {
  xml.open(version.delete_marker ? "DeleteMarker" : "Version");
  xml.text("Key", encode(version.key));
  xml.text("VersionId", version.id);
  xml.flag("IsLatest", version.latest);
  xml.text("LastModified", xml_time(version.modified));
  if (!version.delete_marker) {
    xml.text("ETag", quoted_etag(version.etag));
    give_checksum_kind(xml, version);
    xml.number("Size", version.size_bytes);
    xml.text("StorageClass", storage_class_of(version.properties));
  }
  owners.give(xml, "Owner", version.owner);
  xml.close();
}

}  // namespace

Expected<http::Answer> list_object_versions(Context& context) {
  const Request& request = context.request;
  DL_ASSIGN(const Asked asked, read_asked(request));
  const std::string key_marker = text_parameter(request, "key-marker");
  const std::string* const version_marker = request.parameter("version-id-marker");
  if (version_marker != nullptr && key_marker.empty()) {
    return invalid_argument("A version-id marker cannot be specified without a key marker.", "version-id-marker",
                            *version_marker);
  }
  if (version_marker != nullptr && version_marker->empty()) {
    return invalid_argument("A version-id marker cannot be empty.", "version-id-marker", "");
  }
  objects::ListRequest wanted;
  wanted.versions = true;
  wanted.after = key_marker;
  if (version_marker != nullptr) wanted.after_version = *version_marker;
  DL_ASSIGN(const auto listed, list(context, asked, std::move(wanted)));
  Owners owners(context.services.keys);
  XmlWriter xml;
  xml.root("ListVersionsResult");
  xml.text("Name", context.bucket->name);
  xml.text("Prefix", asked.encode(asked.prefix));
  xml.text("KeyMarker", asked.encode(key_marker));
  xml.text("VersionIdMarker", version_marker == nullptr ? "" : *version_marker);
  if (listed.truncated) {
    xml.text("NextKeyMarker", asked.encode(listed.next));
    if (!listed.next_version.empty()) xml.text("NextVersionIdMarker", listed.next_version);
  }
  xml.number("MaxKeys", asked.limit);
  if (!asked.delimiter.empty()) xml.text("Delimiter", asked.encode(asked.delimiter));
  if (asked.encode.url()) xml.text("EncodingType", "url");
  xml.flag("IsTruncated", listed.truncated);
  for (const auto& version : listed.entries) give_version_entry(xml, version, asked.encode, owners);
  give_prefixes(xml, listed.prefixes, asked.encode);
  return xml_answer(xml.take());
}

}  // namespace duskline::gateway
