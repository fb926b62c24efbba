#include "gateway/object_lock.h"

#include <gtest/gtest.h>

#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

using std::chrono::hours;
const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);

ErrorCode refusal(const std::string& inner, const std::string& enabled = "Enabled") {
  const auto parsed = parse_lock_configuration("<ObjectLockConfiguration><ObjectLockEnabled>" + enabled +
                                               "</ObjectLockEnabled>" + inner + "</ObjectLockConfiguration>");
  return parsed ? ErrorCode::internal_error : parsed.error().code;
}
std::string rule(const std::string& inner) { return "<Rule><DefaultRetention>" + inner + "</DefaultRetention></Rule>"; }

TEST(LockConfiguration, ReadsBackInBothForms) {
  for (const LockConfiguration& configuration :
       {LockConfiguration{}, LockConfiguration{DefaultRetention{LockMode::governance, 30, 0}},
        LockConfiguration{DefaultRetention{LockMode::compliance, 0, 2}}}) {
    EXPECT_EQ(parse_lock_configuration(lock_configuration_document(configuration)).value(), configuration);
    objects::Bucket bucket;
    EXPECT_FALSE(has_object_lock(bucket));
    bucket.properties[std::string(property::object_lock)] = encode(configuration);
    EXPECT_TRUE(has_object_lock(bucket));
    EXPECT_EQ(lock_configuration_of(bucket), configuration);
  }
  EXPECT_EQ((DefaultRetention{LockMode::compliance, 0, 2}.length()), std::chrono::days(730));
}

TEST(LockConfiguration, RefusesWhatBreaksItsRules) {
  EXPECT_EQ(refusal("", "Disabled"), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal("<Rule/>"), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<Mode>SOMETIMES</Mode><Days>1</Days>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<Mode>GOVERNANCE</Mode>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(rule("<Mode>GOVERNANCE</Mode><Days>0</Days>")), ErrorCode::invalid_retention_period);
  EXPECT_EQ(refusal(rule("<Mode>GOVERNANCE</Mode><Years>-1</Years>")), ErrorCode::invalid_retention_period);
  EXPECT_EQ(refusal(rule("<Mode>GOVERNANCE</Mode><Days>36501</Days>")), ErrorCode::invalid_retention_period);
  EXPECT_EQ(refusal(rule("<Mode>GOVERNANCE</Mode><Days>1.5</Days>")), ErrorCode::malformed_xml);
}

TEST(Retention, ReadsBackInBothForms) {
  const Retention retention{LockMode::compliance, now + hours(5)};
  EXPECT_EQ(parse_retention(retention_document(retention), now).value(), retention);
  objects::Properties properties;
  set_retention(retention, properties);
  EXPECT_EQ(retention_of(properties), retention);
  set_retention(std::nullopt, properties);
  EXPECT_TRUE(properties.empty());
  EXPECT_EQ(parse_retention("<Retention/>", now).value(), std::nullopt);
}

TEST(Retention, RefusesPastDatesAndUnknownModes) {
  const auto refused = [](const std::string& inner) {
    const auto parsed = parse_retention("<Retention>" + inner + "</Retention>", now);
    return parsed ? ErrorCode::internal_error : parsed.error().code;
  };
  EXPECT_EQ(refused("<Mode>governance</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate>"),
            ErrorCode::malformed_xml);
  EXPECT_EQ(refused("<Mode>GOVERNANCE</Mode>"), ErrorCode::malformed_xml);
  EXPECT_EQ(refused("<Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate>"), ErrorCode::malformed_xml);
  EXPECT_EQ(refused("<Mode>GOVERNANCE</Mode><RetainUntilDate>2020-01-01T00:00:00Z</RetainUntilDate>"),
            ErrorCode::invalid_argument);
}

