#include "gateway/error.h"

#include <array>

#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

struct Row {
  ErrorCode code;
  ErrorInfo info;
};

// In the order of the enumeration.
constexpr std::array errors = {
    Row{ErrorCode::access_control_list_not_supported,
        {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs"}},
    Row{ErrorCode::access_denied, {"AccessDenied", 403, "Access Denied"}},
    Row{ErrorCode::authorization_header_malformed,
        {"AuthorizationHeaderMalformed", 400, "The authorization header you provided is invalid."}},
    Row{ErrorCode::authorization_query_parameters_error,
        {"AuthorizationQueryParametersError", 400, "Error parsing the authorization query parameters of the request."}},
    Row{ErrorCode::bad_digest,
        {"BadDigest", 400,
         "The Content-MD5 or checksum value that you specified did not match what the server "
         "received."}},
    Row{ErrorCode::bad_request, {"BadRequest", 400, "Bad Request"}},
    Row{ErrorCode::bucket_already_exists,
        {"BucketAlreadyExists", 409,
         "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
         "Please select a different name and try again."}},
    Row{ErrorCode::bucket_already_owned_by_you,
        {"BucketAlreadyOwnedByYou", 409,
         "Your previous request to create the named bucket succeeded and you already own it."}},
    Row{ErrorCode::bucket_not_empty, {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"}},
    Row{ErrorCode::cors_forbidden, {"AccessForbidden", 403, "CORSResponse: This CORS request is not allowed."}},
    Row{ErrorCode::entity_too_large, {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"}},
    Row{ErrorCode::entity_too_small,
        {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"}},
    Row{ErrorCode::expired_token, {"ExpiredToken", 400, "The provided token has expired."}},
    Row{ErrorCode::illegal_location_constraint,
        {"IllegalLocationConstraintException", 400,
         "The specified location constraint is incompatible for the region specific endpoint this request was sent "
         "to."}},
    Row{ErrorCode::illegal_versioning_configuration,
        {"IllegalVersioningConfigurationException", 400, "The Versioning element must be specified"}},
    Row{ErrorCode::incomplete_body,
        {"IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header"}},
    Row{ErrorCode::internal_error, {"InternalError", 500, "We encountered an internal error. Please try again."}},
    Row{ErrorCode::invalid_access_key_id,
        {"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."}},
    Row{ErrorCode::invalid_argument, {"InvalidArgument", 400, "Invalid Argument"}},
    Row{ErrorCode::invalid_bucket_acl_with_object_ownership,
        {"InvalidBucketAclWithObjectOwnership", 400,
         "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"}},
    Row{ErrorCode::invalid_bucket_name, {"InvalidBucketName", 400, "The specified bucket is not valid."}},
    Row{ErrorCode::invalid_bucket_state,
        {"InvalidBucketState", 409, "The request is not valid with the current state of the bucket."}},
    Row{ErrorCode::invalid_digest, {"InvalidDigest", 400, "The Content-MD5 you specified was invalid."}},
    Row{ErrorCode::invalid_encryption_algorithm,
        {"InvalidEncryptionAlgorithmError", 400,
         "The encryption request you specified is not valid. The valid value is AES256."}},
    Row{ErrorCode::invalid_location_constraint,
        {"InvalidLocationConstraint", 400, "The specified location-constraint is not valid"}},
    Row{ErrorCode::invalid_object_state,
        {"InvalidObjectState", 403, "The operation is not valid for the object's storage class"}},
    Row{ErrorCode::invalid_part,
        {"InvalidPart", 400,
         "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
         "specified entity tag may not match the part's entity tag."}},
    Row{ErrorCode::invalid_part_number, {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable"}},
    Row{ErrorCode::invalid_part_order,
        {"InvalidPartOrder", 400,
         "The list of parts was not in ascending order. Parts must be ordered by part number."}},
    Row{ErrorCode::invalid_policy_document,
        {"InvalidPolicyDocument", 400,
         "The content of the form does not meet the conditions specified in the policy document."}},
    Row{ErrorCode::invalid_range, {"InvalidRange", 416, "The requested range is not satisfiable"}},
    Row{ErrorCode::invalid_redirect_location,
        {"InvalidRedirectLocation", 400,
         "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."}},
    Row{ErrorCode::invalid_request, {"InvalidRequest", 400, "Invalid Request"}},
    Row{ErrorCode::invalid_retention_period,
        {"InvalidRetentionPeriod", 400, "Default retention period must be a positive integer value."}},
    Row{ErrorCode::invalid_storage_class, {"InvalidStorageClass", 400, "The storage class you specified is not valid"}},
    Row{ErrorCode::invalid_tag, {"InvalidTag", 400, "The tag provided was not a valid tag."}},
    Row{ErrorCode::invalid_target_bucket_for_logging,
        {"InvalidTargetBucketForLogging", 400,
         "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate grants "
         "for the log-delivery group."}},
    Row{ErrorCode::invalid_token, {"InvalidToken", 400, "The provided token is malformed or otherwise invalid."}},
    Row{ErrorCode::invalid_uri, {"InvalidURI", 400, "Couldn't parse the specified URI."}},
    Row{ErrorCode::key_too_long, {"KeyTooLongError", 400, "Your key is too long"}},
    Row{ErrorCode::kms_key_not_found, {"KMS.NotFoundException", 400, "The key does not exist"}},
    Row{ErrorCode::malformed_acl,
        {"MalformedACLError", 400,
         "The XML you provided was not well-formed or did not validate against our published schema"}},
    Row{ErrorCode::malformed_policy, {"MalformedPolicy", 400, "Policy has invalid resource"}},
    Row{ErrorCode::malformed_post_request,
        {"MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."}},
    Row{ErrorCode::malformed_trailer,
        {"MalformedTrailerError", 400,
         "The request contained trailing data that was not well-formed or did not conform to our published schema."}},
    Row{ErrorCode::malformed_xml,
        {"MalformedXML", 400,
         "The XML you provided was not well-formed or did not validate against our published schema"}},
    Row{ErrorCode::max_message_length_exceeded, {"MaxMessageLengthExceeded", 400, "Your request was too big."}},
    Row{ErrorCode::max_post_pre_data_length_exceeded,
        {"MaxPostPreDataLengthExceeded", 400, "Your POST request fields preceding the upload file were too large."}},
    Row{ErrorCode::metadata_too_large,
        {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"}},
    Row{ErrorCode::method_not_allowed,
        {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."}},
    Row{ErrorCode::missing_content_length,
        {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."}},
    Row{ErrorCode::missing_fields, {"MissingFields", 400, "A required field is missing."}},
    Row{ErrorCode::missing_request_body, {"MissingRequestBodyError", 400, "Request Body is empty"}},
    Row{ErrorCode::missing_security_header,
        {"MissingSecurityHeader", 400, "Your request was missing a required header"}},
    Row{ErrorCode::no_such_bucket, {"NoSuchBucket", 404, "The specified bucket does not exist"}},
    Row{ErrorCode::no_such_bucket_policy, {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"}},
    Row{ErrorCode::no_such_cors_configuration,
        {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"}},
    Row{ErrorCode::no_such_key, {"NoSuchKey", 404, "The specified key does not exist."}},
    Row{ErrorCode::no_such_lifecycle_configuration,
        {"NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist"}},
    Row{ErrorCode::no_such_object_lock_configuration,
        {"NoSuchObjectLockConfiguration", 404, "The specified object does not have a ObjectLock configuration"}},
    Row{ErrorCode::no_such_public_access_block_configuration,
        {"NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found"}},
    Row{ErrorCode::no_such_tag_set, {"NoSuchTagSet", 404, "The TagSet does not exist"}},
    Row{ErrorCode::no_such_upload,
        {"NoSuchUpload", 404,
         "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
         "completed."}},
    Row{ErrorCode::no_such_version, {"NoSuchVersion", 404, "The specified version does not exist."}},
    Row{ErrorCode::no_such_website_configuration,
        {"NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration"}},
    Row{ErrorCode::not_implemented,
        {"NotImplemented", 501, "A header you provided implies functionality that is not implemented"}},
    Row{ErrorCode::not_modified, {"NotModified", 304, "Not Modified"}},
    Row{ErrorCode::object_lock_configuration_not_found,
        {"ObjectLockConfigurationNotFoundError", 404, "Object Lock configuration does not exist for this bucket"}},
    Row{ErrorCode::operation_aborted,
        {"OperationAborted", 409,
         "A conflicting conditional operation is currently in progress against this resource. Please try again."}},
    Row{ErrorCode::ownership_controls_not_found,
        {"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"}},
    Row{ErrorCode::precondition_failed,
        {"PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"}},
    Row{ErrorCode::request_expired, {"AccessDenied", 403, "Request has expired"}},
    Row{ErrorCode::request_is_not_multipart_content,
        {"RequestIsNotMultiPartContent", 412, "Bucket POST must be of the enclosure-type multipart/form-data."}},
    Row{ErrorCode::request_header_section_too_large,
        {"RequestHeaderSectionTooLarge", 400,
         "Your request header section exceeds the maximum allowed request header section size."}},
    Row{ErrorCode::request_time_too_skewed,
        {"RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."}},
    Row{ErrorCode::request_timeout,
        {"RequestTimeout", 400,
         "Your socket connection to the server was not read from or written to within the timeout period."}},
    Row{ErrorCode::replication_configuration_not_found,
        {"ReplicationConfigurationNotFoundError", 404, "The replication configuration was not found"}},
    Row{ErrorCode::server_side_encryption_configuration_not_found,
        {"ServerSideEncryptionConfigurationNotFoundError", 404,
         "The server side encryption configuration was not found"}},
    Row{ErrorCode::service_unavailable, {"ServiceUnavailable", 503, "Service is unable to handle request."}},
    Row{ErrorCode::signature_does_not_match,
        {"SignatureDoesNotMatch", 403,
         "The request signature we calculated does not match the signature you provided. Check your key and signing "
         "method."}},
    Row{ErrorCode::slow_down, {"SlowDown", 503, "Please reduce your request rate."}},
    Row{ErrorCode::storage_full, {"InsufficientStorage", 507, "The server has no space left for this object."}},
    Row{ErrorCode::too_many_buckets, {"TooManyBuckets", 400, "You have attempted to create more buckets than allowed"}},
    Row{ErrorCode::unexpected_content, {"UnexpectedContent", 400, "This request does not support content"}},
    Row{ErrorCode::unresolvable_grant_by_email_address,
        {"UnresolvableGrantByEmailAddress", 400,
         "The e-mail address you provided does not match any account on record."}},
    Row{ErrorCode::unsupported_signature,
        {"InvalidRequest", 400,
         "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."}},
    Row{ErrorCode::user_key_must_be_specified,
        {"UserKeyMustBeSpecified", 400,
         "The bucket POST must contain the specified field name. If it is specified, check the order of the "
         "fields."}},
    Row{ErrorCode::content_sha256_mismatch,
        {"XAmzContentSHA256Mismatch", 400,
         "The provided 'x-amz-content-sha256' header does not match what was computed."}},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (errors[i].code != static_cast<ErrorCode>(i)) return false;
  }
  return errors.back().code == ErrorCode::content_sha256_mismatch;  // the last one
}
static_assert(in_order());

}  // namespace

const ErrorInfo& info_of(ErrorCode code) { return errors[static_cast<std::size_t>(code)].info; }

S3Error invalid_argument(std::string message, std::string name, std::string value) {
  return S3Error(ErrorCode::invalid_argument, std::move(message))
      .with("ArgumentName", std::move(name))
      .with("ArgumentValue", std::move(value));
}

namespace {

ErrorCode code_of(Code code) {
  switch (code) {
    case Code::no_space:
      return ErrorCode::storage_full;
    case Code::cancelled:
    case Code::timeout:
    case Code::unavailable:
      return ErrorCode::service_unavailable;
    case Code::throttled:
      return ErrorCode::slow_down;
    case Code::not_found:
      return ErrorCode::no_such_key;
    case Code::precondition:
      return ErrorCode::precondition_failed;
    case Code::too_large:
      return ErrorCode::entity_too_large;
    default:
      return ErrorCode::internal_error;  // what it was is for the log, not for the client
  }
}

}  // namespace

S3Error from_engine(const Error& error) {
  S3Error translated(code_of(error.code));
  translated.cause = error.describe();
  return translated;
}

std::string error_document(const S3Error& error, const RequestName& request) {
  const ErrorInfo& info = info_of(error.code);
  XmlWriter xml;
  xml.open("Error");
  xml.text("Code", info.name);
  xml.text("Message", error.message.empty() ? info.message : error.message);
  for (const auto& [name, value] : error.details) xml.text(name, value);
  xml.text("Resource", request.resource);
  xml.text("RequestId", request.id);
  xml.text("HostId", host_id);
  return xml.take();
}

http::Answer error_answer(const S3Error& error, const RequestName& request) {
  http::Answer answer;
  answer.status = error.status();
  answer.headers = error.headers;
  if (answer.status == 304) return answer;
  answer.headers.emplace_back("content-type", "application/xml");
  answer.body = error_document(error, request);
  return answer;
}

}  // namespace duskline::gateway
