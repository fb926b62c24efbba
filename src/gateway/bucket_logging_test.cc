#include "gateway/bucket_logging.h"

#include <gtest/gtest.h>

#include "gateway/properties.h"
#include "gateway/service_kit.h"

namespace duskline::gateway {
namespace {

using KeyFormat = BucketLogging::KeyFormat;
const WallTime noon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(12);
const objects::Bucket source{"from", "owner"};

std::string key_of(KeyFormat format) {
  return log_key({"to", "logs/", {}, format}, {source, "eu-1", "ABC", noon, noon + std::chrono::hours(13)});
}

TEST(BucketLogging, NamesLogsByTheTimeThatIsWanted) {
  EXPECT_EQ(key_of(KeyFormat::unsaid), "logs/2026-11-22-01-00-00-ABC");
  EXPECT_EQ(key_of(KeyFormat::simple), "logs/2026-11-22-01-00-00-ABC");
  EXPECT_EQ(key_of(KeyFormat::by_delivery_time), "logs/owner/eu-1/from/2026/11/22/2026-11-22-01-00-00-ABC");
  EXPECT_EQ(key_of(KeyFormat::by_event_time), "logs/owner/eu-1/from/2026/11/21/2026-11-21-00-00-00-ABC");
}

ErrorCode refusal(const std::string& inner) {
  TwoUsers users;
  const auto parsed = parse_bucket_logging("<BucketLoggingStatus>" + inner + "</BucketLoggingStatus>", users);
  return parsed ? ErrorCode::internal_error : parsed.error().code;
}

TEST(BucketLogging, ReadsBackWhatItWrites) {
  TwoUsers users;
  const std::string anna = TwoUsers::id_of("anna");
  for (const KeyFormat format :
       {KeyFormat::unsaid, KeyFormat::simple, KeyFormat::by_event_time, KeyFormat::by_delivery_time}) {
    BucketLogging logging{"to", "a<b", {}, format};
    if (format == KeyFormat::simple)
      logging.grants = Acl{{Grant{Grantee{Grantee::Kind::user, anna}, Permission::read}}};
    EXPECT_EQ(*parse_bucket_logging(bucket_logging_document(logging, users), users), logging);
  }
  EXPECT_FALSE(*parse_bucket_logging(bucket_logging_document({}, users), users));
}

TEST(BucketLogging, RefusesWhatIsNotWhole) {
  const std::string target = "<TargetBucket>to</TargetBucket>", prefix = "<TargetPrefix/>";
  EXPECT_EQ(refusal("<Other/>"), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal("<LoggingEnabled>" + target + "</LoggingEnabled>"), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal("<LoggingEnabled>" + prefix + "</LoggingEnabled>"), ErrorCode::malformed_xml);
  const auto with = [&](const std::string& more) {
    return "<LoggingEnabled>" + target + prefix + more + "</LoggingEnabled>";
  };
  EXPECT_EQ(refusal(with("")), ErrorCode::internal_error);  // accepted
  EXPECT_EQ(refusal(with("<TargetObjectKeyFormat/>")), ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(with("<TargetObjectKeyFormat><SimplePrefix/><PartitionedPrefix/></TargetObjectKeyFormat>")),
            ErrorCode::malformed_xml);
  EXPECT_EQ(refusal(with("<TargetGrants><Grant/></TargetGrants>")), ErrorCode::malformed_acl);
}

TEST(BucketLogging, AsksTheTargetsAcl) {
  objects::Bucket target{"to", "owner"};
  const BucketLogging logging{"to", "", {}, KeyFormat::unsaid};
  EXPECT_FALSE(check_log_target(source, target, logging, noon));
  target.properties[std::string(property::acl)] = "WRITE @logs\n";
  EXPECT_FALSE(check_log_target(source, target, logging, noon));
  target.properties[std::string(property::acl)] = "WRITE @logs\nREAD_ACP @logs\n";
  EXPECT_TRUE(check_log_target(source, target, logging, noon));
  target.properties[std::string(property::ownership)] = "BucketOwnerEnforced";
  EXPECT_FALSE(check_log_target(source, target, logging, noon));
  target.properties.erase(std::string(property::ownership));
  target.properties[std::string(property::request_payment)] = "Requester";
  EXPECT_FALSE(check_log_target(source, target, logging, noon));
}

}  // namespace
}  // namespace duskline::gateway
