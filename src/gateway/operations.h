// The operations that core_operations() names.
#pragma once

#include "gateway/operation.h"

namespace duskline::gateway {

// buckets.cc
Expected<http::Answer> list_buckets(Context& context);
Expected<http::Answer> create_bucket(Context& context);
Expected<http::Answer> head_bucket(Context& context);
Expected<http::Answer> delete_bucket(Context& context);
Expected<http::Answer> get_bucket_location(Context& context);
Expected<http::Answer> get_bucket_versioning(Context& context);
Expected<http::Answer> put_bucket_versioning(Context& context);
// kept_settings.cc, bucket_logging.cc
Expected<http::Answer> get_request_payment(Context& context);
Expected<http::Answer> get_bucket_website(Context& context);
Expected<http::Answer> get_bucket_logging(Context& context);
// absent_features.cc: what S3 answers where a feature was never configured
Expected<http::Answer> get_bucket_notification(Context& context);
Expected<http::Answer> get_bucket_replication(Context& context);
Expected<http::Answer> get_bucket_accelerate(Context& context);
// listings.cc, upload_listings.cc
Expected<http::Answer> list_objects(Context& context);
Expected<http::Answer> list_objects_v2(Context& context);
Expected<http::Answer> list_object_versions(Context& context);
Expected<http::Answer> list_uploads(Context& context);
Expected<http::Answer> list_parts(Context& context);
// get_object.cc, object_attributes.cc
Expected<http::Answer> get_object(Context& context);
Expected<http::Answer> head_object(Context& context);
Expected<http::Answer> get_object_attributes(Context& context);
// put_object.cc, copy_object.cc
Expected<std::unique_ptr<Receiver>> put_object(Context& context);
Expected<http::Answer> copy_object(Context& context);
// delete_object.cc, delete_objects.cc
Expected<http::Answer> delete_object(Context& context);
Expected<http::Answer> delete_objects(Context& context);
// uploads.cc, upload_part.cc, complete_upload.cc
Expected<http::Answer> create_upload(Context& context);
Expected<http::Answer> abort_upload(Context& context);
Expected<std::unique_ptr<Receiver>> upload_part(Context& context);
Expected<http::Answer> upload_part_copy(Context& context);
Expected<http::Answer> complete_upload(Context& context);

}  // namespace duskline::gateway
