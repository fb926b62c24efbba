#include <array>

#include "gateway/operations.h"

namespace duskline::gateway {
namespace {

using enum Target;

// Documents that name many keys or parts.
constexpr std::size_t max_deletion_bytes = 8 << 20, max_completion_bytes = 8 << 20;

constexpr Operation read(std::string_view name, std::string_view log, Target target, std::string_view subresource,
                         std::string_view action, Operate run) {
  return {name, log, "GET", target, subresource, action, run};
}

constexpr std::array operations = {
    read("ListBuckets", "REST.GET.SERVICE", service, "", "s3:ListAllMyBuckets", list_buckets),

    Operation{"CreateBucket", "REST.PUT.BUCKET", "PUT", bucket, "", "", create_bucket, nullptr, max_document_bytes},
    Operation{"HeadBucket", "REST.HEAD.BUCKET", "HEAD", bucket, "", "s3:ListBucket", head_bucket},
    Operation{"DeleteBucket", "REST.DELETE.BUCKET", "DELETE", bucket, "", "s3:DeleteBucket", delete_bucket},
    read("ListObjects", "REST.GET.BUCKET", bucket, "", "s3:ListBucket", list_objects),
    read("ListObjectsV2", "REST.GET.BUCKET", bucket, "list-type", "s3:ListBucket", list_objects_v2),
    read("ListObjectVersions", "REST.GET.BUCKETVERSIONS", bucket, "versions", "s3:ListBucketVersions",
         list_object_versions),
    read("ListMultipartUploads", "REST.GET.UPLOADS", bucket, "uploads", "s3:ListBucketMultipartUploads", list_uploads),
    read("GetBucketLocation", "REST.GET.LOCATION", bucket, "location", "s3:GetBucketLocation", get_bucket_location),
    read("GetBucketVersioning", "REST.GET.VERSIONING", bucket, "versioning", "s3:GetBucketVersioning",
         get_bucket_versioning),
    Operation{"PutBucketVersioning", "REST.PUT.VERSIONING", "PUT", bucket, "versioning", "s3:PutBucketVersioning",
              put_bucket_versioning, nullptr, max_document_bytes},
    Operation{"DeleteObjects", "REST.POST.MULTI_OBJECT_DELETE", "POST", bucket, "delete", "", delete_objects, nullptr,
              max_deletion_bytes},
    read("GetBucketRequestPayment", "REST.GET.REQUEST_PAYMENT", bucket, "requestPayment", "s3:GetBucketRequestPayment",
         get_request_payment),
    read("GetBucketLogging", "REST.GET.LOGGING_STATUS", bucket, "logging", "s3:GetBucketLogging", get_bucket_logging),
    read("GetBucketNotificationConfiguration", "REST.GET.NOTIFICATION", bucket, "notification",
         "s3:GetBucketNotification", get_bucket_notification),
    read("GetBucketWebsite", "REST.GET.WEBSITE", bucket, "website", "s3:GetBucketWebsite", get_bucket_website),
    read("GetBucketReplication", "REST.GET.REPLICATION", bucket, "replication", "s3:GetReplicationConfiguration",
         get_bucket_replication),
    read("GetBucketAccelerateConfiguration", "REST.GET.ACCELERATE", bucket, "accelerate",
         "s3:GetAccelerateConfiguration", get_bucket_accelerate),

    read("GetObject", "REST.GET.OBJECT", object, "", "", get_object),
    Operation{"HeadObject", "REST.HEAD.OBJECT", "HEAD", object, "", "", head_object},
    read("GetObjectAttributes", "REST.GET.OBJECT_ATTRIBUTES", object, "attributes", "", get_object_attributes),
    Operation{"PutObject", "REST.PUT.OBJECT", "PUT", object, "", "s3:PutObject", nullptr, put_object},
    Operation{"CopyObject", "REST.COPY.OBJECT", "PUT", object, "@copy", "", copy_object},
    Operation{"DeleteObject", "REST.DELETE.OBJECT", "DELETE", object, "", "", delete_object},

    Operation{"CreateMultipartUpload", "REST.POST.UPLOADS", "POST", object, "uploads", "", create_upload},
    Operation{"UploadPart", "REST.PUT.PART", "PUT", object, "partNumber&uploadId", "s3:PutObject", nullptr,
              upload_part},
    Operation{"UploadPartCopy", "REST.COPY.PART", "PUT", object, "partNumber&uploadId&@copy", "", upload_part_copy},
    Operation{"CompleteMultipartUpload", "REST.POST.UPLOAD", "POST", object, "uploadId", "s3:PutObject",
              complete_upload, nullptr, max_completion_bytes},
    Operation{"AbortMultipartUpload", "REST.DELETE.UPLOAD", "DELETE", object, "uploadId", "", abort_upload},
    read("ListParts", "REST.GET.UPLOAD", object, "uploadId", "", list_parts),
};

}  // namespace

std::span<const Operation> core_operations() { return operations; }

}  // namespace duskline::gateway
