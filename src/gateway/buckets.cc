// Operations on buckets themselves.
#include <algorithm>
#include <charconv>

#include "gateway/conditions.h"
#include "gateway/configuration.h"
#include "gateway/hooks.h"
#include "gateway/listing_parameters.h"
#include "gateway/operations.h"
#include "gateway/properties.h"
#include "gateway/route.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t max_buckets_per_owner = 10'000;
constexpr std::uint32_t max_listed_buckets = 10'000;

void give_owner(XmlWriter& xml, const std::string& id, const std::string& display_name) {
  xml.open("Owner");
  xml.text("ID", id);
  xml.text("DisplayName", display_name);
  xml.close();
}

std::string region_of(const Context& context, const objects::Bucket& bucket) {
  const std::string* const location = find(bucket.properties, property::location);
  return location == nullptr || location->empty() ? context.services.options.region : *location;
}

// "eu-west-1", "us-gov-east-1": a place in the world, a direction, a number.
bool is_amazon_region(std::string_view text) {
  const bool clean = std::all_of(text.begin(), text.end(),
                                 [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  constexpr std::size_t longest = 64;
  const auto last = text.rfind('-');
  return clean && text.size() <= longest && std::count(text.begin(), text.end(), '-') >= 2 && last + 1 < text.size() &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(last) + 1, text.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

// There is one region; programs that were made for Amazon's may name theirs.
bool is_location(const Context& context, std::string_view text) {
  return text.empty() || text == context.services.options.region || text == "EU" || is_amazon_region(text);
}

// From CreateBucketConfiguration; empty where there is none.
Expected<std::string> wanted_location(const Context& context) {
  const std::string& body = context.body;
  if (body.find_first_not_of(" \t\r\n") == std::string::npos) return std::string();
  DL_ASSIGN(const auto document, XmlDocument::parse(body, "CreateBucketConfiguration"));
  std::string location = document.root().text_of("LocationConstraint").value_or("");
  if (!is_location(context, location)) {
    return S3Error(ErrorCode::invalid_location_constraint).with("LocationConstraint", location);
  }
  return location;
}

// A bucket of that name is there already: who asks decides what that means.
Expected<http::Answer> existing(Context& context, const objects::Bucket& bucket) {
  if (bucket.owner != context.caller.user) {
    return S3Error(ErrorCode::bucket_already_exists).with("BucketName", bucket.name);
  }
  // As S3 does in its first region, for the sake of old programs; elsewhere it is an error.
  if (context.services.options.region != "us-east-1") {
    return S3Error(ErrorCode::bucket_already_owned_by_you).with("BucketName", bucket.name);
  }
  // There, its ACL begins anew too.
  objects::Bucket wanted{bucket.name, bucket.owner};
  wanted.properties = bucket.properties;
  wanted.properties.erase(std::string(property::acl));
  context.bucket = bucket;
  DL_TRY(context.allow("s3:PutBucketAcl"));
  DL_TRY(take_bucket_acl(context, context.request.head->headers, wanted));
  DL_TRY(change_bucket(context, [&](objects::Bucket& changed) -> Done {
    const std::string* const acl = find(wanted.properties, property::acl);
    if (acl == nullptr) {
      changed.properties.erase(std::string(property::acl));
    } else {
      changed.properties[std::string(property::acl)] = *acl;
    }
    return {};
  }));
  http::Answer answer;
  answer.headers.emplace_back("location", "/" + bucket.name);
  return answer;
}

Done check_count(const Context& context) {
  DL_ASSIGN(const auto all, context.services.objects.buckets());
  const auto own = std::count_if(all.begin(), all.end(),
                                 [&](const objects::Bucket& bucket) { return bucket.owner == context.caller.user; });
  if (static_cast<std::size_t>(own) >= max_buckets_per_owner) return ErrorCode::too_many_buckets;
  return {};
}

std::string_view status_of(objects::Versioning versioning) {
  return versioning == objects::Versioning::on ? "Enabled" : "Suspended";
}

}  // namespace

Expected<http::Answer> list_buckets(Context& context) {
  if (context.caller.anonymous()) return ErrorCode::access_denied;
  const Request& request = context.request;
  const std::string* const prefix = request.parameter("prefix");
  const std::string* const token = request.parameter("continuation-token");
  const std::string* const region = request.parameter("bucket-region");
  DL_ASSIGN(const auto limit, number_parameter(request, "max-buckets", {1, max_listed_buckets, max_listed_buckets}));
  std::string after;
  if (token != nullptr) {
    DL_ASSIGN(after, read_token(*token));
  }
  DL_ASSIGN(auto buckets, context.services.objects.buckets());
  std::erase_if(buckets, [&](const objects::Bucket& bucket) {
    if (bucket.owner != context.caller.user || bucket.name <= after) return true;
    if (prefix != nullptr && !bucket.name.starts_with(*prefix)) return true;
    return region != nullptr && region_of(context, bucket) != *region;
  });
  const bool truncated = buckets.size() > limit;
  if (truncated) buckets.resize(limit);
  const bool paged = request.parameter("max-buckets") != nullptr || token != nullptr || prefix != nullptr;
  XmlWriter xml;
  xml.root("ListAllMyBucketsResult");
  give_owner(xml, context.caller.user, context.caller.display_name);
  xml.open("Buckets");
  for (const objects::Bucket& bucket : buckets) {
    xml.open("Bucket");
    xml.text("Name", bucket.name);
    xml.text("CreationDate", xml_time(bucket.created));
    if (paged) xml.text("BucketRegion", region_of(context, bucket));
    xml.close();
  }
  xml.close();
  if (prefix != nullptr) xml.text("Prefix", *prefix);
  if (truncated) xml.text("ContinuationToken", make_token(buckets.back().name));
  return xml_answer(xml.take());
}

Expected<http::Answer> create_bucket(Context& context) {
  if (context.caller.anonymous()) return ErrorCode::access_denied;
  const std::string& name = context.request.bucket;
  if (!is_bucket_name(name)) return S3Error(ErrorCode::invalid_bucket_name).with("BucketName", name);
  DL_ASSIGN(auto location, wanted_location(context));
  DL_ASSIGN(const auto present, context.services.objects.bucket(name));
  if (present) return existing(context, *present);
  DL_TRY(context.allow("s3:CreateBucket"));
  DL_TRY(check_count(context));
  objects::Bucket bucket{name, context.caller.user, context.request.now};
  if (!location.empty()) bucket.properties[std::string(property::location)] = std::move(location);
  DL_TRY(take_bucket_settings(context, context.request.head->headers, bucket));
  const auto created = context.services.objects.create_bucket(context.op, bucket);
  if (!created) {
    if (created.error().code != Code::already_exists) return created.error();
    DL_ASSIGN(const auto winner, context.services.objects.bucket(name));
    if (winner) return existing(context, *winner);
    return ErrorCode::operation_aborted;
  }
  http::Answer answer;
  answer.headers.emplace_back("location", "/" + name);
  return answer;
}

Expected<http::Answer> head_bucket(Context& context) {
  http::Answer answer;
  answer.headers.emplace_back("x-amz-bucket-region", region_of(context, *context.bucket));
  answer.headers.emplace_back("x-amz-access-point-alias", "false");
  answer.headers.emplace_back("content-type", "application/xml");
  answer.head_length = 0;
  return answer;
}

Expected<http::Answer> delete_bucket(Context& context) {
  const auto removed = context.services.objects.remove_bucket(context.op, context.bucket->name);
  if (removed) return empty_answer(204);
  if (removed.error().code == Code::refused) {
    return S3Error(ErrorCode::bucket_not_empty).with("BucketName", context.bucket->name);
  }
  if (removed.error().code == Code::not_found) return ErrorCode::no_such_bucket;
  return removed.error();
}

Expected<http::Answer> get_bucket_location(Context& context) {
  const std::string region = region_of(context, *context.bucket);
  XmlWriter xml;
  xml.open("LocationConstraint", "xmlns=\"" + std::string(s3_namespace) + "\"");
  // The first region's name is nothing, by tradition.
  if (region != "us-east-1") xml.raw(region);
  return xml_answer(xml.take());
}

Expected<http::Answer> get_bucket_versioning(Context& context) {
  XmlWriter xml;
  xml.root("VersioningConfiguration");
  if (context.versioned()) xml.text("Status", status_of(context.bucket->versioning));
  return xml_answer(xml.take());
}

Expected<http::Answer> put_bucket_versioning(Context& context) {
  DL_ASSIGN(const auto document, XmlDocument::parse(context.body, "VersioningConfiguration"));
  const auto status = document.root().text_of("Status");
  if (!status) return ErrorCode::illegal_versioning_configuration;
  if (*status != "Enabled" && *status != "Suspended") return ErrorCode::malformed_xml;
  if (document.root().text_of("MfaDelete").value_or("Disabled") != "Disabled") {
    return S3Error(ErrorCode::not_implemented, "MFA delete is not implemented");
  }
  const auto wanted = *status == "Enabled" ? objects::Versioning::on : objects::Versioning::suspended;
  std::optional<S3Error> refusal;
  const auto changed =
      context.services.objects.change_bucket(context.op, context.bucket->name, [&](objects::Bucket& bucket) -> Status {
        if (wanted == objects::Versioning::suspended && has_object_lock(bucket)) {
          refusal = S3Error(ErrorCode::invalid_bucket_state,
                            "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
                            "changed.");
          return Error{Code::refused, "locked"};
        }
        bucket.versioning = wanted;
        return {};
      });
  if (refusal) return std::move(*refusal);
  if (!changed) return changed.error();
  return http::Answer();
}

}  // namespace duskline::gateway
