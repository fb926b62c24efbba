// Server access logging into buckets: what a bucket's owner has configured, and who may put logs where.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/acl.h"
#include "gateway/error.h"
#include "objects/types.h"

namespace duskline::gateway {

struct BucketLogging {
  enum class KeyFormat : std::uint8_t { unsaid, simple, by_event_time, by_delivery_time };
  std::string target, prefix;
  std::optional<Acl> grants;  // beside what the target bucket's owner has
  KeyFormat format = KeyFormat::unsaid;
  bool operator==(const BucketLogging&) const = default;
};

// BucketLoggingStatus; nothing where it switches logging off. MalformedXML, MalformedACLError.
[[nodiscard]] Expected<std::optional<BucketLogging>> parse_bucket_logging(std::string_view xml, KeySource& users);
[[nodiscard]] std::string bucket_logging_document(const std::optional<BucketLogging>& logging, KeySource& users);
// Of property::logging.
[[nodiscard]] std::optional<BucketLogging> logging_of(const objects::Bucket& bucket, KeySource& users);

// Where the logs of `source` may be put into `target`: both are the same owner's, and the target's ACL lets the
// log-delivery group write and read the ACL, or its policy lets logging.s3.amazonaws.com put objects. Else
// InvalidTargetBucketForLogging.
[[nodiscard]] Done check_log_target(const objects::Bucket& source, const objects::Bucket& target,
                                    const BucketLogging& logging, WallTime now);

// "[prefix]2026-11-21-09-30-00-[unique]", or with account, region, bucket and day before it. `event`: when what the log
// is about happened.
struct LogName {
  const objects::Bucket& source;
  std::string region, unique;
  WallTime event{}, delivery{};
};
[[nodiscard]] std::string log_key(const BucketLogging& logging, const LogName& name);

}  // namespace duskline::gateway
