#include "gateway/bucket_logging.h"

#include <array>
#include <cstdio>

#include "gateway/access.h"
#include "gateway/configuration.h"
#include "gateway/object_lock.h"
#include "gateway/operations.h"
#include "gateway/policy.h"
#include "gateway/properties.h"
#include "gateway/public_access.h"
#include "gateway/xml.h"

namespace duskline::gateway {
namespace {

constexpr std::string_view service = "logging.s3.amazonaws.com";
constexpr std::size_t max_prefix_bytes = 512;
using KeyFormat = BucketLogging::KeyFormat;

Expected<KeyFormat> parse_format(const XmlNode& node) {
  if (!node) return KeyFormat::unsaid;
  const auto kinds = node.children();
  if (kinds.size() != 1) return ErrorCode::malformed_xml;
  if (kinds.front().name() == "SimplePrefix") return KeyFormat::simple;
  if (kinds.front().name() != "PartitionedPrefix") return ErrorCode::malformed_xml;
  const std::string source = kinds.front().text_of("PartitionDateSource").value_or("EventTime");
  if (source == "EventTime") return KeyFormat::by_event_time;
  if (source == "DeliveryTime") return KeyFormat::by_delivery_time;
  return ErrorCode::malformed_xml;
}

void write_format(XmlWriter& xml, KeyFormat format) {
  if (format == KeyFormat::unsaid) return;
  xml.open("TargetObjectKeyFormat");
  if (format == KeyFormat::simple) {
    xml.open("SimplePrefix");
  } else {
    xml.open("PartitionedPrefix");
    xml.text("PartitionDateSource", format == KeyFormat::by_event_time ? "EventTime" : "DeliveryTime");
  }
  xml.close();
  xml.close();
}

// Objects' ACLs know no WRITE_ACP for logs, nor READ_ACP.
bool are_of_logs(const Acl& acl) {
  return std::all_of(acl.grants.begin(), acl.grants.end(), [](const Grant& grant) {
    return grant.permission == Permission::full_control || grant.permission == Permission::read ||
           grant.permission == Permission::write;
  });
}

bool acl_lets_in(const objects::Bucket& target) {
  if (ownership_of(target) == Ownership::bucket_owner_enforced) return false;
  unsigned held = 0;
  for (const Grant& grant : Acl::of(target.properties, target.owner).grants) {
    if (grant.grantee.kind == Grantee::Kind::log_delivery) held |= static_cast<unsigned>(grant.permission);
  }
  const unsigned needed = static_cast<unsigned>(Permission::write) | static_cast<unsigned>(Permission::read_acp);
  return (held & needed) == needed;
}

PolicyVerdict policy_verdict(const objects::Bucket& source, const objects::Bucket& target, const BucketLogging& logging,
                             WallTime now) {
  const std::string* const text = find(target.properties, property::policy);
  if (text == nullptr) return PolicyVerdict::silent;
  const auto policy = Policy::parse(*text, target.name);
  if (!policy) return PolicyVerdict::silent;
  const std::string key = logging.prefix + "2000-01-01-00-00-00-0000000000000000";
  PolicyQuestion question;
  question.service = service;
  question.action = "s3:PutObject";
  question.bucket = target.name;
  question.key = key;
  question.now = now;
  question.condition = [&](std::string_view name) -> ConditionValues {
    if (name == "aws:sourceaccount") return {source.owner};
    if (name == "aws:sourcearn") return {"arn:aws:s3:::" + source.name};
    if (name == "aws:securetransport") return {"true"};  // it never leaves this process
    return {};
  };
  return policy->judge(question);
}

S3Error no_target(const std::string& target, std::string message) {
  return S3Error(ErrorCode::invalid_target_bucket_for_logging, std::move(message)).with("TargetBucket", target);
}

struct Moment {
  std::string day, month, year, time;
};
Moment moment_of(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  std::array<char, 32> text{};
  const auto formatted = [&](const char* format, auto... values) {
    std::snprintf(text.data(), text.size(), format, values...);
    return std::string(text.data());
  };
  return {formatted("%02u", static_cast<unsigned>(date.day())), formatted("%02u", static_cast<unsigned>(date.month())),
          formatted("%04d", static_cast<int>(date.year())),
          formatted("%02d-%02d-%02d", static_cast<int>(clock.hours().count()),
                    static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()))};
}

}  // namespace

