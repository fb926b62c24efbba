// Get, put and delete a bucket's cross-origin rules, and browsers' questions before they send a request.
#include <algorithm>
#include <array>

#include "gateway/configuration.h"
#include "gateway/cors.h"
#include "gateway/properties.h"
#include "gateway/xml.h"

namespace duskline::gateway {

Expected<http::Answer> get_bucket_cors(Context& context) {
  const std::string* const stored = find(context.bucket->properties, property::cors);
  if (stored == nullptr) {
    return S3Error(ErrorCode::no_such_cors_configuration).with("BucketName", context.bucket->name);
  }
  return xml_answer(*stored);
}

Expected<http::Answer> put_bucket_cors(Context& context) {
  DL_ASSIGN(const CorsRules rules, parse_cors(context.body));
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    bucket.properties[std::string(property::cors)] = cors_document(rules);
    return {};
  }));
  return empty_answer(200);
}

Expected<http::Answer> delete_bucket_cors(Context& context) {
  DL_TRY(change_bucket(context, [](objects::Bucket& bucket) -> Done {
    bucket.properties.erase(std::string(property::cors));
    return {};
  }));
  return empty_answer(204);
}

Expected<http::Answer> preflight(Context& context) {
  const std::string* const origin = context.request.header("origin");
  const std::string* const method = context.request.header("access-control-request-method");
  const std::string* const headers = context.request.header("access-control-request-headers");
  if (origin == nullptr) {
    return S3Error(ErrorCode::bad_request, "Insufficient information. Origin request header needed.");
  }
  constexpr std::array<std::string_view, 5> methods = {"GET", "PUT", "POST", "DELETE", "HEAD"};
  if (method == nullptr || std::find(methods.begin(), methods.end(), *method) == methods.end()) {
    return S3Error(ErrorCode::bad_request,
                   "Invalid Access-Control-Request-Method: " + (method == nullptr ? std::string("null") : *method));
  }
  const std::string* const stored = find(context.bucket->properties, property::cors);
  if (stored == nullptr) {
    return S3Error(ErrorCode::cors_forbidden, "CORSResponse: CORS is not enabled for this bucket.")
        .with("Method", *method)
        .with("ResourceType", "BUCKET");
  }
  DL_ASSIGN(const CorsRules rules, parse_cors(*stored));
  http::Answer answer = empty_answer(200);
  answer.headers = cors_headers(rules, {*origin, *method, header_list(headers == nullptr ? "" : *headers)});
  if (answer.headers.empty()) {
    return S3Error(ErrorCode::cors_forbidden,
                   "CORSResponse: This CORS request is not allowed. Origin, method or headers are not among those that "
                   "the bucket's rules allow.")
        .with("Method", *method)
        .with("ResourceType", context.request.key.empty() ? "BUCKET" : "OBJECT");
  }
  return answer;
}

}  // namespace duskline::gateway
