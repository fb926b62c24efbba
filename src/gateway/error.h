// S3's errors: a closed table of codes with their status and wording, and the XML document that tells the client.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include "base/result.h"
#include "http/server.h"
#include "s3/sigv4.h"

namespace duskline::gateway {

// Spelled in the table (error.cc) as S3 spells them: access_denied is "AccessDenied".
enum class ErrorCode : std::uint8_t {
  access_control_list_not_supported,
  access_denied,
  authorization_header_malformed,
  authorization_query_parameters_error,
  bad_digest,
  bad_request,
  bucket_already_exists,
  bucket_already_owned_by_you,
  bucket_not_empty,
  cors_forbidden,  // "AccessForbidden"
  entity_too_large,
  entity_too_small,
  expired_token,
  illegal_location_constraint,
  illegal_versioning_configuration,
  incomplete_body,
  internal_error,
  invalid_access_key_id,
  invalid_argument,
  invalid_bucket_acl_with_object_ownership,
  invalid_bucket_name,
  invalid_bucket_state,
  invalid_digest,
  invalid_encryption_algorithm,
  invalid_location_constraint,
  invalid_object_state,
  invalid_part,
  invalid_part_number,
  invalid_part_order,
  invalid_policy_document,
  invalid_range,
  invalid_redirect_location,
  invalid_request,
  invalid_retention_period,
  invalid_storage_class,
  invalid_tag,
  invalid_target_bucket_for_logging,
  invalid_token,
  invalid_uri,
  key_too_long,
  kms_key_not_found,
  malformed_acl,
  malformed_policy,
  malformed_post_request,
  malformed_trailer,
  malformed_xml,
  max_message_length_exceeded,
  max_post_pre_data_length_exceeded,
  metadata_too_large,
  method_not_allowed,
  missing_content_length,
  missing_fields,
  missing_request_body,
  missing_security_header,
  no_such_bucket,
  no_such_bucket_policy,
  no_such_cors_configuration,
  no_such_key,
  no_such_lifecycle_configuration,
  no_such_object_lock_configuration,
  no_such_public_access_block_configuration,
  no_such_tag_set,
  no_such_upload,
  no_such_version,
  no_such_website_configuration,
  not_implemented,
  not_modified,
  object_lock_configuration_not_found,
  operation_aborted,
  ownership_controls_not_found,
  precondition_failed,
  request_expired,  // "AccessDenied": a presigned request after its time
  request_is_not_multipart_content,
  request_header_section_too_large,
  request_time_too_skewed,
  request_timeout,
  replication_configuration_not_found,
  server_side_encryption_configuration_not_found,
  service_unavailable,
  signature_does_not_match,
  slow_down,
  storage_full,
  too_many_buckets,
  unexpected_content,
  unresolvable_grant_by_email_address,
  unsupported_signature,
  user_key_must_be_specified,
  content_sha256_mismatch,
};

struct ErrorInfo {
  std::string_view name;
  int status;
  std::string_view message;
};
[[nodiscard]] const ErrorInfo& info_of(ErrorCode code);

// `details` become elements of the document ("ArgumentName"), `headers` go out with the answer.
struct S3Error {
  ErrorCode code = ErrorCode::internal_error;
  std::string message;  // empty: the table's
  s3::Pairs details;
  http::Headers headers;
  std::string cause;  // for the server's own log, never for the client

  S3Error() = default;
  S3Error(ErrorCode c) : code(c) {}  // NOLINT(google-explicit-constructor)
  S3Error(ErrorCode c, std::string text) : code(c), message(std::move(text)) {}
  S3Error with(std::string name, std::string value) && {
    details.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
  [[nodiscard]] int status() const { return info_of(code).status; }
};

// "InvalidArgument" with the elements that S3 gives it.
[[nodiscard]] S3Error invalid_argument(std::string message, std::string name, std::string value);

// What the engine's failures mean to a client: a full disk, a damaged object, a name that is gone.
[[nodiscard]] S3Error from_engine(const Error& error);

// A value, or why S3 refuses. DL_TRY and DL_ASSIGN work in functions that return it, also over the engine's Result.
template <typename T>
class [[nodiscard]] Expected : public tl::expected<T, S3Error> {
 public:
  using tl::expected<T, S3Error>::expected;
  Expected(S3Error error)  // NOLINT(google-explicit-constructor)
      : tl::expected<T, S3Error>(tl::unexpect, std::move(error)) {}
  Expected(ErrorCode code)  // NOLINT(google-explicit-constructor)
      : tl::expected<T, S3Error>(tl::unexpect, S3Error(code)) {}
  Expected(const Error& error)  // NOLINT(google-explicit-constructor)
      : tl::expected<T, S3Error>(tl::unexpect, from_engine(error)) {}
};
using Done = Expected<void>;

// What tells one request from others in answers and logs.
struct RequestName {
  std::string id;        // x-amz-request-id
  std::string resource;  // "/bucket/key"
};
[[nodiscard]] std::string error_document(const S3Error& error, const RequestName& request);
[[nodiscard]] http::Answer error_answer(const S3Error& error, const RequestName& request);
inline constexpr std::string_view host_id = "ZHVza2xpbmUtc3RvcmUtb2JqZWN0cy1vdmVyLWh0dHAtc2VydmVyLWhvc3QtaWQ=";

}  // namespace duskline::gateway
