// CopyObject: the bytes are shared, not copied, unless the copy is to be encrypted otherwise.
#include <array>

#include "gateway/conditions.h"
#include "gateway/copy_source.h"
#include "gateway/digests.h"
#include "gateway/encryption.h"
#include "gateway/hooks.h"
#include "gateway/metadata.h"
#include "gateway/object_writer.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/stored.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

enum class Directive : std::uint8_t { copy, replace };

Expected<Directive> directive_of(const Request& request, std::string_view header) {
  const std::string* const text = request.header(header);
  if (text == nullptr || *text == "COPY") return Directive::copy;
  if (*text == "REPLACE") return Directive::replace;
  return invalid_argument("Unknown directive", std::string(header), *text);
}

struct Plan {
  Directive metadata = Directive::copy, tagging = Directive::copy;
  std::optional<ChecksumKind> checksum;
};

Expected<Plan> plan_of(const Request& request) {
  Plan plan;
  DL_ASSIGN(plan.metadata, directive_of(request, "x-amz-metadata-directive"));
  DL_ASSIGN(plan.tagging, directive_of(request, "x-amz-tagging-directive"));
  if (const std::string* const name = request.header("x-amz-checksum-algorithm")) {
    plan.checksum = checksum_named(*name);
    if (!plan.checksum) return unsupported_checksum();
  }
  return plan;
}

// A copy onto itself must change something.
Done refuse_idle_copy(const Context& context, const CopySource& source, const Plan& plan) {
  const Request& request = context.request;
  const bool same = source.bucket.name == context.bucket->name && source.name.key == request.key &&
                    (!source.name.version || source.version.latest);
  if (!same || plan.metadata == Directive::replace) return {};
  constexpr std::array<std::string_view, 5> changing = {"x-amz-storage-class", "x-amz-website-redirect-location",
                                                        "x-amz-server-side-encryption", "x-amz-checksum-algorithm",
                                                        "x-amz-server-side-encryption-customer-algorithm"};
  for (const std::string_view header : changing) {
    if (request.header(header) != nullptr) return {};
  }
  return S3Error(ErrorCode::invalid_request,
                 "This copy request is illegal because it is trying to copy an object to itself without changing the "
                 "object's metadata, storage class, website redirect location or encryption attributes.");
}

bool is_metadata(std::string_view name) {
  constexpr std::array<std::string_view, 6> kept = {"cache-control",    "content-disposition", "content-encoding",
                                                    "content-language", "content-type",        "expires"};
  return name.starts_with(property::user_metadata) || std::find(kept.begin(), kept.end(), name) != kept.end();
}

// What becomes of the bytes, and all that depends on them.
struct CopiedBytes {
  std::unique_ptr<objects::Incoming> bytes;
  std::string etag;
};

bool lies_in_one_run(const objects::Version& version) { return version.parts.empty(); }

// What the source had in checksums that covered all of it stays true.
bool keeps_checksum(const objects::Version& source, ChecksumKind wanted) {
  const auto kept = checksum_of(source.properties);
  return kept && kept->kind == wanted && value_of(source.properties, property::checksum_type) == "FULL_OBJECT";
}

// Shared with the source, which has the same encryption or none.
Expected<CopiedBytes> share_bytes(const Context& context, const CopySource& source, ChecksumKind wanted,
                                  objects::Properties& properties) {
  const objects::Version& version = source.version;
  if (const std::string* const nonce = find(version.properties, property::encryption_nonce)) {
    properties[std::string(property::encryption_nonce)] = *nonce;
  }
  if (keeps_checksum(version, wanted)) {
    keep_checksum(wanted, checksum_of(version.properties)->value, "FULL_OBJECT", properties);
  } else {
    std::optional<Decryptor> decryptor;
    if (source.key) decryptor.emplace(*source.key, version);
    Checksum checksum(wanted);
    DL_TRY(read_stored(context, {version, 0, version.size_bytes, decryptor ? &*decryptor : nullptr},
                       [&](ByteView piece) -> Done {
                         checksum.update(piece);
                         return {};
                       }));
    keep_checksum(wanted, to_base64(checksum.finish()), "FULL_OBJECT", properties);
  }
  DL_ASSIGN(auto bytes, context.services.objects.share(version, 0, version.size_bytes));
  return CopiedBytes{std::move(bytes), version.etag};
}

