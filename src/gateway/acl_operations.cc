// Get and put the ACLs of buckets and objects.
#include "gateway/acl.h"
#include "gateway/configuration.h"
#include "gateway/object_writer.h"
#include "gateway/properties.h"
#include "gateway/public_access.h"
#include "gateway/stored.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

bool is_enforced(const Context& context) { return ownership_of(*context.bucket) == Ownership::bucket_owner_enforced; }

// With ACLs switched off, what holds is that everything is the bucket owner's.
std::string shown_acl(const Context& context, const objects::Properties& properties, const std::string& owner) {
  KeySource& users = context.services.keys;
  if (is_enforced(context)) return acl_document(Acl::private_to(context.bucket->owner), context.bucket->owner, users);
  return acl_document(Acl::of(properties, owner), owner, users);
}

// From the headers or from the document: one of them.
Expected<Acl> requested_acl(const Context& context, const AclOwners& owners) {
  KeySource& users = context.services.keys;
  DL_ASSIGN(auto from_headers, acl_of_headers(context.request.head->headers, owners, users));
  if (from_headers && !context.body.empty()) return ErrorCode::unexpected_content;
  if (from_headers) return std::move(*from_headers);
  if (context.body.empty()) {
    return S3Error(ErrorCode::missing_security_header).with("MissingHeaderName", "x-amz-acl");
  }
  return parse_acl_document(context.body, owners, users);
}

Done check_public(const Acl& acl, const objects::Bucket& bucket) {
  if (acl.is_public() && public_access_of(bucket).access.block_acls) {
    return S3Error(ErrorCode::access_denied,
                   "Public ACLs are blocked by the BlockPublicAcls setting in S3 Block Public Access.");
  }
  return {};
}

}  // namespace

Expected<http::Answer> get_bucket_acl(Context& context) {
  return xml_answer(shown_acl(context, context.bucket->properties, context.bucket->owner));
}

Expected<http::Answer> put_bucket_acl(Context& context) {
  const std::string& owner = context.bucket->owner;
  DL_ASSIGN(const Acl acl, requested_acl(context, {owner, ""}));
  if (is_enforced(context)) return ErrorCode::access_control_list_not_supported;
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    DL_TRY(check_public(acl, bucket));
    bucket.properties[std::string(property::acl)] = acl.encode();
    return {};
  }));
  return empty_answer(200);
}

Expected<http::Answer> get_object_acl(Context& context) {
  DL_ASSIGN(const auto version, find_object(context, {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"}));
  http::Answer answer = xml_answer(shown_acl(context, version.properties, version.owner));
  give_version(context, version, answer.headers);
  return answer;
}

Expected<http::Answer> put_object_acl(Context& context) {
  DL_ASSIGN(const auto version, find_object(context, {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"}));
  const std::string& bucket_owner = context.bucket->owner;
  const std::string& owner = is_enforced(context) ? bucket_owner : version.owner;
  DL_ASSIGN(const Acl acl, requested_acl(context, {owner, bucket_owner}));
  if (is_enforced(context)) return ErrorCode::access_control_list_not_supported;
  DL_TRY(check_public(acl, *context.bucket));
  DL_ASSIGN(const auto changed, change_version(context, version, [&](objects::Version& current) -> Done {
              current.properties[std::string(property::acl)] = acl.encode();
              return {};
            }));
  http::Answer answer = empty_answer(200);
  give_version(context, changed, answer.headers);
  return answer;
}

}  // namespace duskline::gateway
