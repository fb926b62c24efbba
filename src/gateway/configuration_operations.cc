#include <array>

#include "gateway/configuration.h"

namespace duskline::gateway {
namespace {

using enum Target;

struct Name {
  std::string_view name, log;
};

constexpr Operation get(Name name, Target target, std::string_view subresource, std::string_view action, Operate run) {
  return {name.name, name.log, "GET", target, subresource, action, run};
}
constexpr Operation put(Name name, Target target, std::string_view subresource, std::string_view action, Operate run) {
  return {name.name, name.log, "PUT", target, subresource, action, run, nullptr, max_document_bytes};
}
constexpr Operation remove(Name name, Target target, std::string_view subresource, std::string_view action,
                           Operate run) {
  return {name.name, name.log, "DELETE", target, subresource, action, run};
}

constexpr std::array operations = {
    get({"GetBucketPolicy", "REST.GET.BUCKETPOLICY"}, bucket, "policy", "s3:GetBucketPolicy", get_bucket_policy),
    put({"PutBucketPolicy", "REST.PUT.BUCKETPOLICY"}, bucket, "policy", "s3:PutBucketPolicy", put_bucket_policy),
    remove({"DeleteBucketPolicy", "REST.DELETE.BUCKETPOLICY"}, bucket, "policy", "s3:DeleteBucketPolicy",
           delete_bucket_policy),
    get({"GetBucketPolicyStatus", "REST.GET.BUCKETPOLICYSTATUS"}, bucket, "policyStatus", "s3:GetBucketPolicyStatus",
        get_bucket_policy_status),

    get({"GetBucketAcl", "REST.GET.ACL"}, bucket, "acl", "s3:GetBucketAcl", get_bucket_acl),
    put({"PutBucketAcl", "REST.PUT.ACL"}, bucket, "acl", "s3:PutBucketAcl", put_bucket_acl),
    get({"GetObjectAcl", "REST.GET.ACL"}, object, "acl", "", get_object_acl),
    put({"PutObjectAcl", "REST.PUT.ACL"}, object, "acl", "", put_object_acl),

    get({"GetBucketCors", "REST.GET.CORS"}, bucket, "cors", "s3:GetBucketCORS", get_bucket_cors),
    put({"PutBucketCors", "REST.PUT.CORS"}, bucket, "cors", "s3:PutBucketCORS", put_bucket_cors),
    remove({"DeleteBucketCors", "REST.DELETE.CORS"}, bucket, "cors", "s3:PutBucketCORS", delete_bucket_cors),
    Operation{"Preflight", "REST.OPTIONS.PREFLIGHT", "OPTIONS", bucket, "", "", preflight},
    Operation{"Preflight", "REST.OPTIONS.PREFLIGHT", "OPTIONS", object, "", "", preflight},

    get({"GetBucketLifecycleConfiguration", "REST.GET.LIFECYCLE"}, bucket, "lifecycle", "s3:GetLifecycleConfiguration",
        get_bucket_lifecycle),
    put({"PutBucketLifecycleConfiguration", "REST.PUT.LIFECYCLE"}, bucket, "lifecycle", "s3:PutLifecycleConfiguration",
        put_bucket_lifecycle),
    remove({"DeleteBucketLifecycle", "REST.DELETE.LIFECYCLE"}, bucket, "lifecycle", "s3:PutLifecycleConfiguration",
           delete_bucket_lifecycle),

    get({"GetPublicAccessBlock", "REST.GET.PUBLIC_ACCESS_BLOCK"}, bucket, "publicAccessBlock",
        "s3:GetBucketPublicAccessBlock", get_public_access_block),
    put({"PutPublicAccessBlock", "REST.PUT.PUBLIC_ACCESS_BLOCK"}, bucket, "publicAccessBlock",
        "s3:PutBucketPublicAccessBlock", put_public_access_block),
    remove({"DeletePublicAccessBlock", "REST.DELETE.PUBLIC_ACCESS_BLOCK"}, bucket, "publicAccessBlock",
           "s3:PutBucketPublicAccessBlock", delete_public_access_block),

    get({"GetBucketOwnershipControls", "REST.GET.OWNERSHIP_CONTROLS"}, bucket, "ownershipControls",
        "s3:GetBucketOwnershipControls", get_ownership_controls),
    put({"PutBucketOwnershipControls", "REST.PUT.OWNERSHIP_CONTROLS"}, bucket, "ownershipControls",
        "s3:PutBucketOwnershipControls", put_ownership_controls),
    remove({"DeleteBucketOwnershipControls", "REST.DELETE.OWNERSHIP_CONTROLS"}, bucket, "ownershipControls",
           "s3:PutBucketOwnershipControls", delete_ownership_controls),

    get({"GetBucketEncryption", "REST.GET.ENCRYPTION"}, bucket, "encryption", "s3:GetEncryptionConfiguration",
        get_bucket_encryption),
    put({"PutBucketEncryption", "REST.PUT.ENCRYPTION"}, bucket, "encryption", "s3:PutEncryptionConfiguration",
        put_bucket_encryption),
    remove({"DeleteBucketEncryption", "REST.DELETE.ENCRYPTION"}, bucket, "encryption", "s3:PutEncryptionConfiguration",
           delete_bucket_encryption),

    get({"GetBucketTagging", "REST.GET.TAGGING"}, bucket, "tagging", "s3:GetBucketTagging", get_bucket_tagging),
    put({"PutBucketTagging", "REST.PUT.TAGGING"}, bucket, "tagging", "s3:PutBucketTagging", put_bucket_tagging),
    remove({"DeleteBucketTagging", "REST.DELETE.TAGGING"}, bucket, "tagging", "s3:PutBucketTagging",
           delete_bucket_tagging),
    get({"GetObjectTagging", "REST.GET.OBJECT_TAGGING"}, object, "tagging", "", get_object_tagging),
    put({"PutObjectTagging", "REST.PUT.OBJECT_TAGGING"}, object, "tagging", "", put_object_tagging),
    remove({"DeleteObjectTagging", "REST.DELETE.OBJECT_TAGGING"}, object, "tagging", "", delete_object_tagging),

    get({"GetObjectLockConfiguration", "REST.GET.OBJECT_LOCK"}, bucket, "object-lock",
        "s3:GetBucketObjectLockConfiguration", get_lock_configuration),
    put({"PutObjectLockConfiguration", "REST.PUT.OBJECT_LOCK"}, bucket, "object-lock",
        "s3:PutBucketObjectLockConfiguration", put_lock_configuration),
    get({"GetObjectRetention", "REST.GET.RETENTION"}, object, "retention", "", get_object_retention),
    put({"PutObjectRetention", "REST.PUT.RETENTION"}, object, "retention", "", put_object_retention),
    get({"GetObjectLegalHold", "REST.GET.LEGAL_HOLD"}, object, "legal-hold", "", get_object_legal_hold),
    put({"PutObjectLegalHold", "REST.PUT.LEGAL_HOLD"}, object, "legal-hold", "", put_object_legal_hold),

    put({"PutBucketRequestPayment", "REST.PUT.REQUEST_PAYMENT"}, bucket, "requestPayment", "s3:PutBucketRequestPayment",
        put_request_payment),
    put({"PutBucketLogging", "REST.PUT.LOGGING_STATUS"}, bucket, "logging", "s3:PutBucketLogging", put_bucket_logging),
    put({"PutBucketNotificationConfiguration", "REST.PUT.NOTIFICATION"}, bucket, "notification",
        "s3:PutBucketNotification", put_bucket_notification),
    put({"PutBucketAccelerateConfiguration", "REST.PUT.ACCELERATE"}, bucket, "accelerate",
        "s3:PutAccelerateConfiguration", put_bucket_accelerate),
    put({"PutBucketWebsite", "REST.PUT.WEBSITE"}, bucket, "website", "s3:PutBucketWebsite", put_bucket_website),
    remove({"DeleteBucketWebsite", "REST.DELETE.WEBSITE"}, bucket, "website", "s3:DeleteBucketWebsite",
           delete_bucket_website),
    put({"PutBucketReplication", "REST.PUT.REPLICATION"}, bucket, "replication", "s3:PutReplicationConfiguration",
        put_unsupported),
    remove({"DeleteBucketReplication", "REST.DELETE.REPLICATION"}, bucket, "replication",
           "s3:PutReplicationConfiguration", delete_unsupported),

    Operation{"PostObject", "REST.POST.OBJECT", "POST", bucket, "", "", nullptr, post_object},
};

}  // namespace

std::span<const Operation> configuration_operations() { return operations; }

}  // namespace duskline::gateway
