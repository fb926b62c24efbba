#include "gateway/lifecycle.h"

#include <gtest/gtest.h>

#include "gateway/hooks.h"
#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

using std::chrono::days;
using std::chrono::hours;
const WallTime made = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + hours(10);

std::string rule(const std::string& inner, const std::string& filter = "<Filter><Prefix>logs/</Prefix></Filter>",
                 const std::string& status = "Enabled") {
  return "<Rule>" + filter + "<Status>" + status + "</Status>" + inner + "</Rule>";
}
std::string document(const std::string& rules) {
  return "<LifecycleConfiguration>" + rules + "</LifecycleConfiguration>";
}
LifecycleRules parsed(const std::string& rules) { return parse_lifecycle(document(rules)).value(); }
ErrorCode refusal(const std::string& rules) {
  const auto result = parse_lifecycle(document(rules));
  return result ? ErrorCode::internal_error : result.error().code;
}
const std::string in_two_days = "<Expiration><Days>2</Days></Expiration>";

TEST(LifecycleDocument, ReadsBack) {
  const std::string rules =
      rule(
          "<Expiration><Days>2</Days></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>3"
          "</DaysAfterInitiation></AbortIncompleteMultipartUpload>") +
      rule("<Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration>", "<Prefix>x</Prefix>", "Disabled") +
      rule(
          "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
          "<NoncurrentVersionExpiration><NoncurrentDays>4</NoncurrentDays><NewerNoncurrentVersions>2"
          "</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
          "<Filter/>") +
      rule(
          "<Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition><NoncurrentVersionTransition>"
          "<NoncurrentDays>1</NoncurrentDays><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>",
          "<Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeGreaterThan>1"
          "</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>");
  const LifecycleRules read = parsed("<Rule><ID>first</ID>" + rules.substr(6));
  ASSERT_EQ(read.size(), 4U);
  EXPECT_EQ(read[0].id, "first");
  EXPECT_EQ(read[1].id.size(), 48U);
  EXPECT_FALSE(read[1].enabled);
  EXPECT_EQ(read[3].filter.tags, (Tags{{"k", "v"}}));
  EXPECT_EQ(parse_lifecycle(lifecycle_document(read)).value(), read);
}

TEST(LifecycleDocument, RefusesWhatBreaksItsRules) {
  EXPECT_EQ(refusal(""), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal("<Other/>"), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("")), ErrorCode::invalid_request);
  EXPECT_EQ(refusal(rule(in_two_days, "")), ErrorCode::malformed_xml);  // neither Filter nor Prefix
  EXPECT_EQ(refusal(rule("<Transition><Days>1</Days><StorageClass>STANDARD</StorageClass></Transition>")),
            ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule(in_two_days, "<Filter/>", "enabled")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule(in_two_days, "<Filter/><Prefix>a</Prefix>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule(in_two_days, "<Filter><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></Filter>")),
            ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<Expiration><Days>0</Days></Expiration>")), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(rule("<Expiration><Days>x</Days></Expiration>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<Expiration><Days>99999999999</Days></Expiration>")), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(rule("<Expiration/>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<Expiration><Date>20200101</Date></Expiration>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<Expiration><Date>2030-01-01T01:00:00Z</Date></Expiration>")), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(rule("<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                         "</Expiration>")),
            ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions>"
                         "</NoncurrentVersionExpiration>")),
            ErrorCode::malformed_xml);
  EXPECT_EQ(
      refusal("<Rule><ID>a</ID>" + rule(in_two_days).substr(6) + "<Rule><ID>a</ID>" + rule(in_two_days).substr(6)),
      ErrorCode::invalid_argument);
  EXPECT_EQ(refusal("<Rule><ID>" + std::string(256, 'a') + "</ID>" + rule(in_two_days).substr(6)),
            ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(rule("<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>"
                         "</AbortIncompleteMultipartUpload>",
                         "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>")),
            ErrorCode::invalid_request);
  EXPECT_EQ(refusal(rule(in_two_days,
                         "<Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
                         "<ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>")),
            ErrorCode::invalid_request);
}

// A rule that lost its filter to a slip would be about everything.
TEST(LifecycleDocument, RefusesWhatItDoesNotKnow) {
  for (const char* filter :
       {"<Filter><prefix>logs/</prefix></Filter>", "<Filter>logs/</Filter>", "<Filter><Prefx>logs/</Prefx></Filter>",
        "<Filter><And><prefix>logs/</prefix></And></Filter>", "<Filter><And>logs/</And></Filter>",
        "<Filter><And><Prefix>a</Prefix><Prefix>b</Prefix></And></Filter>", "<Filter/><Filter/>",
        "<Filter/><prefix>logs/</prefix>", "<Prefix>a</Prefix><Prefix>b</Prefix>"}) {
    EXPECT_EQ(refusal(rule(in_two_days, filter)), ErrorCode::malformed_xml) << filter;
  }
  for (const char* action :
       {"<Expiration><Days>2</Days><Days>9</Days></Expiration>", "<Expiration><Days>2</Days><Unless/></Expiration>",
        "<Expiration><Days>2</Days></Expiration><Expiration><Days>9</Days></Expiration>",
        "<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersion>5"
        "</NewerNoncurrentVersion></NoncurrentVersionExpiration>"}) {
    EXPECT_EQ(refusal(rule(action)), ErrorCode::malformed_xml) << action;
  }
  EXPECT_EQ(parsed(rule(in_two_days, "<Filter>\n  <Prefix>a</Prefix>\n </Filter>")).front().filter.prefix, "a");
}

