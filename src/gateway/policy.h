// Bucket policies: JSON documents of statements that allow or deny, as IAM's policy language has them.
//
// What is parsed comes from a client and is hostile: bounded in size and depth, and matching takes time linear in
// pattern times text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gateway/error.h"

namespace duskline::gateway {

inline constexpr std::size_t max_policy_bytes = 20 << 10;
// Users have names of this form in policies: "arn:aws:iam::ID:user/NAME", ID being the user's id.
inline constexpr std::string_view user_arn_prefix = "arn:aws:iam::";

// The values of a condition key; empty: the request has none.
using ConditionValues = std::vector<std::string>;

struct PolicyQuestion {
  std::string_view user;  // id; empty: anonymous
  std::string_view user_name;
  std::string_view service;  // "logging.s3.amazonaws.com", where no user asks
  std::string_view action;   // "s3:GetObject"
  std::string_view bucket, key;
  // By key in lower case, except for what follows a '/' ("s3:existingobjecttag/Project"). Asked only for keys that the
  // policy names. aws:username, aws:userid, aws:principal* and aws:currenttime/epochtime are answered without it.
  std::function<ConditionValues(std::string_view key)> condition;
  WallTime now{};
};

enum class PolicyVerdict : std::uint8_t { silent, allows, denies };

enum class ConditionTest : std::uint8_t {
  string_equals,
  string_equals_ignore_case,
  string_like,
  numeric_equals,
  numeric_less,
  numeric_less_equals,
  numeric_greater,
  numeric_greater_equals,
  date_equals,
  date_less,
  date_less_equals,
  date_greater,
  date_greater_equals,
  boolean,
  binary_equals,
  ip_address,
  arn_like,
  null,
};
enum class ConditionSet : std::uint8_t { one, for_all, for_any };

struct PolicyCondition {
  ConditionTest test = ConditionTest::string_equals;
  ConditionSet set = ConditionSet::one;
  bool negated = false, if_exists = false;
  std::string key;  // as PolicyQuestion::condition is asked for it
  std::vector<std::string> values;
};

struct PolicyStatement {
  bool allows = false;
  bool everybody = false;               // the principal "*"
  std::vector<std::string> principals;  // user ids, names or ARNs
  std::vector<std::string> services;
  bool not_principals = false;
  std::vector<std::string> actions;  // patterns, lower case
  bool not_actions = false;
  std::vector<std::string> resources;  // patterns, with "arn:aws:s3:::"
  bool not_resources = false;
  std::vector<PolicyCondition> conditions;
};

class Policy {
 public:
  // MalformedPolicy with S3's reasons. Every resource must be `bucket` or in it.
  [[nodiscard]] static Expected<Policy> parse(std::string_view text, std::string_view bucket);
  [[nodiscard]] PolicyVerdict judge(const PolicyQuestion& question) const;  // a denial wins
  // Whether some statement allows anybody at all something, without a condition that holds it to fixed values.
  [[nodiscard]] bool is_public() const;
  [[nodiscard]] const std::vector<PolicyStatement>& statements() const { return statements_; }

 private:
  std::vector<PolicyStatement> statements_;
  bool has_variables_ = false;  // "${aws:username}": since version 2012-10-17
};

// '*' stands for any bytes, '?' for one.
[[nodiscard]] bool matches_wildcard(std::string_view pattern, std::string_view text);
// "203.0.113.0/24", "2001:db8::/32", or a single address. False also where either is malformed.
[[nodiscard]] bool address_in(std::string_view address, std::string_view network);

}  // namespace duskline::gateway
