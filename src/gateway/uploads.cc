// CreateMultipartUpload, AbortMultipartUpload, and what the other operations on uploads need.
#include "gateway/uploads.h"

#include <charconv>

#include "gateway/encryption.h"
#include "gateway/hooks.h"
#include "gateway/metadata.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/stored.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

S3Error no_such_upload(const std::string& id) { return S3Error(ErrorCode::no_such_upload).with("UploadId", id); }

S3Error wrong_type(std::string_view type, const ChecksumInfo& info) {
  return {ErrorCode::invalid_request, "The " + std::string(type) + " checksum type cannot be used with the " +
                                          std::string(info.name) + " checksum algorithm."};
}

}  // namespace

std::string_view name_of(ChecksumForm form) { return form == ChecksumForm::composite ? "COMPOSITE" : "FULL_OBJECT"; }

Expected<objects::Upload> find_upload(const Context& context) {
  const std::string& id = *context.request.parameter("uploadId");
  DL_ASSIGN(auto upload, context.services.objects.upload(context.bucket->name, context.request.key, id));
  if (!upload) return no_such_upload(id);
  return std::move(*upload);
}

Expected<std::uint32_t> part_number(const Request& request) {
  const std::string& text = *request.parameter("partNumber");
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size() || number < 1 || number > max_part_number) {
    return invalid_argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", text);
  }
  return number;
}

UploadChecksum checksum_of_upload(const objects::Upload& upload) {
  UploadChecksum checksum;
  const auto named = checksum_named(value_of(upload.properties, property::checksum_algorithm));
  if (!named) return checksum;
  const bool composite = value_of(upload.properties, property::checksum_type) == "COMPOSITE";
  return {*named, composite ? ChecksumForm::composite : ChecksumForm::full_object, true};
}

Done take_upload_checksum(const http::Headers& headers, objects::Properties& properties) {
  const std::string* const algorithm = find_header(headers, "x-amz-checksum-algorithm");
  const std::string* const type = find_header(headers, "x-amz-checksum-type");
  if (algorithm == nullptr) {
    if (type == nullptr) return {};
    return S3Error(ErrorCode::invalid_request,
                   "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
  }
  const auto kind = checksum_named(*algorithm);
  if (!kind) return unsupported_checksum();
  const ChecksumInfo& info = info_of(*kind);
  std::string_view form = *kind == ChecksumKind::crc64nvme ? "FULL_OBJECT" : "COMPOSITE";
  if (type != nullptr) {
    if (*type != "FULL_OBJECT" && *type != "COMPOSITE") {
      return S3Error(ErrorCode::invalid_request, "Value for x-amz-checksum-type header is invalid.");
    }
    if (*type == "FULL_OBJECT" && !is_crc(*kind)) return wrong_type(*type, info);
    if (*type == "COMPOSITE" && *kind == ChecksumKind::crc64nvme) return wrong_type(*type, info);
    form = *type;
  }
  properties[std::string(property::checksum_algorithm)] = info.name;
  properties[std::string(property::checksum_type)] = form;
  return {};
}

Expected<http::Answer> create_upload(Context& context) {
  DL_TRY(context.allow("s3:PutObject"));
  const http::Headers& headers = context.request.head->headers;
  objects::Upload upload{context.bucket->name, context.request.key, {}, context.request.now, context.caller.user};
  objects::Properties& properties = upload.properties;
  DL_TRY(take_metadata(headers, properties));
  DL_TRY(take_storage_class(headers, properties));
  DL_TRY(take_encryption(context, {upload.bucket, upload.key}, headers, properties));
  DL_TRY(take_tagging(context, headers, properties));
  DL_TRY(take_object_acl(context, headers, properties));
  DL_TRY(take_object_lock(context, headers, properties));
  DL_TRY(take_upload_checksum(headers, properties));
  auto made = context.services.objects.create_upload(context.op, upload);
  if (!made) {
    if (made.error().code == Code::not_found) return ErrorCode::no_such_bucket;
    return made.error();
  }
  XmlWriter xml;
  xml.root("InitiateMultipartUploadResult");
  xml.text("Bucket", upload.bucket);
  xml.text("Key", upload.key);
  xml.text("UploadId", made->id);
  http::Answer answer = xml_answer(xml.take());
  give_encryption(headers, made->properties, answer.headers);
  if (const UploadChecksum checksum = checksum_of_upload(*made); checksum.named) {
    answer.headers.emplace_back("x-amz-checksum-algorithm", info_of(checksum.kind).name);
    answer.headers.emplace_back("x-amz-checksum-type", name_of(checksum.form));
  }
  give_abort_date(*context.bucket, *made, answer.headers);
  return answer;
}

Expected<http::Answer> abort_upload(Context& context) {
  DL_TRY(context.allow("s3:AbortMultipartUpload"));
  DL_ASSIGN(const auto upload, find_upload(context));
  const auto aborted = context.services.objects.abort(context.op, upload);
  if (!aborted) {
    if (aborted.error().code == Code::not_found) return no_such_upload(upload.id);
    return aborted.error();
  }
  return empty_answer(204);
}

}  // namespace duskline::gateway
