#include "gateway/access.h"

#include <algorithm>
#include <array>

#include "gateway/acl.h"
#include "gateway/last_parsed.h"
#include "gateway/policy.h"
#include "gateway/properties.h"
#include "gateway/public_access.h"
#include "gateway/request_conditions.h"

namespace duskline::gateway {
namespace {

template <typename List>
bool holds(const List& list, std::string_view action) {
  return std::find(list.begin(), list.end(), action) != list.end();
}

// What restricted keys of each kind may ask for.
constexpr auto read_actions = std::to_array<std::string_view>({
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectAttributes",
    "s3:GetObjectVersionAttributes",
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
    "s3:GetObjectRetention",
    "s3:GetObjectLegalHold",
});
constexpr auto list_actions = std::to_array<std::string_view>({
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
});
constexpr auto write_actions = std::to_array<std::string_view>({
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
});
constexpr auto remove_actions = std::to_array<std::string_view>({
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersionTagging",
});
// What clients ask before they do anything; it tells nothing of the objects.
constexpr auto harmless_actions = std::to_array<std::string_view>({
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
});

bool restricted_may_list(const AccessQuestion& question, const Restriction& restriction) {
  const Request& request = question.request;
  if (question.missing_key) return restriction.list && question.missing_key->starts_with(restriction.prefix);
  // Whether the bucket is there: anybody who may do something in it may know.
  if (request.method() == "HEAD" && request.key.empty()) return true;
  const std::string* const parameter = request.parameter("prefix");
  const std::string_view prefix = question.prefix        ? *question.prefix
                                  : parameter != nullptr ? std::string_view(*parameter)
                                                         : std::string_view();
  return restriction.list && prefix.starts_with(restriction.prefix);
}

bool restriction_allows(const AccessQuestion& question, const Restriction& restriction) {
  const std::string_view action = question.action;
  if (question.bucket == nullptr) return action == "s3:ListAllMyBuckets" && restriction.list;
  if (!restriction.bucket.empty() && question.bucket->name != restriction.bucket) return false;
  if (holds(harmless_actions, action)) return true;
  if (holds(list_actions, action)) return restricted_may_list(question, restriction);
  if (question.key.empty() || !question.key.starts_with(restriction.prefix)) return false;
  return (restriction.read && holds(read_actions, action)) || (restriction.write && holds(write_actions, action)) ||
         (restriction.remove && holds(remove_actions, action));
}

const Policy* policy_of(const objects::Bucket& bucket) {
  thread_local LastParsed<Policy> last;
  thread_local std::string last_bucket;  // the same text means another thing in another bucket
  const std::string* const stored = find(bucket.properties, property::policy);
  if (stored == nullptr) return nullptr;
  if (last_bucket != bucket.name) last = {};
  last_bucket = bucket.name;
  return last.get(*stored, [&](std::string_view text) { return Policy::parse(text, bucket.name); });
}

// Nobody can lock a bucket's owner out of its policy.
constexpr auto policy_actions = std::to_array<std::string_view>({
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
});

PolicyVerdict verdict_of(const AccessQuestion& question, const PublicAccess& blocked, bool is_owner) {
  const Policy* const policy = policy_of(*question.bucket);
  if (policy == nullptr) return PolicyVerdict::silent;
  PolicyQuestion asked;
  asked.user = question.caller.user;
  asked.user_name = question.caller.display_name;
  asked.action = question.action;
  asked.bucket = question.bucket->name;
  asked.key = question.key;
  asked.now = question.request.now;
  asked.condition = [&](std::string_view key) { return condition_values(question, key); };
  const auto verdict = policy->judge(asked);
  const bool restricted = blocked.restrict_bucket && !is_owner && policy->is_public();
  return verdict == PolicyVerdict::allows && restricted ? PolicyVerdict::silent : verdict;
}

// What a bucket's ACL grants, beyond its owner's rights.
constexpr auto bucket_read_actions = list_actions;
constexpr auto bucket_write_actions = std::to_array<std::string_view>({
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
});
constexpr auto object_read_actions = std::to_array<std::string_view>({
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectAttributes",
    "s3:GetObjectVersionAttributes",
});
constexpr auto object_read_acl_actions = std::to_array<std::string_view>({"s3:GetObjectAcl", "s3:GetObjectVersionAcl"});
constexpr auto object_write_acl_actions =
    std::to_array<std::string_view>({"s3:PutObjectAcl", "s3:PutObjectVersionAcl"});

std::optional<Permission> bucket_permission(std::string_view action) {
  if (holds(bucket_read_actions, action)) return Permission::read;
  if (holds(bucket_write_actions, action)) return Permission::write;
  if (action == "s3:GetBucketAcl") return Permission::read_acp;
  if (action == "s3:PutBucketAcl") return Permission::write_acp;
  return std::nullopt;
}

std::optional<Permission> object_permission(std::string_view action) {
  if (holds(object_read_actions, action)) return Permission::read;
  if (holds(object_read_acl_actions, action)) return Permission::read_acp;
  if (holds(object_write_acl_actions, action)) return Permission::write_acp;
  return std::nullopt;
}

bool is_about_acl(Permission permission) {
  return permission == Permission::read_acp || permission == Permission::write_acp;
}

// ACLs hold for their owners too, but nobody can lock an owner out of the ACL itself.
bool acl_allows(const AccessQuestion& question, const PublicAccess& blocked) {
  const objects::Bucket& bucket = *question.bucket;
  const std::string_view user = question.caller.user;
  const auto counted = blocked.ignore_acls ? Acl::Groups::ignored : Acl::Groups::count;
  const auto granted = [&](const objects::Properties& properties, const std::string& owner, Permission permission) {
    const bool owns = !user.empty() && owner == user;
    if (owns && is_about_acl(permission)) return true;
    if (find(properties, property::acl) == nullptr) return owns;
    return Acl::of(properties, owner).allows(permission, user, counted);
  };
  if (const auto permission = bucket_permission(question.action)) {
    return granted(bucket.properties, bucket.owner, *permission);
  }
  if (const auto permission = object_permission(question.action)) {
    if (question.version != nullptr) return granted(question.version->properties, question.version->owner, *permission);
    // There is no object yet: whoever may write one may say what its ACL is, and whoever may list may know that it is
    // not there.
    const bool writes = *permission == Permission::write_acp;
    return granted(bucket.properties, bucket.owner, writes ? Permission::write : Permission::read);
  }
  if (user.empty()) return false;
  const bool owns_object = question.version != nullptr && question.version->owner == user &&
                           question.action.find("Tagging") != std::string_view::npos;
  return bucket.owner == user || owns_object;
}

bool is_open_to_anybody(const objects::Bucket* bucket, const Caller& caller, const PublicAccessState& state) {
  if (!caller.anonymous()) return true;
  if (bucket == nullptr) return false;
  return state.kind == PublicAccessState::Kind::untouched ? caller.public_by_default : true;
}

// What is put with an object that will be its writer's own, who could do the same afterwards: who may write the object,
// which is asked for besides, needs no other right.
bool goes_with_put(const AccessQuestion& question) {
  const bool creates = question.version == nullptr && !question.key.empty();
  return creates && (question.action == "s3:PutObjectAcl" || question.action == "s3:PutObjectTagging");
}

// Nobody pays for strangers, and nobody pays unawares.
bool pays(const AccessQuestion& question) {
  if (!requester_pays(*question.bucket) || question.bucket->owner == question.caller.user) return true;
  return !question.caller.anonymous() && request_payer(question.request) == "requester";
}

}  // namespace

bool requester_pays(const objects::Bucket& bucket) {
  const std::string* const payer = find(bucket.properties, property::request_payment);
  return payer != nullptr && *payer == "Requester";
}

std::string_view request_payer(const Request& request) {
  constexpr std::string_view name = "x-amz-request-payer";
  const std::string* value = request.header(name);
  if (value == nullptr) value = request.parameter(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

bool turns_away(const objects::Bucket* bucket, const Caller& caller) {
  const PublicAccessState state = bucket != nullptr ? public_access_of(*bucket) : PublicAccessState();
  return !is_open_to_anybody(bucket, caller, state);
}

std::optional<S3Error> authorize(const AccessQuestion& question) {
  const PublicAccessState state = question.bucket != nullptr ? public_access_of(*question.bucket) : PublicAccessState();
  if (!is_open_to_anybody(question.bucket, question.caller, state)) return ErrorCode::access_denied;
  if (question.caller.restriction && !restriction_allows(question, *question.caller.restriction)) {
    return ErrorCode::access_denied;
  }
  if (question.bucket == nullptr) return std::nullopt;
  if (!pays(question)) return ErrorCode::access_denied;
  const bool is_owner = !question.caller.anonymous() && question.bucket->owner == question.caller.user;
  const auto verdict = verdict_of(question, state.access, is_owner);
  const bool keeps_policy = is_owner && !question.caller.restriction && holds(policy_actions, question.action);
  if (keeps_policy || verdict == PolicyVerdict::allows) return std::nullopt;
  if (verdict == PolicyVerdict::denies) return ErrorCode::access_denied;
  if (question.caller.restriction) return std::nullopt;
  if (ownership_of(*question.bucket) == Ownership::bucket_owner_enforced) {
    return is_owner ? std::nullopt : std::optional<S3Error>(ErrorCode::access_denied);
  }
  if (goes_with_put(question)) return std::nullopt;
  return acl_allows(question, state.access) ? std::nullopt : std::optional<S3Error>(ErrorCode::access_denied);
}

}  // namespace duskline::gateway
