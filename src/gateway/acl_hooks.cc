// ACLs, ownership and lock of what is put.
#include <algorithm>

#include "gateway/acl.h"
#include "gateway/digests.h"
#include "gateway/hooks.h"
#include "gateway/properties.h"
#include "gateway/public_access.h"

namespace duskline::gateway {
namespace {

// Set where the writer gives what is put to the bucket's owner: an upload must know at its end. It is stored: never
// change it.
constexpr std::string_view given_away = "given-away";

bool names_acl(const http::Headers& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const auto& pair) {
    return pair.first == "x-amz-acl" || pair.first.starts_with("x-amz-grant-");
  });
}

void keep_acl(const Acl& acl, const std::string& owner, objects::Properties& properties) {
  if (acl == Acl::private_to(owner)) return;  // the same as none
  properties[std::string(property::acl)] = acl.encode();
}

// With ACLs switched off, the only one that may be given is what holds anyhow.
Done check_enforced(const Acl& acl, const std::string& bucket_owner) {
  const bool full_control =
      acl.grants.size() == 1 && acl.grants.front() == Acl::private_to(bucket_owner).grants.front();
  if (!full_control) return ErrorCode::access_control_list_not_supported;
  return {};
}

}  // namespace

// Nobody is the owner of what anonymous callers put: it goes to the bucket's owner.
std::string owner_of_put(const Context& context, const objects::Properties& properties) {
  if (!context.bucket) return context.caller.user;
  const std::string& bucket_owner = context.bucket->owner;
  if (context.caller.anonymous()) return bucket_owner;
  switch (ownership_of(*context.bucket)) {
    case Ownership::bucket_owner_enforced:
      return bucket_owner;
    case Ownership::bucket_owner_preferred:
      return find(properties, given_away) != nullptr ? bucket_owner : context.caller.user;
    case Ownership::object_writer:
      break;
  }
  return context.caller.user;
}

Done take_object_acl(const Context& context, const http::Headers& headers, objects::Properties& properties) {
  if (!names_acl(headers)) return {};
  const std::string* const canned = find_header(headers, "x-amz-acl");
  const bool gives = canned != nullptr && *canned == "bucket-owner-full-control";
  if (gives && ownership_of(*context.bucket) == Ownership::bucket_owner_preferred) {
    properties[std::string(given_away)] = "1";
  }
  const std::string owner = owner_of_put(context, properties);
  const std::string& bucket_owner = context.bucket->owner;
  DL_ASSIGN(const auto acl, acl_of_headers(headers, {owner, bucket_owner}, context.services.keys));
  if (!acl) return {};
  if (ownership_of(*context.bucket) == Ownership::bucket_owner_enforced) return check_enforced(*acl, bucket_owner);
  if (acl->is_public() && public_access_of(*context.bucket).access.block_acls) return ErrorCode::access_denied;
  // Clients that say what holds anyhow need no right to change it.
  if (*acl == Acl::private_to(owner)) return {};
  DL_TRY(context.allow("s3:PutObjectAcl"));
  keep_acl(*acl, owner, properties);
  return {};
}

Done take_bucket_acl(const Context& context, const http::Headers& headers, objects::Bucket& bucket) {
  const std::string& owner = context.caller.user;
  DL_ASSIGN(const auto acl, acl_of_headers(headers, {owner, ""}, context.services.keys));
  if (!acl) return {};
  if (ownership_of(bucket) == Ownership::bucket_owner_enforced) {
    if (*acl != Acl::private_to(owner)) return ErrorCode::invalid_bucket_acl_with_object_ownership;
    return {};
  }
  if (acl->is_public() && public_access_of(bucket).access.block_acls) return ErrorCode::access_denied;
  keep_acl(*acl, owner, bucket.properties);
  return {};
}

Done take_bucket_settings(const Context& context, const http::Headers& headers, objects::Bucket& bucket) {
  if (const std::string* const ownership = find_header(headers, "x-amz-object-ownership")) {
    if (!is_ownership(*ownership)) {
      return invalid_argument("Invalid x-amz-object-ownership header: " + *ownership, "x-amz-object-ownership",
                              *ownership);
    }
    bucket.properties[std::string(property::ownership)] = *ownership;
  }
  DL_TRY(take_bucket_acl(context, headers, bucket));
  if (const std::string* const lock = find_header(headers, "x-amz-bucket-object-lock-enabled")) {
    if (*lock == "true" || *lock == "True") {
      bucket.properties[std::string(property::object_lock)] = "";
      bucket.versioning = objects::Versioning::on;
    } else if (*lock != "false" && *lock != "False") {
      return invalid_argument("", "x-amz-bucket-object-lock-enabled", *lock);
    }
  }
  return {};
}

}  // namespace duskline::gateway
