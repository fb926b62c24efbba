#include "s3/errors.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/units.h"
#include "http/date.h"

namespace duskline::s3 {
namespace {

using std::chrono::milliseconds;

constexpr auto max_skew = std::chrono::minutes(15);  // what S3 allows between the two clocks

struct CodeName {
  std::string_view name;
  Code code;
};
constexpr std::array code_names = {
    CodeName{"NoSuchKey", Code::not_found},
    CodeName{"NoSuchUpload", Code::not_found},
    CodeName{"NoSuchBucket", Code::usage},  // never to be mistaken for an object that is not there yet
    CodeName{"InvalidBucketName", Code::usage},
    CodeName{"PermanentRedirect", Code::usage},
    CodeName{"TemporaryRedirect", Code::usage},
    CodeName{"AuthorizationHeaderMalformed", Code::usage},
    CodeName{"KeyTooLongError", Code::usage},
    CodeName{"PreconditionFailed", Code::precondition},
    CodeName{"ConditionalRequestConflict", Code::precondition},
    CodeName{"InvalidRange", Code::invalid},
    CodeName{"ExpiredToken", Code::expired},
    CodeName{"ExpiredTokenException", Code::expired},
    CodeName{"TokenRefreshRequired", Code::expired},
    CodeName{"InvalidToken", Code::denied},
    CodeName{"InvalidAccessKeyId", Code::denied},
    CodeName{"AccessDenied", Code::denied},
    CodeName{"QuotaExceeded", Code::no_space},
    CodeName{"SlowDown", Code::throttled},
    CodeName{"TooManyRequests", Code::throttled},
    CodeName{"Throttling", Code::throttled},
    CodeName{"ThrottlingException", Code::throttled},
    CodeName{"RequestLimitExceeded", Code::throttled},
    CodeName{"BandwidthLimitExceeded", Code::throttled},
    CodeName{"InternalError", Code::unavailable},
    CodeName{"RequestTimeout", Code::unavailable},
    CodeName{"IncompleteBody", Code::unavailable},
    CodeName{"ServiceUnavailable", Code::unavailable},
    CodeName{"BadDigest", Code::corrupt},
    CodeName{"InvalidDigest", Code::corrupt},
    CodeName{"XAmzContentSHA256Mismatch", Code::corrupt},
    CodeName{"EntityTooLarge", Code::too_large},
    CodeName{"NotImplemented", Code::unsupported},
    CodeName{"MethodNotAllowed", Code::unsupported},
};

Code code_of_status(int status) {
  switch (status) {
    case 304:
      return Code::not_modified;
    case 401:
    case 403:
      return Code::denied;
    case 404:
    case 410:
      return Code::not_found;
    case 405:
    case 501:
      return Code::unsupported;
    case 408:
    case 425:
      return Code::unavailable;
    case 412:
      return Code::precondition;
    case 413:
      return Code::too_large;
    case 429:
      return Code::throttled;
    case 507:
      return Code::no_space;
    default:
      if (status < 300 || status >= 500) return Code::unavailable;  // an error hidden in a 200 is none of the caller's
      return status < 400 ? Code::usage : Code::invalid;
  }
}

// A conflict that the caller did not ask for by a condition is a passing state of the server.
Code code_of(const Refusal& refusal) {
  if (refusal.document.code == "BucketAlreadyOwnedByYou") return Code::already_exists;
  if (refusal.document.code == "BucketAlreadyExists") return Code::refused;
  if (refusal.status == 409) return refusal.conditional ? Code::precondition : Code::unavailable;
  if (refusal.status == 416) return Code::invalid;
  const auto named = std::find_if(code_names.begin(), code_names.end(),
                                  [&](const CodeName& entry) { return entry.name == refusal.document.code; });
  return named != code_names.end() ? named->code : code_of_status(refusal.status);
}

std::optional<WallTime> server_time(const Refusal& refusal) {
  if (const auto time = parse_time(refusal.document.server_time)) return time;
  const std::string* date = refusal.response.header("date");
  return date == nullptr ? std::nullopt : http::parse_http_date(*date);
}

bool clocks_differ(const Refusal& refusal) {
  if (refusal.document.code == "RequestTimeTooSkewed" || refusal.document.code == "RequestExpired") return true;
  const auto theirs = server_time(refusal);
  if (refusal.status != 403 || !refusal.document.code.empty() || !theirs) return false;
  return *theirs - refusal.now > max_skew || refusal.now - *theirs > max_skew;
}

std::string region_hint(const Refusal& refusal) {
  const std::string* header = refusal.response.header("x-amz-bucket-region");
  const std::string region = header != nullptr ? printable(*header).substr(0, 64) : refusal.document.region;
  return region.empty() ? "check --region and --endpoint-url"
                        : "the bucket is in region \"" + region + "\": give it with --region";
}

std::string advice(const Refusal& refusal, Code code) {
  if (clocks_differ(refusal)) {
    const auto theirs = server_time(refusal);
    return "the clocks differ too much: here it is " +
           format_time(std::chrono::floor<std::chrono::seconds>(refusal.now)) + ", the server has " +
           (theirs ? format_time(*theirs) : "another time") +
           "; set this machine's clock (timedatectl, chrony) and try again";
  }
  if (refusal.document.code == "NoSuchBucket") {
    return "make the bucket (duskline store bucket add s3://NAME), or correct its name";
  }
  if (refusal.document.code == "SignatureDoesNotMatch") {
    return "check AWS_SECRET_ACCESS_KEY, --region and --endpoint-url (a proxy that changes headers breaks signatures "
           "too)";
  }
  if (refusal.status == 412 && !refusal.conditional) {
    return "the request had no condition that could fail: a proxy may have changed it, or this is no S3 service; check "
           "--endpoint-url";
  }
  switch (code) {
    case Code::usage:
      return region_hint(refusal);
    case Code::denied:
      return "check the credentials and what they are allowed to do (a missing object is answered so too where they "
             "may "
             "not list the bucket)";
    case Code::expired:
      return "the session's credentials ran out: renew them";
    case Code::no_space:
      return "the bucket's or user's quota is used up: raise it, or make room with duskline prune";
    default:
      return "";
  }
}

}  // namespace

milliseconds retry_after_of(const http::Response& response, WallTime now) {
  constexpr std::int64_t longest_seconds = 3600;
  const std::string* value = response.header("retry-after");
  if (value == nullptr) return milliseconds(0);
  std::int64_t seconds = 0;
  if (const auto date = http::parse_http_date(*value)) {
    const std::string* server_date = response.header("date");
    const auto from = server_date == nullptr ? std::nullopt : http::parse_http_date(*server_date);
    seconds = std::chrono::ceil<std::chrono::seconds>(*date - from.value_or(now)).count();
  } else {
    const auto [end, failed] = std::from_chars(value->data(), value->data() + value->size(), seconds);
    if (failed != std::errc{} || end != value->data() + value->size()) return milliseconds(0);
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, longest_seconds));
}

Error error_of(const Refusal& refusal) {
  const Code code = clocks_differ(refusal) ? Code::denied : code_of(refusal);
  std::string message(refusal.what);
  message += ": " + std::to_string(refusal.status);
  if (!refusal.document.code.empty()) message += " " + refusal.document.code;
  if (!refusal.document.message.empty()) message += " (" + refusal.document.message + ")";
  if (const std::string hint = advice(refusal, code); !hint.empty()) message += "; " + hint;
  Error error{code, std::move(message)};
  error.retry_after = retry_after_of(refusal.response, refusal.now);
  return error;
}

}  // namespace duskline::s3
