// Get, put and delete a bucket's policy, and whether the bucket is public.
#include "gateway/acl.h"
#include "gateway/configuration.h"
#include "gateway/policy.h"
#include "gateway/properties.h"
#include "gateway/public_access.h"
#include "gateway/xml.h"

namespace duskline::gateway {

Expected<http::Answer> get_bucket_policy(Context& context) {
  const std::string* const policy = find(context.bucket->properties, property::policy);
  if (policy == nullptr) return S3Error(ErrorCode::no_such_bucket_policy).with("BucketName", context.bucket->name);
  http::Answer answer;
  answer.headers.emplace_back("content-type", "application/json");
  answer.body = *policy;
  return answer;
}

Expected<http::Answer> put_bucket_policy(Context& context) {
  DL_ASSIGN(const Policy policy, Policy::parse(context.body, context.bucket->name));
  const bool is_public = policy.is_public();
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    if (is_public && public_access_of(bucket).access.block_policy) {
      return S3Error(ErrorCode::access_denied,
                     "Public policies are blocked by the BlockPublicPolicy setting in S3 Block Public Access.");
    }
    bucket.properties[std::string(property::policy)] = context.body;
    return {};
  }));
  return empty_answer(204);
}

Expected<http::Answer> delete_bucket_policy(Context& context) {
  DL_TRY(change_bucket(context, [](objects::Bucket& bucket) -> Done {
    bucket.properties.erase(std::string(property::policy));
    return {};
  }));
  return empty_answer(204);
}

// By its policy or by its ACL, as far as blocked public access lets these count.
Expected<http::Answer> get_bucket_policy_status(Context& context) {
  const objects::Bucket& bucket = *context.bucket;
  const PublicAccess blocked = public_access_of(bucket).access;
  bool is_public = false;
  if (const std::string* const text = find(bucket.properties, property::policy)) {
    const auto policy = Policy::parse(*text, bucket.name);
    is_public = policy && policy->is_public() && !blocked.restrict_bucket;
  }
  const bool acls_count = ownership_of(bucket) != Ownership::bucket_owner_enforced && !blocked.ignore_acls;
  is_public = is_public || (acls_count && Acl::of(bucket.properties, bucket.owner).is_public());
  XmlWriter xml;
  xml.root("PolicyStatus");
  xml.flag("IsPublic", is_public);
  return xml_answer(xml.take());
}

}  // namespace duskline::gateway
