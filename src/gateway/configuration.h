// The operations that configuration_operations() names.
#pragma once

#include <functional>

#include "gateway/operation.h"

namespace duskline::gateway {

// Changes the properties of the request's bucket, durably. `change` may refuse.
[[nodiscard]] Done change_bucket(const Context& context, const std::function<Done(objects::Bucket&)>& change);
// Those of a version of an object. `change` sees them as they are.
[[nodiscard]] Expected<objects::Version> change_version(const Context& context, const objects::Version& version,
                                                        const std::function<Done(objects::Version&)>& change);

// policy_operations.cc
Expected<http::Answer> get_bucket_policy(Context& context);
Expected<http::Answer> put_bucket_policy(Context& context);
Expected<http::Answer> delete_bucket_policy(Context& context);
Expected<http::Answer> get_bucket_policy_status(Context& context);
// acl_operations.cc
Expected<http::Answer> get_bucket_acl(Context& context);
Expected<http::Answer> put_bucket_acl(Context& context);
Expected<http::Answer> get_object_acl(Context& context);
Expected<http::Answer> put_object_acl(Context& context);
// cors_operations.cc
Expected<http::Answer> get_bucket_cors(Context& context);
Expected<http::Answer> put_bucket_cors(Context& context);
Expected<http::Answer> delete_bucket_cors(Context& context);
Expected<http::Answer> preflight(Context& context);
// bucket_settings.cc
Expected<http::Answer> get_bucket_lifecycle(Context& context);
Expected<http::Answer> put_bucket_lifecycle(Context& context);
Expected<http::Answer> delete_bucket_lifecycle(Context& context);
Expected<http::Answer> get_public_access_block(Context& context);
Expected<http::Answer> put_public_access_block(Context& context);
Expected<http::Answer> delete_public_access_block(Context& context);
Expected<http::Answer> get_ownership_controls(Context& context);
Expected<http::Answer> put_ownership_controls(Context& context);
Expected<http::Answer> delete_ownership_controls(Context& context);
Expected<http::Answer> get_bucket_encryption(Context& context);
Expected<http::Answer> put_bucket_encryption(Context& context);
Expected<http::Answer> delete_bucket_encryption(Context& context);
// tagging_operations.cc
Expected<http::Answer> get_bucket_tagging(Context& context);
Expected<http::Answer> put_bucket_tagging(Context& context);
Expected<http::Answer> delete_bucket_tagging(Context& context);
Expected<http::Answer> get_object_tagging(Context& context);
Expected<http::Answer> put_object_tagging(Context& context);
Expected<http::Answer> delete_object_tagging(Context& context);
// lock_operations.cc
Expected<http::Answer> get_lock_configuration(Context& context);
Expected<http::Answer> put_lock_configuration(Context& context);
Expected<http::Answer> get_object_retention(Context& context);
Expected<http::Answer> put_object_retention(Context& context);
Expected<http::Answer> get_object_legal_hold(Context& context);
Expected<http::Answer> put_object_legal_hold(Context& context);
// kept_settings.cc: what is kept and given back
Expected<http::Answer> put_request_payment(Context& context);
Expected<http::Answer> put_bucket_website(Context& context);
Expected<http::Answer> delete_bucket_website(Context& context);
// bucket_logging.cc
Expected<http::Answer> put_bucket_logging(Context& context);
// fixed_settings.cc: what cannot be set to anything but what it is
Expected<http::Answer> put_bucket_notification(Context& context);
Expected<http::Answer> put_bucket_accelerate(Context& context);
Expected<http::Answer> put_unsupported(Context& context);
Expected<http::Answer> delete_unsupported(Context& context);
// post_object.cc
Expected<std::unique_ptr<Receiver>> post_object(Context& context);

}  // namespace duskline::gateway
