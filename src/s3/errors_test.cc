#include "s3/errors.h"

#include <gtest/gtest.h>

#include "http/date.h"

namespace duskline::s3 {
namespace {

using std::chrono::milliseconds;

const WallTime now = *parse_time("2026-11-21T12:00:00Z");

Error refused(int status, ErrorDocument document = {}, http::Headers headers = {}, bool conditional = false) {
  http::Response response;
  response.status = status;
  response.headers = std::move(headers);
  return error_of({"GET s3://b/k at http://h", status, std::move(document), response, now, conditional});
}

struct Row {
  int status;
  const char* s3_code;
  Code plain, conditional;
};

TEST(S3Errors, MapsStatusAndCode) {
  const Row rows[] = {
      {404, "", Code::not_found, Code::not_found},
      {404, "NoSuchKey", Code::not_found, Code::not_found},
      {404, "NoSuchBucket", Code::usage, Code::usage},
      {304, "", Code::not_modified, Code::not_modified},
      {412, "PreconditionFailed", Code::precondition, Code::precondition},
      {409, "ConditionalRequestConflict", Code::unavailable, Code::precondition},
      {409, "OperationAborted", Code::unavailable, Code::precondition},
      {416, "InvalidRange", Code::invalid, Code::invalid},
      {403, "AccessDenied", Code::denied, Code::denied},
      {403, "SignatureDoesNotMatch", Code::denied, Code::denied},
      {403, "QuotaExceeded", Code::no_space, Code::no_space},
      {401, "", Code::denied, Code::denied},
      {400, "ExpiredToken", Code::expired, Code::expired},
      {403, "ExpiredToken", Code::expired, Code::expired},
      {400, "BadDigest", Code::corrupt, Code::corrupt},
      {400, "RequestTimeout", Code::unavailable, Code::unavailable},
      {400, "AuthorizationHeaderMalformed", Code::usage, Code::usage},
      {400, "InvalidRequest", Code::invalid, Code::invalid},
      {301, "PermanentRedirect", Code::usage, Code::usage},
      {307, "", Code::usage, Code::usage},
      {429, "", Code::throttled, Code::throttled},
      {503, "SlowDown", Code::throttled, Code::throttled},
      {503, "", Code::unavailable, Code::unavailable},
      {500, "InternalError", Code::unavailable, Code::unavailable},
      {502, "", Code::unavailable, Code::unavailable},
      {501, "NotImplemented", Code::unsupported, Code::unsupported},
      {405, "MethodNotAllowed", Code::unsupported, Code::unsupported},
      {413, "EntityTooLarge", Code::too_large, Code::too_large},
      {200, "InternalError", Code::unavailable, Code::unavailable},
      {200, "SlowDown", Code::throttled, Code::throttled},
      {200, "SomethingNew", Code::unavailable, Code::unavailable},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(name_of(refused(row.status, {row.s3_code}).code), name_of(row.plain)) << row.status << row.s3_code;
    EXPECT_EQ(name_of(refused(row.status, {row.s3_code}, {}, true).code), name_of(row.conditional))
        << row.status << row.s3_code;
  }
}

TEST(S3Errors, SayWhatWhereAndWhy) {
  const Error error = refused(403, {"AccessDenied", "No."});
  EXPECT_TRUE(error.message.starts_with("GET s3://b/k at http://h: 403 AccessDenied (No.); check the credentials"))
      << error.message;
}

TEST(S3Errors, WonderAtAConditionThatNobodySet) {
  EXPECT_NE(refused(412, {"PreconditionFailed"}).message.find("no condition"), std::string::npos);
  EXPECT_EQ(refused(412, {"PreconditionFailed"}, {}, true).message.find("no condition"), std::string::npos);
}

TEST(S3Errors, ShowBothClocksWhenTheyDiffer) {
  const Error told = refused(403, {"RequestTimeTooSkewed", "", "", "", "2026-11-21T13:30:00Z"});
  EXPECT_EQ(told.code, Code::denied);
  EXPECT_NE(told.message.find("2026-11-21T12:00:00Z"), std::string::npos) << told.message;
  EXPECT_NE(told.message.find("2026-11-21T13:30:00Z"), std::string::npos) << told.message;
  EXPECT_NE(told.message.find("set this machine's clock"), std::string::npos) << told.message;
  // The answer to a HEAD has no document: the Date header tells.
  const Error guessed = refused(403, {}, {{"date", "Sat, 21 Nov 2026 13:30:00 GMT"}});
  EXPECT_NE(guessed.message.find("2026-11-21T13:30:00Z"), std::string::npos) << guessed.message;
  const Error close = refused(403, {}, {{"date", "Sat, 21 Nov 2026 12:01:00 GMT"}});
  EXPECT_EQ(close.message.find("clock"), std::string::npos) << close.message;
}

TEST(S3Errors, NameTheRightRegion) {
  EXPECT_NE(refused(301, {"PermanentRedirect"}, {{"x-amz-bucket-region", "eu-west-1"}}).message.find("\"eu-west-1\""),
            std::string::npos);
  EXPECT_NE(refused(400, {"AuthorizationHeaderMalformed", "", "eu-west-2"}).message.find("\"eu-west-2\""),
            std::string::npos);
}

milliseconds wait_of(http::Headers headers) { return refused(503, {"SlowDown"}, std::move(headers)).retry_after; }

TEST(S3Errors, CarryRetryAfter) {
  EXPECT_EQ(wait_of({}), milliseconds(0));
  EXPECT_EQ(wait_of({{"retry-after", "7"}}), milliseconds(7000));
  EXPECT_EQ(wait_of({{"retry-after", "Sat, 21 Nov 2026 12:00:30 GMT"}}), milliseconds(30'000));
  // By the server's clock where it tells it.
  EXPECT_EQ(wait_of({{"date", "Sat, 21 Nov 2026 12:00:20 GMT"}, {"retry-after", "Sat, 21 Nov 2026 12:00:30 GMT"}}),
            milliseconds(10'000));
  EXPECT_EQ(wait_of({{"retry-after", "99999999"}}), std::chrono::hours(1));
  for (const char* bad : {"", "-5", "soon", "1.5", "99999999999999999999", "Sat, 21 Nov 1999 12:00:30 GMT"}) {
    EXPECT_EQ(wait_of({{"retry-after", bad}}), milliseconds(0)) << bad;
  }
}

}  // namespace
}  // namespace duskline::s3
