// Object lock: a bucket's configuration, an object's retention and legal hold.
#include "gateway/configuration.h"
#include "gateway/hooks.h"
#include "gateway/object_lock.h"
#include "gateway/object_writer.h"
#include "gateway/properties.h"
#include "gateway/stored.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

Done check_configured(const Context& context) {
  if (has_object_lock(*context.bucket)) return {};
  return S3Error(ErrorCode::invalid_request, "Bucket is missing Object Lock Configuration");
}

}  // namespace

Expected<http::Answer> get_lock_configuration(Context& context) {
  const auto configuration = lock_configuration_of(*context.bucket);
  if (!configuration) {
    return S3Error(ErrorCode::object_lock_configuration_not_found).with("BucketName", context.bucket->name);
  }
  return xml_answer(lock_configuration_document(*configuration));
}

Expected<http::Answer> put_lock_configuration(Context& context) {
  DL_ASSIGN(const LockConfiguration configuration, parse_lock_configuration(context.body));
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    if (bucket.versioning != objects::Versioning::on) {
      return S3Error(ErrorCode::invalid_bucket_state,
                     "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
    }
    bucket.properties[std::string(property::object_lock)] = encode(configuration);
    return {};
  }));
  return empty_answer(200);
}

Expected<http::Answer> get_object_retention(Context& context) {
  DL_TRY(check_configured(context));
  DL_ASSIGN(const auto version, find_object(context, {"s3:GetObjectRetention", "s3:GetObjectRetention"}));
  const auto retention = retention_of(version.properties);
  if (!retention) return ErrorCode::no_such_object_lock_configuration;
  return xml_answer(retention_document(*retention));
}

Expected<http::Answer> put_object_retention(Context& context) {
  DL_TRY(check_configured(context));
  DL_ASSIGN(const auto version, find_object(context, {"s3:PutObjectRetention", "s3:PutObjectRetention"}));
  const WallTime now = context.request.now;
  DL_ASSIGN(const auto wanted, parse_retention(context.body, now));
  const Bypass bypass = bypass_of(context, version.key);
  DL_TRY(change_version(context, version, [&](objects::Version& current) -> Done {
    DL_TRY(may_replace(retention_of(current.properties), wanted, now, bypass));
    set_retention(wanted, current.properties);
    return {};
  }));
  return empty_answer(200);
}

Expected<http::Answer> get_object_legal_hold(Context& context) {
  DL_TRY(check_configured(context));
  DL_ASSIGN(const auto version, find_object(context, {"s3:GetObjectLegalHold", "s3:GetObjectLegalHold"}));
  const std::string* const status = find(version.properties, property::lock_hold);
  if (status == nullptr) return ErrorCode::no_such_object_lock_configuration;
  return xml_answer(legal_hold_document(*status));
}

Expected<http::Answer> put_object_legal_hold(Context& context) {
  DL_TRY(check_configured(context));
  DL_ASSIGN(const auto version, find_object(context, {"s3:PutObjectLegalHold", "s3:PutObjectLegalHold"}));
  DL_ASSIGN(const std::string status, parse_legal_hold(context.body));
  DL_TRY(change_version(context, version, [&](objects::Version& current) -> Done {
    current.properties[std::string(property::lock_hold)] = status;
    return {};
  }));
  return empty_answer(200);
}

}  // namespace duskline::gateway
