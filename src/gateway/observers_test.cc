// Access log, audit record and metrics: what they say about a request.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "gateway/access_log.h"
#include "gateway/audit_log.h"
#include "gateway/log_file.h"
#include "gateway/metrics.h"
#include "testing/must.h"
#include "testing/scratch.h"

namespace duskline::gateway {
namespace {

using testing::must;

const Operation* operation_named(std::string_view name) {
  for (const auto rows : {core_operations(), configuration_operations()}) {
    for (const Operation& row : rows) {
      if (row.name == name) return &row;
    }
  }
  return nullptr;
}

class Observed : public ::testing::Test {
 protected:
  Observed() {
    head_->method = "GET";
    head_->target = "/bucket/a%20b?versionId=v1";
    head_->peer = "192.0.2.3";
    head_->headers = {{"host", "localhost:9000"}, {"user-agent", "tool \"1\"\n"}, {"referer", ""}};
    request_.head = head_;
    request_.bucket = "bucket";
    request_.key = "a b";
    request_.query = {{"versionId", "v1"}};
    request_.request_id = "REQ1";
    request_.now = std::chrono::sys_days(std::chrono::year(2019) / 2 / 6) + std::chrono::seconds(38);
    caller_.user = "u1";
    caller_.display_name = "anna";
    caller_.access_key = "DL1";
    caller_.signed_by = SignedBy::header;
    outcome_.status = 200;
    outcome_.body_bytes_sent = 5;
    outcome_.total = std::chrono::microseconds(1500);
    outcome_.turnaround = std::chrono::microseconds(200);
    outcome_.complete = true;
  }
  Finished finished(std::string_view operation, std::string_view error = {}) {
    return {request_, caller_, operation_named(operation), outcome_.status, error, outcome_, 7};
  }
  std::shared_ptr<http::RequestHead> head_ = std::make_shared<http::RequestHead>();
  Request request_;
  Caller caller_;
  http::Outcome outcome_;
};

TEST_F(Observed, AccessLogHasTheFieldsOfS3) {
  EXPECT_EQ(access_line(finished("GetObject"), "owner"),
            "owner bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 u1 REQ1 REST.GET.OBJECT a%20b "
            "\"GET /bucket/a%20b?versionId=v1 HTTP/1.1\" 200 - 5 7 2 1 \"-\" \"tool %221%22%0A\" v1 " +
                std::string(host_id) + " SigV4 - AuthHeader localhost:9000 - - - -");
}

TEST_F(Observed, AccessLogTakesWhatCouldNotBeRead) {
  const Request nothing;
  const Caller nobody;
  const http::Outcome outcome;
  const std::string line = access_line({nothing, nobody, nullptr, 400, "InvalidURI", outcome, 0}, "");
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find(" 400 InvalidURI - - 0 0 "), std::string::npos) << line;
}

TEST_F(Observed, AuditIsAboutAdministrativeActsAlone) {
  const auto is = [&](std::string_view name) { return is_administrative(*operation_named(name), request_); };
  for (const char* name : {"CreateBucket", "DeleteBucket", "PutBucketPolicy", "DeleteBucketPolicy", "PutBucketAcl",
                           "PutObjectAcl", "PutObjectRetention", "PutObjectLegalHold", "PutBucketVersioning"}) {
    EXPECT_TRUE(is(name)) << name;
  }
  for (const char* name : {"GetObject", "PutObject", "DeleteObject", "DeleteObjects", "GetBucketPolicy", "ListObjects",
                           "PutObjectTagging", "PostObject", "AbortMultipartUpload", "Preflight"}) {
    EXPECT_FALSE(is(name)) << name;
  }
  head_->headers.emplace_back("x-amz-bypass-governance-retention", "true");
  EXPECT_TRUE(is("DeleteObject"));
  EXPECT_TRUE(is("DeleteObjects"));
  EXPECT_FALSE(is("GetObject"));
}

TEST(AuditLine, LeavesOutWhatItHasNot) {
  AuditRecord record;
  record.time = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
  record.act = "key add";
  record.about = "line\nend";
  EXPECT_EQ(audit_line(record), R"({"time":"2026-11-21T00:00:00Z","act":"key add","about":"line\nend"})");
}

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(LogFile, AppendsInOrderAlsoAfterRotation) {
  const testing::Scratch scratch;
  NullReporter reporter;
  const std::string path = scratch.path("log"), old = scratch.path("log.1");
  {
    const auto file = must(LogFile::open(path, LogSync::each_batch, reporter));
    file->append("one");
    file->append("two");
    file->flush();
    EXPECT_EQ(content(path), "one\ntwo\n");
    ASSERT_EQ(std::rename(path.c_str(), old.c_str()), 0);
    file->append("three");
    file->reopen();
    file->flush();
    file->append("four");
  }
  EXPECT_EQ(content(old), "one\ntwo\nthree\n");
  EXPECT_EQ(content(path), "four\n");
}

TEST(LogFile, DropsLinesRatherThanGrow) {
  const testing::Scratch scratch;
  NullReporter reporter;
  const auto file = must(LogFile::open(scratch.path("log"), LogSync::left_to_system, reporter));
  EXPECT_EQ(file->dropped(), 0U);
  file->append(std::string(17 << 20, 'x'));
  EXPECT_EQ(file->dropped(), 1U);
  EXPECT_FALSE(LogFile::open(scratch.path("none/log"), LogSync::left_to_system, reporter));
}

TEST_F(Observed, MetricsCountRequestsErrorsAndTimes) {
  Metrics metrics;
  metrics.finished(finished("GetObject"));
  metrics.finished(finished("GetObject"));
  outcome_.status = 404;
  outcome_.complete = false;
  metrics.finished(finished("GetObject", "NoSuchKey"));
  metrics.finished({request_, caller_, nullptr, 400, "InvalidURI", outcome_, 0});
  objects::Counts objects;
  objects.flushes = 12;
  const std::string text = metrics.text(objects, {}, 3);
  const auto has = [&](const std::string& line) {
    EXPECT_NE(("\n" + text).find("\n" + line + "\n"), std::string::npos) << line << "\n" << text;
  };
  has(R"(duskline_requests_total{operation="GetObject",status="2xx"} 2)");
  has(R"(duskline_requests_total{operation="GetObject",status="4xx"} 1)");
  has(R"(duskline_requests_total{operation="Unknown",status="4xx"} 1)");
  has(R"(duskline_errors_total{code="NoSuchKey"} 1)");
  has(R"(duskline_sent_bytes_total{operation="GetObject"} 15)");
  has(R"(duskline_broken_off_total{operation="GetObject"} 1)");
  has(R"(duskline_request_seconds_bucket{operation="GetObject",le="0.001"} 0)");
  has(R"(duskline_request_seconds_bucket{operation="GetObject",le="0.0025"} 3)");
  has(R"(duskline_request_seconds_bucket{operation="GetObject",le="+Inf"} 3)");
  has(R"(duskline_request_seconds_count{operation="GetObject"} 3)");
  has("duskline_fsyncs_total 12");
  has("duskline_log_lines_lost_total 3");
}

}  // namespace
}  // namespace duskline::gateway
