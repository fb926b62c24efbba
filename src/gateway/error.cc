#include "gateway/error.h"

#include <array>

#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

// In the order of the enumeration.
constexpr std::array errors = {
    ErrorInfo{"AccessControlListNotSupported", 400, "The bucket does not allow ACLs"},
    ErrorInfo{"AccessDenied", 403, "Access Denied"},
    ErrorInfo{"AuthorizationHeaderMalformed", 400, "The authorization header you provided is invalid."},
    ErrorInfo{"AuthorizationQueryParametersError", 400,
              "Error parsing the authorization query parameters of the request."},
    ErrorInfo{"BadDigest", 400,
              "The Content-MD5 or checksum value that you specified did not match what the server "
              "received."},
    ErrorInfo{"BucketAlreadyExists", 409,
              "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
              "Please select a different name and try again."},
    ErrorInfo{"BucketAlreadyOwnedByYou", 409,
              "Your previous request to create the named bucket succeeded and you already own it."},
    ErrorInfo{"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
    ErrorInfo{"AccessForbidden", 403, "CORSResponse: This CORS request is not allowed."},
    ErrorInfo{"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"},
    ErrorInfo{"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"},
    ErrorInfo{"ExpiredToken", 400, "The provided token has expired."},
    ErrorInfo{
        "IllegalLocationConstraintException", 400,
        "The specified location constraint is incompatible for the region specific endpoint this request was sent "
        "to."},
    ErrorInfo{"IncompleteBody", 400,
              "You did not provide the number of bytes specified by the Content-Length HTTP header"},
    ErrorInfo{"InternalError", 500, "We encountered an internal error. Please try again."},
    ErrorInfo{"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."},
    ErrorInfo{"InvalidArgument", 400, "Invalid Argument"},
    ErrorInfo{"InvalidBucketName", 400, "The specified bucket is not valid."},
    ErrorInfo{"InvalidBucketState", 409, "The request is not valid with the current state of the bucket."},
    ErrorInfo{"InvalidDigest", 400, "The Content-MD5 you specified was invalid."},
    ErrorInfo{"InvalidEncryptionAlgorithmError", 400,
              "The encryption request you specified is not valid. The valid value is AES256."},
    ErrorInfo{"InvalidLocationConstraint", 400, "The specified location-constraint is not valid"},
    ErrorInfo{"InvalidObjectState", 403, "The operation is not valid for the object's storage class"},
    ErrorInfo{"InvalidPart", 400,
              "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
              "specified entity tag may not match the part's entity tag."},
    ErrorInfo{"InvalidPartOrder", 400,
              "The list of parts was not in ascending order. Parts must be ordered by part number."},
    ErrorInfo{"InvalidPolicyDocument", 400,
              "The content of the form does not meet the conditions specified in the policy document."},
    ErrorInfo{"InvalidRange", 416, "The requested range is not satisfiable"},
    ErrorInfo{"InvalidRequest", 400, "Invalid Request"},
    ErrorInfo{"InvalidRetentionPeriod", 400, "Default retention period must be a positive integer value."},
    ErrorInfo{"InvalidStorageClass", 400, "The storage class you specified is not valid"},
    ErrorInfo{"InvalidTag", 400, "The tag provided was not a valid tag."},
    ErrorInfo{"InvalidToken", 400, "The provided token is malformed or otherwise invalid."},
    ErrorInfo{"InvalidURI", 400, "Couldn't parse the specified URI."},
    ErrorInfo{"KeyTooLongError", 400, "Your key is too long"},
    ErrorInfo{"MalformedACLError", 400,
              "The XML you provided was not well-formed or did not validate against our published schema"},
    ErrorInfo{"MalformedPolicy", 400, "Policy has invalid resource"},
    ErrorInfo{"MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."},
    ErrorInfo{"MalformedXML", 400,
              "The XML you provided was not well-formed or did not validate against our published schema"},
    ErrorInfo{"MaxMessageLengthExceeded", 400, "Your request was too big."},
    ErrorInfo{"MaxPostPreDataLengthExceeded", 400,
              "Your POST request fields preceding the upload file were too large."},
    ErrorInfo{"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"},
    ErrorInfo{"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
    ErrorInfo{"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
    ErrorInfo{"MissingFields", 400, "A required field is missing."},
    ErrorInfo{"MissingRequestBodyError", 400, "Request Body is empty"},
    ErrorInfo{"MissingSecurityHeader", 400, "Your request was missing a required header"},
    ErrorInfo{"NoSuchBucket", 404, "The specified bucket does not exist"},
    ErrorInfo{"NoSuchBucketPolicy", 404, "The bucket policy does not exist"},
    ErrorInfo{"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"},
    ErrorInfo{"NoSuchKey", 404, "The specified key does not exist."},
    ErrorInfo{"NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist"},
    ErrorInfo{"NoSuchObjectLockConfiguration", 404, "The specified object does not have a ObjectLock configuration"},
    ErrorInfo{"NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found"},
    ErrorInfo{"NoSuchTagSet", 404, "The TagSet does not exist"},
    ErrorInfo{
        "NoSuchUpload", 404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."},
    ErrorInfo{"NoSuchVersion", 404, "The specified version does not exist."},
    ErrorInfo{"NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration"},
    ErrorInfo{"NotImplemented", 501, "A header you provided implies functionality that is not implemented"},
    ErrorInfo{"NotModified", 304, "Not Modified"},
    ErrorInfo{"ObjectLockConfigurationNotFoundError", 404, "Object Lock configuration does not exist for this bucket"},
    ErrorInfo{"OperationAborted", 409,
              "A conflicting conditional operation is currently in progress against this resource. Please try again."},
    ErrorInfo{"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"},
    ErrorInfo{"PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"},
    ErrorInfo{"AccessDenied", 403, "Request has expired"},
    ErrorInfo{"RequestIsNotMultiPartContent", 412, "Bucket POST must be of the enclosure-type multipart/form-data."},
    ErrorInfo{"RequestHeaderSectionTooLarge", 400,
              "Your request header section exceeds the maximum allowed request header section size."},
    ErrorInfo{"RequestTimeTooSkewed", 403,
              "The difference between the request time and the current time is too large."},
    ErrorInfo{"RequestTimeout", 400,
              "Your socket connection to the server was not read from or written to within the timeout period."},
    ErrorInfo{"ServerSideEncryptionConfigurationNotFoundError", 404,
              "The server side encryption configuration was not found"},
    ErrorInfo{"ServiceUnavailable", 503, "Service is unable to handle request."},
    ErrorInfo{
        "SignatureDoesNotMatch", 403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method."},
    ErrorInfo{"SlowDown", 503, "Please reduce your request rate."},
    ErrorInfo{"InsufficientStorage", 507, "The server has no space left for this object."},
    ErrorInfo{"TooManyBuckets", 400, "You have attempted to create more buckets than allowed"},
    ErrorInfo{"UnexpectedContent", 400, "This request does not support content"},
    ErrorInfo{"InvalidRequest", 400,
              "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."},
    ErrorInfo{"UserKeyMustBeSpecified", 400,
              "The bucket POST must contain the specified field name. If it is specified, check the order of the "
              "fields."},
    ErrorInfo{"XAmzContentSHA256Mismatch", 400,
              "The provided 'x-amz-content-sha256' header does not match what was computed."},
};
static_assert(errors.size() == static_cast<std::size_t>(ErrorCode::content_sha256_mismatch) + 1);

}  // namespace

const ErrorInfo& info_of(ErrorCode code) { return errors[static_cast<std::size_t>(code)]; }

S3Error invalid_argument(std::string message, std::string name, std::string value) {
  return S3Error(ErrorCode::invalid_argument, std::move(message))
      .with("ArgumentName", std::move(name))
      .with("ArgumentValue", std::move(value));
}

S3Error from_engine(const Error& error) {
  switch (error.code) {
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
