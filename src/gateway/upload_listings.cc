// ListMultipartUploads and ListParts.
#include "gateway/digests.h"
#include "gateway/hooks.h"
#include "gateway/listing_parameters.h"
#include "gateway/metadata.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/stored.h"
#include "gateway/uploads.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

void give_user(XmlWriter& xml, std::string_view element, const std::string& id, KeySource& keys) {
  xml.open(element);
  xml.text("ID", id);
  xml.text("DisplayName", keys.display_name(id).value_or(id));
  xml.close();
}

void give_upload(XmlWriter& xml, const objects::Upload& upload, const NameEncoding& encode, KeySource& keys) {
  xml.open("Upload");
  xml.text("Key", encode(upload.key));
  xml.text("UploadId", upload.id);
  give_user(xml, "Initiator", upload.owner, keys);
  give_user(xml, "Owner", upload.owner, keys);
  xml.text("StorageClass", storage_class_of(upload.properties));
  xml.text("Initiated", xml_time(upload.begun));
  if (const UploadChecksum checksum = checksum_of_upload(upload); checksum.named) {
    xml.text("ChecksumAlgorithm", info_of(checksum.kind).name);
    xml.text("ChecksumType", name_of(checksum.form));
  }
  xml.close();
}

}  // namespace

Expected<http::Answer> list_uploads(Context& context) {
  const Request& request = context.request;
  DL_ASSIGN(const auto encode, NameEncoding::of(request));
  DL_ASSIGN(const auto limit, number_parameter(request, "max-uploads", {}));
  objects::UploadListRequest wanted{context.bucket->name,
                                    text_parameter(request, "prefix"),
                                    text_parameter(request, "delimiter"),
                                    text_parameter(request, "key-marker"),
                                    text_parameter(request, "upload-id-marker"),
                                    limit};
  if (wanted.after_key.empty()) wanted.after_upload.clear();  // it means nothing alone
  objects::UploadList listed;
  if (limit > 0) {
    DL_ASSIGN(listed, context.services.objects.uploads(context.op, wanted));
  }
  XmlWriter xml;
  xml.root("ListMultipartUploadsResult");
  xml.text("Bucket", context.bucket->name);
  xml.text("KeyMarker", encode(wanted.after_key));
  xml.text("UploadIdMarker", wanted.after_upload);
  if (listed.truncated) {
    xml.text("NextKeyMarker", encode(listed.next_key));
    xml.text("NextUploadIdMarker", listed.next_upload);
  }
  if (!wanted.prefix.empty()) xml.text("Prefix", encode(wanted.prefix));
  if (!wanted.delimiter.empty()) xml.text("Delimiter", encode(wanted.delimiter));
  xml.number("MaxUploads", limit);
  if (encode.url()) xml.text("EncodingType", "url");
  xml.flag("IsTruncated", listed.truncated);
  for (const auto& upload : listed.uploads) give_upload(xml, upload, encode, context.services.keys);
  for (const std::string& prefix : listed.prefixes) {
    xml.open("CommonPrefixes");
    xml.text("Prefix", encode(prefix));
    xml.close();
  }
  return xml_answer(xml.take());
}

Expected<http::Answer> list_parts(Context& context) {
  const Request& request = context.request;
  DL_TRY(context.allow("s3:ListMultipartUploadParts"));
  DL_ASSIGN(const auto upload, find_upload(context));
  DL_ASSIGN(const auto encode, NameEncoding::of(request));
  DL_ASSIGN(const auto limit, number_parameter(request, "max-parts", {}));
  DL_ASSIGN(const auto after, number_parameter(request, "part-number-marker", {0, max_part_number, 0}));
  objects::PartList listed;
  if (limit > 0) {
    DL_ASSIGN(listed, context.services.objects.parts(context.op, upload, after, limit));
  }
  const UploadChecksum checksum = checksum_of_upload(upload);
  XmlWriter xml;
  xml.root("ListPartsResult");
  xml.text("Bucket", upload.bucket);
  xml.text("Key", encode(upload.key));
  xml.text("UploadId", upload.id);
  give_user(xml, "Initiator", upload.owner, context.services.keys);
  give_user(xml, "Owner", upload.owner, context.services.keys);
  xml.text("StorageClass", storage_class_of(upload.properties));
  xml.number("PartNumberMarker", after);
  xml.number("NextPartNumberMarker", listed.parts.empty() ? 0 : listed.parts.back().number);
  xml.number("MaxParts", limit);
  if (encode.url()) xml.text("EncodingType", "url");
  xml.flag("IsTruncated", listed.truncated);
  if (checksum.named) {
    xml.text("ChecksumAlgorithm", info_of(checksum.kind).name);
    xml.text("ChecksumType", name_of(checksum.form));
  }
  for (const objects::Part& part : listed.parts) {
    xml.open("Part");
    xml.number("PartNumber", part.number);
    xml.text("LastModified", xml_time(part.modified));
    xml.text("ETag", quoted_etag(part.etag));
    xml.number("Size", part.size_bytes);
    if (checksum.named) {
      const ChecksumInfo& info = info_of(checksum.kind);
      xml.text(info.element, value_of(part.properties, info.property));
    }
    xml.close();
  }
  http::Answer answer = xml_answer(xml.take());
  give_abort_date(*context.bucket, upload, answer.headers);
  return answer;
}

}  // namespace duskline::gateway
