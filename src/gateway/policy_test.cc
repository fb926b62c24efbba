#include "gateway/policy.h"

#include <gtest/gtest.h>

#include <map>

#include "gateway/policy_values.h"

namespace duskline::gateway {
namespace {

const std::string anna = std::string(64, 'a'), ben = std::string(64, 'b');

// A document of one statement whose members differ from "everybody may do everything in bucket" as told.
std::string statement(const std::string& more, const std::string& principal = R"("*")",
                      const std::string& action = R"("s3:*")",
                      const std::string& resource = R"(["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"])",
                      const std::string& effect = "Allow") {
  return R"({"Effect":")" + effect + R"(","Principal":)" + principal + R"(,"Action":)" + action + R"(,"Resource":)" +
         resource + more + "}";
}
std::string document(const std::string& statements) {
  return R"({"Version":"2012-10-17","Statement":[)" + statements + "]}";
}

Policy parsed(const std::string& text) {
  auto policy = Policy::parse(text, "bucket");
  EXPECT_TRUE(policy.has_value()) << text << (policy ? "" : policy.error().message);
  return policy ? *policy : Policy();
}

std::string why_not(const std::string& text) {
  const auto policy = Policy::parse(text, "bucket");
  if (policy) return "";
  EXPECT_EQ(policy.error().code, ErrorCode::malformed_policy);
  return policy.error().message;
}

struct Ask {
  std::string user = anna, name = "anna", action = "s3:GetObject", key = "a/b";
  std::map<std::string, ConditionValues> values = {};
};
PolicyVerdict ask(const Policy& policy, const Ask& ask) {
  PolicyQuestion question;
  question.user = ask.user;
  question.user_name = ask.name;
  question.action = ask.action;
  question.bucket = "bucket";
  question.key = ask.key;
  question.condition = [&](std::string_view key) {
    const auto found = ask.values.find(std::string(key));
    return found == ask.values.end() ? ConditionValues() : found->second;
  };
  question.now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
  return policy.judge(question);
}
const Ask nobody = {.user = "", .name = ""};

constexpr auto silent = PolicyVerdict::silent, allows = PolicyVerdict::allows, denies = PolicyVerdict::denies;

TEST(Policy, AllowsWhatItNamesAndIsSilentBeyond) {
  const Policy policy = parsed(document(statement("", R"("*")", R"(["s3:GetObject","s3:List*"])",
                                                  R"(["arn:aws:s3:::bucket/a/*","arn:aws:s3:::bucket"])")));
  EXPECT_EQ(ask(policy, {}), allows);
  EXPECT_EQ(ask(policy, nobody), allows);
  EXPECT_EQ(ask(policy, {.key = "b"}), silent);
  EXPECT_EQ(ask(policy, {.action = "s3:ListBucket", .key = ""}), allows);
  EXPECT_EQ(ask(policy, {.action = "s3:PutObject"}), silent);
  EXPECT_EQ(ask(policy, {.action = "s3:GetObjectAcl"}), silent);
}

TEST(Policy, ResourcesMayLeaveRegionAndAccountOpen) {
  const Policy policy = parsed(document(statement("", R"("*")", R"("s3:*")", R"("arn:aws:s3:*:*:bucket/a*")")));
  EXPECT_EQ(ask(policy, {}), allows);
  EXPECT_EQ(ask(policy, {.key = "b"}), silent);
}

TEST(Policy, ActionsAreHeldInAnyCase) {
  EXPECT_EQ(ask(parsed(document(statement("", R"("*")", R"("S3:getobject")"))), {}), allows);
}

TEST(Policy, ADenialWinsWhereverItStands) {
  const std::string deny = statement("", R"("*")", R"("s3:DeleteObject")", R"("arn:aws:s3:::bucket/*")", "Deny");
  for (const auto& text : {statement("") + "," + deny, deny + "," + statement("")}) {
    const Policy policy = parsed(document(text));
    EXPECT_EQ(ask(policy, {.action = "s3:DeleteObject"}), denies);
    EXPECT_EQ(ask(policy, {.action = "s3:GetObject"}), allows);
  }
}

TEST(Policy, KnowsUsersInAllForms) {
  for (const std::string& principal :
       {R"({"AWS":")" + anna + R"("})", R"({"CanonicalUser":")" + anna + R"("})",
        std::string(R"({"AWS":["ben","anna"]})"), R"({"AWS":"arn:aws:iam::)" + anna + R"(:root"})",
        R"({"AWS":"arn:aws:iam::)" + anna + R"(:user/anna"})", std::string(R"({"AWS":"arn:aws:iam:::user/anna"})"),
        R"({"AWS":"arn:aws:iam:::user/)" + anna + R"("})", std::string(R"({"AWS":"arn:aws:iam:::user/team/anna"})")}) {
    const Policy policy = parsed(document(statement("", principal)));
    EXPECT_EQ(ask(policy, {}), allows) << principal;
    EXPECT_EQ(ask(policy, {.user = std::string(64, 'c'), .name = "carl"}), silent) << principal;
    EXPECT_EQ(ask(policy, nobody), silent) << principal;
  }
  EXPECT_EQ(ask(parsed(document(statement("", R"({"AWS":"arn:aws:iam::123456789012:user/anna"})"))), {}), silent);
  EXPECT_EQ(ask(parsed(document(statement("", R"({"AWS":"*"})"))), nobody), allows);
  EXPECT_EQ(ask(parsed(document(statement("", R"({"Service":"logging.s3.amazonaws.com"})"))), {}), silent);
}

TEST(Policy, NegatedMembersTakeAllOthers) {
  const Policy policy = parsed(R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"anna"},
    "NotAction":"s3:GetObject","NotResource":"arn:aws:s3:::bucket/free/*"}})");
  EXPECT_EQ(ask(policy, {.action = "s3:PutObject"}), silent);
  const Ask other{.user = ben, .name = "ben", .action = "s3:PutObject"};
  EXPECT_EQ(ask(policy, other), denies);
  EXPECT_EQ(ask(policy, {.user = ben, .name = "ben", .action = "s3:GetObject"}), silent);
  EXPECT_EQ(ask(policy, {.user = ben, .name = "ben", .action = "s3:PutObject", .key = "free/x"}), silent);
  EXPECT_EQ(ask(policy, {.user = "", .name = "", .action = "s3:PutObject"}), denies);
}

struct ConditionCase {
  const char* condition;
  std::map<std::string, ConditionValues> values;
  bool holds;
};
class PolicyConditions : public ::testing::TestWithParam<ConditionCase> {};
TEST_P(PolicyConditions, Hold) {
  const Policy policy = parsed(document(statement(R"(,"Condition":{)" + std::string(GetParam().condition) + "}")));
  EXPECT_EQ(ask(policy, {.values = GetParam().values}), GetParam().holds ? allows : silent) << GetParam().condition;
}
INSTANTIATE_TEST_SUITE_P(
    Strings, PolicyConditions,
    ::testing::Values(
        ConditionCase{R"("StringEquals":{"s3:prefix":["a","b"]})", {{"s3:prefix", {"b"}}}, true},
        ConditionCase{R"("StringEquals":{"s3:prefix":"a"})", {{"s3:prefix", {"A"}}}, false},
        ConditionCase{R"("StringEquals":{"s3:prefix":"a*"})", {{"s3:prefix", {"ab"}}}, false},
        ConditionCase{R"("StringEquals":{"s3:prefix":""})", {{"s3:prefix", {""}}}, true},
        ConditionCase{R"("StringEquals":{"s3:prefix":""})", {}, false},
        ConditionCase{R"("StringEqualsIfExists":{"s3:prefix":"a"})", {}, true},
        ConditionCase{R"("StringEqualsIfExists":{"s3:prefix":"a"})", {{"s3:prefix", {"b"}}}, false},
        ConditionCase{R"("StringNotEquals":{"s3:prefix":["a","b"]})", {{"s3:prefix", {"b"}}}, false},
        ConditionCase{R"("StringNotEquals":{"s3:prefix":["a","b"]})", {{"s3:prefix", {"c"}}}, true},
        ConditionCase{R"("StringNotEquals":{"s3:prefix":"a"})", {}, true},
        ConditionCase{R"("StringEqualsIgnoreCase":{"aws:Referer":"HTTP://x"})", {{"aws:referer", {"http://X"}}}, true},
        ConditionCase{R"("StringNotEqualsIgnoreCase":{"aws:Referer":"X"})", {{"aws:referer", {"x"}}}, false},
        ConditionCase{R"("StringLike":{"aws:Referer":"http://*.example.org/?"})",
                      {{"aws:referer", {"http://www.example.org/x"}}},
                      true},
        ConditionCase{R"("StringLike":{"aws:Referer":"http://*.example.org/?"})",
                      {{"aws:referer", {"http://example.org/x"}}},
                      false},
        ConditionCase{R"("StringNotLike":{"aws:Referer":"http://x*"})", {{"aws:referer", {"http://y"}}}, true},
        ConditionCase{
            R"("StringEquals":{"s3:ExistingObjectTag/Sec":"no"})", {{"s3:existingobjecttag/Sec", {"no"}}}, true},
        ConditionCase{
            R"("StringEquals":{"s3:ExistingObjectTag/sec":"no"})", {{"s3:existingobjecttag/Sec", {"no"}}}, false},
        ConditionCase{R"("StringEquals":{"s3:prefix":"a","s3:delimiter":"/"})", {{"s3:prefix", {"a"}}}, false},
        ConditionCase{R"("StringEquals":{"s3:prefix":"a"},"Bool":{"aws:SecureTransport":"true"})",
                      {{"s3:prefix", {"a"}}, {"aws:securetransport", {"false"}}},
                      false}));
INSTANTIATE_TEST_SUITE_P(
    Others, PolicyConditions,
    ::testing::Values(
        ConditionCase{R"("NumericLessThanEquals":{"s3:max-keys":"10"})", {{"s3:max-keys", {"10"}}}, true},
        ConditionCase{R"("NumericLessThan":{"s3:max-keys":10})", {{"s3:max-keys", {"10"}}}, false},
        ConditionCase{R"("NumericGreaterThan":{"s3:max-keys":"9"})", {{"s3:max-keys", {"10"}}}, true},
        ConditionCase{R"("NumericGreaterThanEquals":{"s3:max-keys":"11"})", {{"s3:max-keys", {"10"}}}, false},
        ConditionCase{R"("NumericEquals":{"s3:max-keys":"10.0"})", {{"s3:max-keys", {"10"}}}, true},
        ConditionCase{R"("NumericNotEquals":{"s3:max-keys":"10"})", {{"s3:max-keys", {"10"}}}, false},
        ConditionCase{R"("NumericEquals":{"s3:max-keys":"10"})", {{"s3:max-keys", {"ten"}}}, false},
        ConditionCase{R"("DateLessThan":{"aws:CurrentTime":"2026-11-22T00:00:00Z"})", {}, true},
        ConditionCase{R"("DateGreaterThan":{"aws:CurrentTime":"2026-11-22"})", {}, false},
        ConditionCase{R"("DateEquals":{"aws:EpochTime":"2026-11-21T00:00:00Z"})", {}, true},
        ConditionCase{R"("Bool":{"aws:SecureTransport":false})", {{"aws:securetransport", {"false"}}}, true},
        ConditionCase{
            R"("IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.7"]})", {{"aws:sourceip", {"192.0.2.7"}}}, true},
        ConditionCase{R"("IpAddress":{"aws:SourceIp":"10.0.0.0/8"})", {{"aws:sourceip", {"11.0.0.1"}}}, false},
        ConditionCase{R"("NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"})", {{"aws:sourceip", {"11.0.0.1"}}}, true},
        ConditionCase{R"("ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/an*"})", {}, true},
        ConditionCase{R"("ArnEquals":{"aws:PrincipalArn":"arn:*:user/anna"})", {}, false},
        ConditionCase{R"("ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/ben"})", {}, true},
        ConditionCase{R"("Null":{"s3:x-amz-acl":"true"})", {}, true},
        ConditionCase{R"("Null":{"s3:x-amz-acl":"true"})", {{"s3:x-amz-acl", {"private"}}}, false},
        ConditionCase{R"("Null":{"s3:x-amz-acl":false})", {{"s3:x-amz-acl", {"private"}}}, true},
        ConditionCase{R"("BinaryEquals":{"s3:x-amz-acl":"aGk="})", {{"s3:x-amz-acl", {"aGk="}}}, true},
        ConditionCase{R"("ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b"]})",
                      {{"s3:requestobjecttagkeys", {"a", "b"}}},
                      true},
        ConditionCase{R"("ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a"]})",
                      {{"s3:requestobjecttagkeys", {"a", "b"}}},
                      false},
        ConditionCase{R"("ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a"]})", {}, true},
        ConditionCase{R"("ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["a"]})",
                      {{"s3:requestobjecttagkeys", {"a", "b"}}},
                      true},
        ConditionCase{R"("ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["a"]})", {}, false},
        ConditionCase{R"("StringEquals":{"aws:username":"anna"})", {}, true},
        ConditionCase{R"("StringEquals":{"aws:PrincipalType":"User"})", {}, true}));

TEST(Policy, VariablesStandForTheCallerAndBringNoWildcards) {
  const std::string home = R"("arn:aws:s3:::bucket/home/${aws:username}/*")";
  const Policy policy = parsed(document(statement("", R"("*")", R"("s3:*")", home)));
  EXPECT_EQ(ask(policy, {.key = "home/anna/x"}), allows);
  EXPECT_EQ(ask(policy, {.key = "home/ben/x"}), silent);
  EXPECT_EQ(ask(policy, {.user = "", .name = "", .key = "home//x"}), silent);
  const Policy referred =
      parsed(document(statement("", R"("*")", R"("s3:*")", R"("arn:aws:s3:::bucket/${aws:referer}")")));
  EXPECT_EQ(ask(referred, {.key = "a", .values = {{"aws:referer", {"a"}}}}), allows);
  EXPECT_EQ(ask(referred, {.key = "a", .values = {{"aws:referer", {"*"}}}}), silent);
  const Policy star = parsed(document(statement("", R"("*")", R"("s3:*")", R"("arn:aws:s3:::bucket/${*}")")));
  EXPECT_EQ(ask(star, {.key = "*"}), allows);
  EXPECT_EQ(ask(star, {.key = "a"}), silent);
  const Policy otherwise =
      parsed(document(statement("", R"("*")", R"("s3:*")", R"("arn:aws:s3:::bucket/${aws:referer, 'none'}")")));
  EXPECT_EQ(ask(otherwise, {.key = "none"}), allows);
  // In the first version of the language they are plain text.
  const Policy old = parsed(R"({"Statement":)" + statement("", R"("*")", R"("s3:*")", home) + "}");
  EXPECT_EQ(ask(old, {.key = "home/anna/x"}), silent);
  EXPECT_EQ(ask(old, {.key = "home/${aws:username}/x"}), allows);
}

TEST(Policy, SaysWhyItIsMalformed) {
  EXPECT_EQ(why_not(""), "Policies must be valid JSON and the first byte must be '{'");
  EXPECT_EQ(why_not("[]"), "Policies must be valid JSON and the first byte must be '{'");
  EXPECT_EQ(why_not(R"({"Version":"2012-10-17"})"), "Missing required field Statement");
  EXPECT_EQ(why_not(document("")), "Could not parse the policy: Statement is empty!");
  EXPECT_EQ(why_not(R"({"Version":"2020-10-17","Statement":[]})"), "The policy must contain a valid version string");
  EXPECT_EQ(why_not(document(statement(R"(,"Extra":1)"))), "Unknown field Extra");
  EXPECT_EQ(why_not(document(statement("", R"("anna")"))), "Invalid principal in policy");
  EXPECT_EQ(why_not(document(statement("", R"({"AWS":"arn:aws:iam::*:user/x"})"))), "Invalid principal in policy");
  EXPECT_EQ(why_not(document(statement("", R"({"AWS":[]})"))), "Invalid principal in policy");
  EXPECT_EQ(why_not(document(statement("", R"({})"))), "Invalid principal in policy");
  EXPECT_EQ(why_not(document(statement("", R"("*")", R"("s3:Fly")"))), "Policy has invalid action");
  EXPECT_EQ(why_not(document(statement("", R"("*")", R"("ec2:*")"))), "Policy has invalid action");
  EXPECT_EQ(why_not(document(statement("", R"("*")", R"("s3:*")", R"("arn:aws:s3:::other/*")"))),
            "Policy has invalid resource");
  EXPECT_EQ(why_not(document(statement("", R"("*")", R"("s3:*")", R"("bucket/*")"))), "Policy has invalid resource");
  EXPECT_EQ(why_not(document(statement("", R"("*")", R"("s3:*")", R"("arn:aws:ec2:::bucket/*")"))),
            "Policy has invalid resource");
  EXPECT_EQ(why_not(document(statement(R"(,"Condition":{"Like":{"s3:prefix":"a"}})"))),
            "Invalid Condition type : Like");
  EXPECT_EQ(why_not(document(statement(R"(,"Condition":{"StringLike":{"prefix":"a"}})"))),
            "Policy has an invalid condition key");
  EXPECT_NE(why_not(document(statement(R"(,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}})"))), "");
  EXPECT_NE(why_not(document(statement(R"(,"Condition":{"NumericEquals":{"s3:max-keys":"x"}})"))), "");
  EXPECT_NE(why_not(document(statement(R"(,"Condition":{"DateLessThan":{"aws:CurrentTime":"x"}})"))), "");
  EXPECT_NE(why_not(document(statement(R"(,"Condition":{"Bool":{"aws:SecureTransport":"maybe"}})"))), "");
  EXPECT_NE(why_not(document(statement("", R"("*")", R"("s3:*")", R"("arn:aws:s3:::bucket")", "Permit"))), "");
  EXPECT_NE(why_not(document(R"({"Effect":"Allow","NotPrincipal":{"AWS":"anna"},"Action":"s3:*","Resource":"*"})")),
            "");
  EXPECT_NE(why_not(document(R"({"Effect":"Allow","Principal":"*","Resource":"*"})")), "");
  EXPECT_NE(why_not(document(std::string(max_policy_bytes, ' '))), "");
}

TEST(Policy, IsPublicUnlessHeldToFixedValues) {
  const auto with = [](const std::string& condition) {
    return parsed(document(statement(R"(,"Condition":{)" + condition + "}"))).is_public();
  };
  EXPECT_TRUE(parsed(document(statement(""))).is_public());
  EXPECT_FALSE(parsed(document(statement("", R"({"AWS":"anna"})"))).is_public());
  EXPECT_FALSE(parsed(document(statement("", R"("*")", R"("s3:*")", R"("*")", "Deny"))).is_public());
  EXPECT_FALSE(with(R"("IpAddress":{"aws:SourceIp":"203.0.113.0/24"})"));
  EXPECT_TRUE(with(R"("IpAddress":{"aws:SourceIp":"0.0.0.0/1"})"));
  EXPECT_TRUE(with(R"("NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"})"));
  EXPECT_TRUE(with(R"("StringEquals":{"aws:Referer":"http://x"})"));
  EXPECT_FALSE(with(R"("StringEquals":{"aws:userid":"a"})"));
  EXPECT_TRUE(with(R"("StringLike":{"aws:userid":"*"})"));
  EXPECT_TRUE(with(R"("Bool":{"aws:SecureTransport":"true"})"));
}

TEST(MatchesWildcard, GoesBackOnlyAsFarAsItMust) {
  EXPECT_TRUE(matches_wildcard("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matches_wildcard("a*b*c", "a-b-b-"));
  EXPECT_TRUE(matches_wildcard("*", ""));
  EXPECT_TRUE(matches_wildcard("", ""));
  EXPECT_FALSE(matches_wildcard("?", ""));
  EXPECT_TRUE(matches_wildcard("?*", "x"));
  EXPECT_FALSE(matches_wildcard(std::string(200, '*') + "b", std::string(10'000, 'a')));
}

TEST(AddressIn, TakesNetworksOfBothKinds) {
  EXPECT_TRUE(address_in("203.0.113.7", "203.0.113.0/25"));
  EXPECT_FALSE(address_in("203.0.113.200", "203.0.113.0/25"));
  EXPECT_TRUE(address_in("203.0.113.7", "0.0.0.0/0"));
  EXPECT_TRUE(address_in("2001:db8::1", "2001:db8::/32"));
  EXPECT_FALSE(address_in("2001:db9::1", "2001:db8::/32"));
  EXPECT_TRUE(address_in("::ffff:203.0.113.7", "203.0.113.7"));
  EXPECT_FALSE(address_in("203.0.113.7", "::/0"));
  EXPECT_FALSE(address_in("", "0.0.0.0/0"));
  EXPECT_FALSE(address_in("203.0.113.7", "203.0.113.0/"));
  EXPECT_FALSE(address_in("203.0.113.7", "203.0.113.0/33"));
}

}  // namespace
}  // namespace duskline::gateway
