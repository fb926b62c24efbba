#include "gateway/complete_upload.h"

#include <algorithm>
#include <charconv>

#include "gateway/conditions.h"
#include "gateway/encryption.h"
#include "gateway/hooks.h"
#include "gateway/object_writer.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/stored.h"
#include "gateway/xml.h"
#include "s3/uri.h"

namespace duskline::gateway {
namespace {

S3Error invalid_part(const NamedPart& part) {
  return S3Error(ErrorCode::invalid_part).with("PartNumber", std::to_string(part.number)).with("ETag", part.etag);
}

Expected<NamedPart> read_part(const XmlNode& node) {
  NamedPart part;
  const auto number = node.text_of("PartNumber"), etag = node.text_of("ETag");
  if (!number || !etag) return ErrorCode::malformed_xml;
  const auto [end, failed] = std::from_chars(number->data(), number->data() + number->size(), part.number);
  if (failed != std::errc{} || end != number->data() + number->size()) return ErrorCode::malformed_xml;
  part.etag = unquoted(*etag);
  for (std::size_t i = 0; i < checksum_kinds; ++i) {
    const auto kind = static_cast<ChecksumKind>(i);
    if (const auto value = node.text_of(info_of(kind).element)) {
      part.kind = kind;
      part.checksum = *value;
    }
  }
  return part;
}

std::string checksum_of_part(const objects::Part& part, ChecksumKind kind) {
  return value_of(part.properties, info_of(kind).property);
}

Done check_part(const NamedPart& named, const objects::Part& have, const UploadChecksum& checksum) {
  if (named.etag != have.etag) return invalid_part(named);
  if (named.kind) {
    const std::string kept = checksum_of_part(have, *named.kind);
    if (!kept.empty() && kept != named.checksum) return invalid_part(named);
    if (kept.empty() && checksum.named) return invalid_part(named);
  } else if (checksum.named && checksum.form == ChecksumForm::composite) {
    std::string name(info_of(checksum.kind).name);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return S3Error(ErrorCode::invalid_request,
                   "The upload was created using a " + name +
                       " checksum. The complete request must include the checksum for each part. It was missing for "
                       "part " +
                       std::to_string(named.number) + " in the request.");
  }
  return {};
}

// Over the parts' checksums, or combined from them; nothing where a part lacks its own.
class ObjectChecksum {
 public:
  explicit ObjectChecksum(const UploadChecksum& checksum) : checksum_(checksum), over_(checksum.kind) {}

  void add(const objects::Part& part) {
    const auto bytes = parse_checksum(checksum_.kind, checksum_of_part(part, checksum_.kind));
    if (!bytes) {
      whole_ = false;
      return;
    }
    ++parts_;
    if (checksum_.form == ChecksumForm::composite) {
      over_.update(*bytes);
    } else {
      combined_ = combined_ ? checksum_of_both(checksum_.kind, *combined_, *bytes, part.size_bytes) : *bytes;
    }
  }

  std::optional<std::string> finish() {
    if (!whole_) return std::nullopt;
    if (checksum_.form == ChecksumForm::full_object) return to_base64(*combined_);
    return to_base64(over_.finish()) + "-" + std::to_string(parts_);
  }

