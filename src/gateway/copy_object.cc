// CopyObject: the bytes are shared, not copied.
#include <array>

#include "gateway/conditions.h"
#include "gateway/copy_source.h"
#include "gateway/digests.h"
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
  constexpr std::array<std::string_view, 4> changing = {"x-amz-storage-class", "x-amz-website-redirect-location",
                                                        "x-amz-server-side-encryption", "x-amz-checksum-algorithm"};
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

// With its own bytes: what the bytes' source had in checksums that covered all of it stays true.
Done take_checksum(const Context& context, const Plan& plan, const objects::Version& source,
                   objects::Properties& properties) {
  const auto kept = checksum_of(source.properties);
  const bool whole = kept && value_of(source.properties, property::checksum_type) == "FULL_OBJECT";
  const ChecksumKind wanted = plan.checksum.value_or(kept ? kept->kind : ChecksumKind::crc64nvme);
  if (whole && kept->kind == wanted) {
    keep_checksum(wanted, kept->value, "FULL_OBJECT", properties);
    return {};
  }
  Digests digests(wanted);
  DL_TRY(digest_stored(context, {source, 0, source.size_bytes}, digests));
  keep_checksum(wanted, to_base64(digests.checksum.finish()), "FULL_OBJECT", properties);
  return {};
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
  DL_TRY(take_encryption(context, headers, properties));
  if (plan.tagging == Directive::replace) {
    DL_TRY(take_tagging(context, headers, properties));
  } else if (const std::string* const tags = find(source.version.properties, property::tags)) {
    DL_TRY(context.allow_on("s3:GetObjectTagging", source.bucket, source.name.key, &source.version));
    DL_TRY(context.allow("s3:PutObjectTagging"));
    properties[std::string(property::tags)] = *tags;
  }
  DL_TRY(take_object_acl(context, headers, properties));
  DL_TRY(take_object_lock(context, headers, properties));
  DL_TRY(take_checksum(context, plan, source.version, properties));
  return properties;
}

Expected<objects::Version> put_copy(const Context& context, const CopySource& source, objects::Properties properties) {
  DL_ASSIGN(const auto conditions, write_conditions(context.request.head->headers));
  DL_ASSIGN(auto bytes, context.services.objects.share(source.version, 0, source.version.size_bytes));
  objects::PutRequest put{context.bucket->name, context.request.key, std::move(bytes), source.version.etag};
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
  DL_TRY(refuse_customer_keys(context.request.head->headers));
  DL_ASSIGN(const Plan plan, plan_of(context.request));
  DL_ASSIGN(const CopySource source, find_copy_source(context));
  DL_TRY(refuse_idle_copy(context, source, plan));
  if (source.version.size_bytes > max_put_bytes) {
    return S3Error(ErrorCode::invalid_request,
                   "The specified copy source is larger than the maximum allowable size for a copy source: " +
                       std::to_string(max_put_bytes));
  }
  DL_ASSIGN(auto properties, properties_of(context, source, plan));
  DL_ASSIGN(const auto version, put_copy(context, source, std::move(properties)));
  context.object_bytes = version.size_bytes;
  XmlWriter xml;
  xml.root("CopyObjectResult");
  xml.text("LastModified", xml_time(version.modified));
  xml.text("ETag", quoted_etag(version.etag));
  give_checksum_elements(version.properties, xml);
  http::Answer answer = xml_answer(xml.take());
  give_source_version(source, answer.headers);
  give_version(context, version, answer.headers);
  give_encryption(version.properties, answer.headers);
  give_expiration(*context.bucket, version, answer.headers);
  return answer;
}

}  // namespace duskline::gateway