Expected<std::optional<BucketLogging>> parse_bucket_logging(std::string_view xml, KeySource& users) {
  DL_ASSIGN(const XmlDocument document, XmlDocument::parse(xml, "BucketLoggingStatus"));
  const XmlNode root = document.root();
  if (root.children().empty()) return std::optional<BucketLogging>();
  const XmlNode enabled = root.child("LoggingEnabled");
  const auto target = enabled.text_of("TargetBucket"), prefix = enabled.text_of("TargetPrefix");
  if (root.children().size() != 1 || !target || target->empty() || !prefix) return ErrorCode::malformed_xml;
  if (prefix->size() > max_prefix_bytes) {
    return invalid_argument("The target prefix for bucket logging is too long", "TargetPrefix", *prefix);
  }
  BucketLogging logging{*target, *prefix, {}, {}};
  DL_ASSIGN(logging.format, parse_format(enabled.child("TargetObjectKeyFormat")));
  if (const XmlNode grants = enabled.child("TargetGrants")) {
    DL_ASSIGN(logging.grants, parse_grants(grants, users));
    if (!are_of_logs(*logging.grants)) return ErrorCode::malformed_xml;
  }
  return std::optional(std::move(logging));
}

std::string bucket_logging_document(const std::optional<BucketLogging>& logging, KeySource& users) {
  XmlWriter xml;
  xml.root("BucketLoggingStatus");
  if (!logging) return xml.take();
  xml.open("LoggingEnabled");
  xml.text("TargetBucket", logging->target);
  xml.text("TargetPrefix", logging->prefix);
  if (logging->grants) {
    xml.open("TargetGrants");
    write_grants(xml, *logging->grants, users);
    xml.close();
  }
  write_format(xml, logging->format);
  return xml.take();
}

std::optional<BucketLogging> logging_of(const objects::Bucket& bucket, KeySource& users) {
  const std::string* const stored = find(bucket.properties, property::logging);
  if (stored == nullptr) return std::nullopt;
  auto parsed = parse_bucket_logging(*stored, users);
  return parsed ? std::move(*parsed) : std::nullopt;
}

Done check_log_target(const objects::Bucket& source, const objects::Bucket& target, const BucketLogging& logging,
                      WallTime now) {
  if (target.owner != source.owner) {
    return no_target(target.name, "The owner for the bucket to be logged and the target bucket must be the same.");
  }
  if (requester_pays(target)) {
    return no_target(target.name, "A bucket whose requesters pay cannot be a target of logs.");
  }
  if (const auto lock = lock_configuration_of(target); lock && lock->retention) {
    return no_target(target.name, "A bucket with a default retention cannot be a target of logs.");
  }
  const auto verdict = policy_verdict(source, target, logging, now);
  if (verdict == PolicyVerdict::allows || (verdict == PolicyVerdict::silent && acl_lets_in(target))) return {};
  return no_target(target.name,
                   "You must give the log-delivery group WRITE and READ_ACP permissions to the target bucket, or allow "
                   "logging.s3.amazonaws.com to put objects in its policy.");
}

std::string log_key(const BucketLogging& logging, const LogName& name) {
  const bool by_event = logging.format == KeyFormat::by_event_time;
  const Moment moment = moment_of(by_event ? name.event : name.delivery);
  std::string key = logging.prefix;
  if (by_event || logging.format == KeyFormat::by_delivery_time) {
    key.append(name.source.owner).append("/").append(name.region).append("/").append(name.source.name).append("/");
    key.append(moment.year).append("/").append(moment.month).append("/").append(moment.day).append("/");
  }
  key.append(moment.year).append("-").append(moment.month).append("-").append(moment.day).append("-");
  return key.append(by_event ? "00-00-00" : moment.time).append("-").append(name.unique);
}

Expected<http::Answer> get_bucket_logging(Context& context) {
  KeySource& users = context.services.keys;
  return xml_answer(bucket_logging_document(logging_of(*context.bucket, users), users));
}

Expected<http::Answer> put_bucket_logging(Context& context) {
  KeySource& users = context.services.keys;
  DL_ASSIGN(const auto logging, parse_bucket_logging(context.body, users));
  if (logging) {
    DL_ASSIGN(const auto target, context.services.objects.bucket(logging->target));
    if (!target) return no_target(logging->target, "The target bucket for logging does not exist");
    if (logging->grants && ownership_of(*target) == Ownership::bucket_owner_enforced) {
      return ErrorCode::access_control_list_not_supported;
    }
    DL_TRY(check_log_target(*context.bucket, *target, *logging, context.request.now));
  }
  DL_TRY(change_bucket(context, [&](objects::Bucket& bucket) -> Done {
    if (logging) {
      bucket.properties[std::string(property::logging)] = bucket_logging_document(logging, users);
    } else {
      bucket.properties.erase(std::string(property::logging));
    }
    return {};
  }));
  return empty_answer(200);
}

}  // namespace duskline::gateway
