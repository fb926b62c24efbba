// Lifecycle, blocked public access, ownership and default encryption of buckets.
#include "gateway/acl.h"
#include "gateway/configuration.h"
#include "gateway/encryption.h"
#include "gateway/lifecycle.h"
#include "gateway/properties.h"
#include "gateway/public_access.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

Expected<http::Answer> set(Context& context, std::string_view name, const std::string& value) {
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    bucket.properties[std::string(name)] = value;
    return {};
  }));
  return empty_answer(200);
}

Expected<http::Answer> take_away(Context& context, std::string_view name) {
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    bucket.properties.erase(std::string(name));
    return {};
  }));
  return empty_answer(204);
}

}  // namespace

Expected<http::Answer> get_bucket_lifecycle(Context& context) {
  const std::string* const stored = find(context.bucket->properties, property::lifecycle);
  if (stored == nullptr) {
    return S3Error(ErrorCode::no_such_lifecycle_configuration).with("BucketName", context.bucket->name);
  }
  return xml_answer(*stored);
}

Expected<http::Answer> put_bucket_lifecycle(Context& context) {
  DL_ASSIGN(const LifecycleRules rules, parse_lifecycle(context.body));
  return set(context, property::lifecycle, lifecycle_document(rules));
}

Expected<http::Answer> delete_bucket_lifecycle(Context& context) { return take_away(context, property::lifecycle); }

Expected<http::Answer> get_public_access_block(Context& context) {
  const PublicAccessState state = public_access_of(*context.bucket);
  if (state.kind != PublicAccessState::Kind::block) {
    return S3Error(ErrorCode::no_such_public_access_block_configuration).with("BucketName", context.bucket->name);
  }
  return xml_answer(public_access_document(state.access));
}

Expected<http::Answer> put_public_access_block(Context& context) {
  DL_ASSIGN(const PublicAccess access, parse_public_access_document(context.body));
  return set(context, property::public_access_block, encode({PublicAccessState::Kind::block, access}));
}

// Remembered, since it opens the bucket to whom ACL and policy allow.
Expected<http::Answer> delete_public_access_block(Context& context) {
  DL_TRY(set(context, property::public_access_block, encode({PublicAccessState::Kind::removed, {}})));
  return empty_answer(204);
}

Expected<http::Answer> get_ownership_controls(Context& context) {
  const std::string* const stored = find(context.bucket->properties, property::ownership);
  if (stored == nullptr) {
    return S3Error(ErrorCode::ownership_controls_not_found).with("BucketName", context.bucket->name);
  }
  return xml_answer(ownership_document(*stored));
}

Expected<http::Answer> put_ownership_controls(Context& context) {
  DL_ASSIGN(const std::string ownership, parse_ownership_document(context.body));
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    const bool has_acl = Acl::of(bucket.properties, bucket.owner) != Acl::private_to(bucket.owner);
    if (ownership == "BucketOwnerEnforced" && has_acl) {
      return S3Error(ErrorCode::invalid_bucket_acl_with_object_ownership);
    }
    bucket.properties[std::string(property::ownership)] = ownership;
    return {};
  }));
  return empty_answer(200);
}

Expected<http::Answer> delete_ownership_controls(Context& context) { return take_away(context, property::ownership); }

Expected<http::Answer> get_bucket_encryption(Context& context) {
  const std::string* const stored = find(context.bucket->properties, property::bucket_encryption);
  if (stored == nullptr) {
    return S3Error(ErrorCode::server_side_encryption_configuration_not_found).with("BucketName", context.bucket->name);
  }
  return xml_answer(*stored);
}

Expected<http::Answer> put_bucket_encryption(Context& context) {
  DL_ASSIGN(const BucketEncryption encryption, parse_bucket_encryption(context.body));
  DL_TRY(check_encrypts(context.services, encryption));
  return set(context, property::bucket_encryption, bucket_encryption_document(encryption));
}

Expected<http::Answer> delete_bucket_encryption(Context& context) {
  return take_away(context, property::bucket_encryption);
}

}  // namespace duskline::gateway
