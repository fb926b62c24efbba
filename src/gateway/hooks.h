// Where operations on objects meet the configuration of buckets: small questions, answered in tagging.cc, acl.cc,
// object_lock.cc, cors.cc and lifecycle.cc.
//
// `headers` are the request's, or the fields of a POST form under the same names.
#pragma once

#include <optional>
#include <string>

#include "gateway/context.h"
#include "gateway/error.h"
#include "http/server.h"
#include "objects/types.h"

namespace duskline::gateway {

// x-amz-tagging of a put, into property::tags. Asks for s3:PutObjectTagging where there are some. `version` of the
// answers: x-amz-tagging-count comes from tag_count().
[[nodiscard]] Done take_tagging(const Context& context, const http::Headers& headers, objects::Properties& properties);
[[nodiscard]] std::size_t tag_count(const objects::Properties& properties);

// x-amz-acl and x-amz-grant-* of a put, into property::acl. Refuses what ownership controls and blocked public access
// forbid. Asks for s3:PutObjectAcl where there are some.
[[nodiscard]] Done take_object_acl(const Context& context, const http::Headers& headers,
                                   objects::Properties& properties);
// The same for CreateBucket (x-amz-acl, grants, x-amz-object-ownership, x-amz-bucket-object-lock-enabled), into the
// bucket's properties; may turn its versioning on.
[[nodiscard]] Done take_bucket_settings(const Context& context, const http::Headers& headers, objects::Bucket& bucket);
// Of these the ACL alone.
[[nodiscard]] Done take_bucket_acl(const Context& context, const http::Headers& headers, objects::Bucket& bucket);
// Who shall own what the caller puts: the bucket's owner where ownership controls say so.
[[nodiscard]] std::string owner_of_put(const Context& context, const objects::Properties& properties);

// x-amz-object-lock-*, or the bucket's default retention from now on, into lock.*.
[[nodiscard]] Done take_object_lock(const Context& context, const http::Headers& headers,
                                    objects::Properties& properties);
// x-amz-object-lock-* of answers to GET and HEAD, where the caller may see them.
void give_object_lock(const Context& context, const objects::Version& version, http::Headers& headers);
// Why this version must stay: called in the engine's gate for removals of a version for good (also by overwriting
// "null"). `bypass`: the caller sent x-amz-bypass-governance-retention and may.
enum class Bypass : std::uint8_t { no, yes };
[[nodiscard]] std::optional<S3Error> locked(const objects::Version& version, WallTime now, Bypass bypass);
// Whether the caller sent x-amz-bypass-governance-retention and has s3:BypassGovernanceRetention.
[[nodiscard]] Bypass bypass_of(const Context& context, std::string_view key);
// Versioning may not be suspended where objects are locked.
[[nodiscard]] bool has_object_lock(const objects::Bucket& bucket);

// Access-Control-Allow-* and Vary, for a request with Origin to a bucket with a CORS configuration.
void give_cors(const Request& request, const objects::Bucket& bucket, http::Headers& headers);

// x-amz-expiration: expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", rule-id="picture-deletion-rule"
void give_expiration(const objects::Bucket& bucket, const objects::Version& version, http::Headers& headers);
// x-amz-abort-date and x-amz-abort-rule-id of uploads.
void give_abort_date(const objects::Bucket& bucket, const objects::Upload& upload, http::Headers& headers);

}  // namespace duskline::gateway