TEST(LifecycleDay, EndsAtMidnight) {
  const WallTime midnight = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);
  EXPECT_EQ(LifecycleDay{}.after(made, 2), midnight);
  EXPECT_EQ(LifecycleDay{}.after(midnight, 1), midnight + days(1));
  EXPECT_EQ(LifecycleDay{std::chrono::seconds(10)}.after(made, 2), made + std::chrono::seconds(20));
  EXPECT_GT(LifecycleDay{}.after(made, 4'000'000'000), made + days(36'000));
}

LifecycleSubject subject(std::string_view key = "logs/a", std::uint64_t size = 5, Tags tags = {}) {
  return {key, size, std::move(tags), made};
}

TEST(Lifecycle, CurrentVersionsExpireByAgeOrDate) {
  const auto expiry = [](const LifecycleRules& rules, const LifecycleSubject& about) {
    return expiry_of_current(rules, about, LifecycleDay{hours(1)});
  };
  const LifecycleRules rules = parsed(rule(in_two_days));
  ASSERT_TRUE(expiry(rules, subject()));
  EXPECT_EQ(expiry(rules, subject())->time, made + hours(2));
  EXPECT_EQ(expiry(rules, subject())->rule_id, rules[0].id);
  EXPECT_FALSE(expiry(rules, subject("other")));
  EXPECT_FALSE(expiry(parsed(rule(in_two_days, "<Filter/>", "Disabled")), subject()));
  const std::string date = "<Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration>";
  EXPECT_EQ(expiry(parsed(rule(in_two_days) + rule(date)), subject())->time,
            std::chrono::sys_days(std::chrono::year(2020) / 1 / 1));
}

TEST(Lifecycle, FiltersAllMustHold) {
  const LifecycleRules rules =
      parsed(rule(in_two_days,
                  "<Filter><And><Prefix>logs/</Prefix><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key>"
                  "<Value>2</Value></Tag><ObjectSizeGreaterThan>4</ObjectSizeGreaterThan><ObjectSizeLessThan>6"
                  "</ObjectSizeLessThan></And></Filter>"));
  const Tags both = {{"b", "2"}, {"a", "1"}, {"c", "3"}};
  EXPECT_TRUE(expiry_of_current(rules, subject("logs/a", 5, both), {}));
  EXPECT_FALSE(expiry_of_current(rules, subject("log", 5, both), {}));
  EXPECT_FALSE(expiry_of_current(rules, subject("logs/a", 4, both), {}));
  EXPECT_FALSE(expiry_of_current(rules, subject("logs/a", 6, both), {}));
  EXPECT_FALSE(expiry_of_current(rules, subject("logs/a", 5, {{"a", "1"}, {"b", "3"}}), {}));
}

TEST(Lifecycle, NoncurrentVersionsKeepTheNewest) {
  const LifecycleDay day{hours(1)};
  const LifecycleRules rules =
      parsed(rule("<NoncurrentVersionExpiration><NoncurrentDays>4</NoncurrentDays><NewerNoncurrentVersions>2"
                  "</NewerNoncurrentVersions></NoncurrentVersionExpiration>"));
  EXPECT_FALSE(expiry_of_noncurrent(rules, subject(), 0, day));
  EXPECT_FALSE(expiry_of_noncurrent(rules, subject(), 1, day));
  ASSERT_TRUE(expiry_of_noncurrent(rules, subject(), 2, day));
  EXPECT_EQ(expiry_of_noncurrent(rules, subject(), 2, day)->time, made + hours(4));
  EXPECT_FALSE(expiry_of_current(rules, subject(), day));
  EXPECT_FALSE(expiry_of_noncurrent(parsed(rule(in_two_days)), subject(), 2, day));
}

TEST(Lifecycle, LoneMarkersGoByTheirFlagOrByAge) {
  const LifecycleDay day{hours(1)};
  const std::string flag = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
  EXPECT_EQ(expiry_of_lone_marker(parsed(rule(flag)), subject(), day)->time, made);
  EXPECT_EQ(expiry_of_lone_marker(parsed(rule(in_two_days)), subject(), day)->time, made + hours(2));
  EXPECT_FALSE(expiry_of_lone_marker(parsed(rule(flag)), subject("other"), day));
  EXPECT_FALSE(expiry_of_lone_marker(
      parsed(rule(in_two_days, "<Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter>")), subject(), day));
  EXPECT_FALSE(expiry_of_current(parsed(rule(flag)), subject(), day));
}

TEST(Lifecycle, AnswersNameTheRule) {
  objects::Bucket bucket;
  objects::Version version;
  version.key = "logs/a";
  version.latest = true;
  version.modified = made;
  http::Headers headers;
  give_expiration(bucket, version, headers);
  EXPECT_TRUE(headers.empty());
  bucket.properties[std::string(property::lifecycle)] =
      document("<Rule><ID>two days</ID>" + rule(in_two_days).substr(6) +
               rule("<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>"
                    "</AbortIncompleteMultipartUpload>"));
  give_expiration(bucket, version, headers);
  ASSERT_EQ(headers.size(), 1U);
  EXPECT_EQ(headers[0].second, R"(expiry-date="Tue, 24 Nov 2026 00:00:00 GMT", rule-id="two days")");
  objects::Upload upload;
  upload.key = "logs/b";
  upload.begun = made;
  give_abort_date(bucket, upload, headers);
  ASSERT_EQ(headers.size(), 3U);
  EXPECT_EQ(headers[1].second, "Mon, 23 Nov 2026 00:00:00 GMT");
}

}  // namespace
}  // namespace duskline::gateway