 private:
  const UploadChecksum& checksum_;
  Checksum over_;
  std::optional<Bytes> combined_;
  std::size_t parts_ = 0;
  bool whole_ = true;
};

}  // namespace

Expected<std::vector<NamedPart>> read_named_parts(std::string_view xml) {
  DL_ASSIGN(const auto document, XmlDocument::parse(xml, "CompleteMultipartUpload"));
  std::vector<NamedPart> parts;
  for (const XmlNode& node : document.root().children("Part")) {
    DL_ASSIGN(auto part, read_part(node));
    if (!parts.empty() && part.number <= parts.back().number) return ErrorCode::invalid_part_order;
    parts.push_back(std::move(part));
  }
  if (parts.empty() || parts.size() > max_part_number) return ErrorCode::malformed_xml;
  return parts;
}

Expected<Assembly> assemble(const std::vector<NamedPart>& named, const std::vector<objects::Part>& have,
                            const UploadChecksum& checksum) {
  Assembly assembly;
  Digest etag(DigestKind::md5);
  ObjectChecksum object_checksum(checksum);
  auto at = have.begin();
  for (const NamedPart& part : named) {
    at = std::lower_bound(at, have.end(), part.number,
                          [](const objects::Part& one, std::uint32_t number) { return one.number < number; });
    if (at == have.end() || at->number != part.number) return invalid_part(part);
    DL_TRY(check_part(part, *at, checksum));
    if (&part != &named.back() && at->size_bytes < least_part_bytes) {
      return S3Error(ErrorCode::entity_too_small)
          .with("ProposedSize", std::to_string(at->size_bytes))
          .with("MinSizeAllowed", std::to_string(least_part_bytes))
          .with("PartNumber", std::to_string(part.number))
          .with("ETag", part.etag);
    }
    assembly.numbers.push_back(part.number);
    assembly.size_bytes += at->size_bytes;
    if (const auto bytes = from_hex(at->etag)) etag.update(*bytes);
    object_checksum.add(*at);
  }
  if (assembly.size_bytes > max_object_bytes) return too_large(assembly.size_bytes, max_object_bytes);
  assembly.etag = to_hex(etag.finish()) + "-" + std::to_string(named.size());
  assembly.checksum = object_checksum.finish();
  return assembly;
}

namespace {

constexpr std::uint32_t parts_in_a_page = 1000;

Expected<std::vector<objects::Part>> all_parts(const Context& context, const objects::Upload& upload) {
  std::vector<objects::Part> parts;
  for (;;) {
    const std::uint32_t after = parts.empty() ? 0 : parts.back().number;
    DL_ASSIGN(auto page, context.services.objects.parts(context.op, upload, after, parts_in_a_page));
    std::move(page.parts.begin(), page.parts.end(), std::back_inserter(parts));
    if (!page.truncated || page.parts.empty()) return parts;
  }
}

// What the request itself says of the whole: size, checksum, its type.
Done check_whole(const Context& context, const Assembly& assembly, const UploadChecksum& checksum) {
  const http::Headers& headers = context.request.head->headers;
  if (const std::string* const size = find_header(headers, "x-amz-mp-object-size")) {
    if (*size != std::to_string(assembly.size_bytes)) {
      return S3Error(ErrorCode::invalid_request,
                     "The provided 'x-amz-mp-object-size' header does not match what was computed.");
    }
  }
  if (const std::string* const type = find_header(headers, "x-amz-checksum-type")) {
    if (checksum.named && *type != name_of(checksum.form)) {
      return S3Error(ErrorCode::invalid_request,
                     "The upload was created using the " + std::string(name_of(checksum.form)) +
                         " checksum mode. The complete request must use the same checksum mode.");
    }
  }
  for (std::size_t i = 0; i < checksum_kinds; ++i) {
    const auto kind = static_cast<ChecksumKind>(i);
    const std::string* const value = find_header(headers, info_of(kind).header);
    if (value == nullptr) continue;
    if (kind != checksum.kind) {
      return S3Error(ErrorCode::invalid_request, "The upload was created with another checksum algorithm.");
    }
    if (assembly.checksum && *value != *assembly.checksum) {
      return S3Error(ErrorCode::bad_digest, "The " + std::string(info_of(kind).name) +
                                                " you specified did not match the calculated checksum.");
    }
  }
  return {};
}

http::Answer completed(const Context& context, const objects::Version& version) {
  const Request& request = context.request;
  const std::string* const host = request.header("host");
  std::string location = request.head->secure ? "https://" : "http://";
  location += (host == nullptr ? "" : *host) + "/";
  if (!request.virtual_host) location += version.bucket + "/";
  location += s3::uri_encode(version.key, s3::Slash::keep);
  XmlWriter xml;
  xml.root("CompleteMultipartUploadResult");
  xml.text("Location", location);
  xml.text("Bucket", version.bucket);
  xml.text("Key", version.key);
  xml.text("ETag", quoted_etag(version.etag));
  give_checksum_elements(version.properties, xml);
  http::Answer answer = xml_answer(xml.take());
  give_version(context, version, answer.headers);
  give_encryption(request.head->headers, version.properties, answer.headers);
  give_expiration(*context.bucket, version, answer.headers);
  return answer;
}

// The object that this upload became, where it was completed before: the client may not have heard of it.
Expected<std::optional<objects::Version>> already_completed(const Context& context, const std::string& upload) {
  objects::ListRequest request{context.bucket->name, context.request.key};
  request.versions = true;
  DL_ASSIGN(const auto listed, context.services.objects.list(context.op, request));
  for (const objects::Version& version : listed.entries) {
    if (version.key == context.request.key && value_of(version.properties, property::upload) == upload) {
      return std::optional(version);
    }
  }
  return std::optional<objects::Version>();
}

Expected<http::Answer> complete_again(const Context& context, const std::vector<NamedPart>& named, S3Error error) {
  DL_ASSIGN(const auto version, already_completed(context, *context.request.parameter("uploadId")));
  if (!version) return error;
  Digest etag(DigestKind::md5);
  for (const NamedPart& part : named) {
    const auto bytes = from_hex(part.etag);
    if (!bytes) return invalid_part(part);
    etag.update(*bytes);
  }
  if (version->etag != to_hex(etag.finish()) + "-" + std::to_string(named.size())) return error;
  return completed(context, *version);
}

}  // namespace

Expected<http::Answer> complete_upload(Context& context) {
  DL_ASSIGN(const auto named, read_named_parts(context.body));
  auto upload = find_upload(context);
  if (!upload) {
    if (upload.error().code != ErrorCode::no_such_upload) return upload.error();
    return complete_again(context, named, upload.error());
  }
  const UploadChecksum checksum = checksum_of_upload(*upload);
  DL_ASSIGN(const auto parts, all_parts(context, *upload));
  DL_ASSIGN(auto assembly, assemble(named, parts, checksum));
  DL_TRY(check_whole(context, assembly, checksum));
  DL_ASSIGN(const auto conditions, write_conditions(context.request.head->headers));

  objects::CompleteRequest request{upload->bucket, upload->key, upload->id, std::move(assembly.numbers)};
  for (const NamedPart& part : named) request.part_etags.push_back(part.etag);
  request.etag = assembly.etag;
  request.properties = upload->properties;
  request.properties.erase(std::string(property::checksum_algorithm));
  request.properties.erase(std::string(property::checksum_type));
  request.properties[std::string(property::upload)] = upload->id;
  if (assembly.checksum) {
    keep_checksum(checksum.kind, *assembly.checksum, name_of(checksum.form), request.properties);
  }
  request.owner = owner_of_put(context, request.properties);
  S3Gate gate;
  request.gate = gate.gate([&](const objects::Version* current) -> std::optional<S3Error> {
    if (auto refused = judge_write(conditions, current)) return refused;
    return refuse_overwrite(context, current);
  });
  const auto version = context.services.objects.complete(context.op, std::move(request));
  if (!version) {
    if (version.error().code == Code::invalid) return ErrorCode::invalid_part;  // replaced meanwhile
    if (version.error().code != Code::not_found) return gate.refusal_or(version.error());
    // Another complete, or an abort, was quicker.
    return complete_again(context, named, S3Error(ErrorCode::no_such_upload).with("UploadId", upload->id));
  }
  context.object_bytes = version->size_bytes;
  return completed(context, *version);
}

}  // namespace duskline::gateway