TEST(Retention, MayOnlyGrowWithoutBypass) {
  using Maybe = std::optional<Retention>;
  const Maybe governance = Retention{LockMode::governance, now + hours(5)};
  const Maybe longer = Retention{LockMode::governance, now + hours(6)};
  const Maybe shorter = Retention{LockMode::governance, now + hours(4)};
  const Maybe compliance = Retention{LockMode::compliance, now + hours(6)};
  const auto may = [](const Maybe& old, const Maybe& wanted, Bypass bypass) {
    return may_replace(old, wanted, now, bypass).has_value();
  };
  EXPECT_TRUE(may(std::nullopt, compliance, Bypass::no));
  EXPECT_TRUE(may(governance, governance, Bypass::no));
  EXPECT_TRUE(may(governance, longer, Bypass::no));
  EXPECT_FALSE(may(governance, shorter, Bypass::no));
  EXPECT_FALSE(may(governance, std::nullopt, Bypass::no));
  EXPECT_FALSE(may(governance, compliance, Bypass::no));
  EXPECT_TRUE(may(governance, shorter, Bypass::yes));
  EXPECT_TRUE(may(governance, std::nullopt, Bypass::yes));
  EXPECT_TRUE(may(governance, compliance, Bypass::yes));
  EXPECT_FALSE(may(compliance, std::nullopt, Bypass::yes));
  EXPECT_FALSE(may(compliance, longer, Bypass::yes));
  EXPECT_TRUE(may_replace(compliance, std::nullopt, now + hours(7), Bypass::no).has_value());
}

TEST(Locked, HoldsUntilItsTime) {
  objects::Version version;
  EXPECT_FALSE(locked(version, now, Bypass::no));
  set_retention(Retention{LockMode::governance, now + hours(1)}, version.properties);
  EXPECT_TRUE(locked(version, now, Bypass::no));
  EXPECT_FALSE(locked(version, now, Bypass::yes));
  EXPECT_FALSE(locked(version, now + hours(1), Bypass::no));
  set_retention(Retention{LockMode::compliance, now + hours(1)}, version.properties);
  EXPECT_TRUE(locked(version, now, Bypass::yes));
  EXPECT_FALSE(locked(version, now + hours(2), Bypass::no));
  version.properties[std::string(property::lock_hold)] = "ON";
  EXPECT_TRUE(locked(version, now + hours(2), Bypass::yes));
  version.properties[std::string(property::lock_hold)] = "OFF";
  EXPECT_FALSE(locked(version, now + hours(2), Bypass::no));
}

TEST(LockHeaders, ComeTogether) {
  const auto refused = [](const http::Headers& headers) {
    const auto parsed = lock_headers(headers, now);
    return parsed ? ErrorCode::internal_error : parsed.error().code;
  };
  const std::string date = "2030-01-01T00:00:00Z";
  const auto parsed = lock_headers({{"x-amz-object-lock-mode", "GOVERNANCE"},
                                    {"x-amz-object-lock-retain-until-date", date},
                                    {"x-amz-object-lock-legal-hold", "ON"}},
                                   now);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(format_time(parsed->retention->until), date);
  EXPECT_EQ(parsed->legal_hold, "ON");
  EXPECT_FALSE(lock_headers({}, now)->retention);
  EXPECT_EQ(refused({{"x-amz-object-lock-mode", "GOVERNANCE"}}), ErrorCode::invalid_argument);
  EXPECT_EQ(refused({{"x-amz-object-lock-retain-until-date", date}}), ErrorCode::invalid_argument);
  EXPECT_EQ(refused({{"x-amz-object-lock-mode", "x"}, {"x-amz-object-lock-retain-until-date", date}}),
            ErrorCode::invalid_argument);
  EXPECT_EQ(refused({{"x-amz-object-lock-mode", "GOVERNANCE"}, {"x-amz-object-lock-retain-until-date", "x"}}),
            ErrorCode::invalid_argument);
  EXPECT_EQ(refused({{"x-amz-object-lock-mode", "GOVERNANCE"},
                     {"x-amz-object-lock-retain-until-date", "2020-01-01T00:00:00Z"}}),
            ErrorCode::invalid_argument);
  EXPECT_EQ(refused({{"x-amz-object-lock-legal-hold", "on"}}), ErrorCode::invalid_argument);
}

TEST(LegalHold, IsOnOrOff) {
  EXPECT_EQ(parse_legal_hold(legal_hold_document("ON")).value(), "ON");
  EXPECT_FALSE(parse_legal_hold("<LegalHold><Status>abc</Status></LegalHold>"));
  EXPECT_FALSE(parse_legal_hold("<LegalHold/>"));
}

}  // namespace
}  // namespace duskline::gateway