Expected<CopiedBytes> take_bytes(const Context& context, const CopySource& source, const Plan& plan,
                                 objects::Properties& properties) {
  const auto kept = checksum_of(source.version.properties);
  const ChecksumKind kind = plan.checksum.value_or(kept ? kept->kind : ChecksumKind::crc64nvme);
  const ObjectPlace place{context.bucket->name, context.request.key};
  DL_ASSIGN(const auto wanted, wanted_encryption(context, context.request.head->headers));
  if (wanted.by == encrypted_by(source.version.properties) && (!source.key || lies_in_one_run(source.version))) {
    // A key is sealed anew: for its place, and under what the request gave.
    if (source.key) DL_TRY(seal_object_key(context.services.sealing, wanted, place, *source.key, properties));
    return share_bytes(context, source, kind, properties);
  }
  DL_ASSIGN(const auto key, take_encryption(context, place, context.request.head->headers, properties));
  Digests digests(kind);
  DL_ASSIGN(auto bytes, copy_bytes(context, source, {0, source.version.size_bytes}, key, properties, digests));
  keep_checksum(kind, to_base64(digests.checksum.finish()), "FULL_OBJECT", properties);
  return CopiedBytes{std::move(bytes), etag_of(digests.md5.finish(), properties, key)};
}

Expected<objects::Properties> properties_of(const Context& context, const CopySource& source, const Plan& plan) {
  const http::Headers& headers = context.request.head->headers;
  objects::Properties properties;
  DL_TRY(take_metadata(headers, properties));
  if (plan.metadata == Directive::copy) {
    // Only the redirect is taken from the request; a copy does not inherit it.
    std::erase_if(properties, [](const auto& entry) { return is_metadata(entry.first); });
    for (const auto& [name, value] : source.version.properties) {
      if (is_metadata(name)) properties[name] = value;
    }
  }
  DL_TRY(take_storage_class(headers, properties));
  if (plan.tagging == Directive::replace) {
    DL_TRY(take_tagging(context, headers, properties));
  } else if (const std::string* const tags = find(source.version.properties, property::tags)) {
    DL_TRY(context.allow_on("s3:GetObjectTagging", source.bucket, source.name.key, &source.version));
    DL_TRY(context.allow("s3:PutObjectTagging"));
    properties[std::string(property::tags)] = *tags;
  }
  DL_TRY(take_object_acl(context, headers, properties));
  DL_TRY(take_object_lock(context, headers, properties));
  return properties;
}

Expected<objects::Version> put_copy(const Context& context, CopiedBytes copied, objects::Properties properties) {
  DL_ASSIGN(const auto conditions, write_conditions(context.request.head->headers));
  objects::PutRequest put{context.bucket->name, context.request.key, std::move(copied.bytes), std::move(copied.etag)};
  put.owner = owner_of_put(context, properties);
  put.properties = std::move(properties);
  S3Gate gate;
  put.gate = gate.gate([&](const objects::Version* current) -> std::optional<S3Error> {
    if (auto refused = judge_write(conditions, current)) return refused;
    return refuse_overwrite(context, current);
  });
  auto version = context.services.objects.put(context.op, std::move(put));
  if (!version) return gate.refusal_or(version.error());
  return std::move(*version);
}

}  // namespace

Expected<http::Answer> copy_object(Context& context) {
  DL_TRY(context.allow("s3:PutObject"));
  DL_ASSIGN(const Plan plan, plan_of(context.request));
  DL_ASSIGN(const CopySource source, find_copy_source(context));
  DL_TRY(refuse_idle_copy(context, source, plan));
  if (source.version.size_bytes > max_put_bytes) {
    return S3Error(ErrorCode::invalid_request,
                   "The specified copy source is larger than the maximum allowable size for a copy source: " +
                       std::to_string(max_put_bytes));
  }
  DL_ASSIGN(auto properties, properties_of(context, source, plan));
  DL_ASSIGN(auto copied, take_bytes(context, source, plan, properties));
  DL_ASSIGN(const auto version, put_copy(context, std::move(copied), std::move(properties)));
  context.object_bytes = version.size_bytes;
  XmlWriter xml;
  xml.root("CopyObjectResult");
  xml.text("LastModified", xml_time(version.modified));
  xml.text("ETag", quoted_etag(version.etag));
  give_checksum_elements(version.properties, xml);
  http::Answer answer = xml_answer(xml.take());
  give_source_version(source, answer.headers);
  give_version(context, version, answer.headers);
  give_encryption(context.request.head->headers, version.properties, answer.headers);
  give_expiration(*context.bucket, version, answer.headers);
  return answer;
}

}  // namespace duskline::gateway
