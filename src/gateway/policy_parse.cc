// Policy::parse(): everything that makes a document a policy of this bucket.
#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>

#include "gateway/policy.h"
#include "gateway/policy_actions.h"
#include "gateway/policy_values.h"

namespace duskline::gateway {
namespace {

namespace json = boost::json;
using Texts = std::vector<std::string>;

constexpr std::string_view resource_prefix = "arn:aws:s3:::";

S3Error malformed(std::string message) { return {ErrorCode::malformed_policy, std::move(message)}; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

Expected<std::string> scalar(const json::value& value) {
  if (const json::string* text = value.if_string()) return std::string(*text);
  if (value.is_bool()) return std::string(value.get_bool() ? "true" : "false");
  if (value.is_number()) return json::serialize(value);
  return malformed("Policy has a value that is no text");
}

// One text or a list of them.
Expected<Texts> texts(const json::value& value) {
  Texts out;
  const json::array* list = value.if_array();
  if (list == nullptr) {
    DL_ASSIGN(std::string text, scalar(value));
    out.push_back(std::move(text));
    return out;
  }
  for (const json::value& entry : *list) {
    DL_ASSIGN(std::string text, scalar(entry));
    out.push_back(std::move(text));
  }
  return out;
}

Done check_members(const json::object& object, std::initializer_list<std::string_view> known) {
  for (const auto& member : object) {
    if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end()) {
      return malformed("Unknown field " + std::string(member.key()));
    }
  }
  return {};
}

// What exactly one of two members holds.
struct Either {
  const json::value* value = nullptr;
  bool negated = false;
};
Expected<Either> either(const json::object& statement, std::string_view name) {
  const std::string negation = "Not" + std::string(name);
  const json::value* plain = statement.if_contains(name);
  const json::value* negated = statement.if_contains(negation);
  if (plain != nullptr && negated != nullptr) {
    return malformed("Statement has both " + std::string(name) + " and " + negation);
  }
  if (plain == nullptr && negated == nullptr) return malformed("Missing required field " + std::string(name));
  return Either{plain != nullptr ? plain : negated, negated != nullptr};
}

bool is_principal(std::string_view text) {
  if (text.empty() || text.size() > 2048 || text.find_first_of("*?") != std::string_view::npos) return false;
  if (text.starts_with("arn:")) {
    if (!text.starts_with(user_arn_prefix)) return text.starts_with("arn:aws:sts::");
    const auto colon = text.find(':', user_arn_prefix.size());
    if (colon == std::string_view::npos) return false;
    const std::string_view rest = text.substr(colon + 1);
    return rest == "root" || ((rest.starts_with("user/") || rest.starts_with("role/")) && !rest.ends_with('/'));
  }
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '"'; });
}

Done add_principals(const json::object& kinds, PolicyStatement& statement) {
  DL_TRY(check_members(kinds, {"AWS", "CanonicalUser", "Service", "Federated"}));
  if (kinds.empty()) return malformed("Invalid principal in policy");
  for (const auto& kind : kinds) {
    DL_ASSIGN(Texts names, texts(kind.value()));
    if (names.empty()) return malformed("Invalid principal in policy");
    // Federated identities are nobody here, but a policy may name them.
    if (kind.key() == "Federated") continue;
    if (kind.key() == "Service") {
      statement.services.insert(statement.services.end(), names.begin(), names.end());
      continue;
    }
    for (std::string& name : names) {
      if (name == "*" && kind.key() == "AWS") {
        statement.everybody = true;
      } else if (is_principal(name)) {
        statement.principals.push_back(std::move(name));
      } else {
        return malformed("Invalid principal in policy");
      }
    }
  }
  return {};
}

Done parse_principal(const json::object& object, PolicyStatement& statement) {
  DL_ASSIGN(const Either found, either(object, "Principal"));
  statement.not_principals = found.negated;
  if (const json::string* text = found.value->if_string()) {
    if (*text != "*") return malformed("Invalid principal in policy");
    statement.everybody = true;
    return {};
  }
  const json::object* kinds = found.value->if_object();
  if (kinds == nullptr) return malformed("Invalid principal in policy");
  return add_principals(*kinds, statement);
}

Done parse_actions(const json::object& object, PolicyStatement& statement) {
  DL_ASSIGN(const Either found, either(object, "Action"));
  statement.not_actions = found.negated;
  DL_ASSIGN(const Texts actions, texts(*found.value));
  if (actions.empty()) return malformed("Policy has invalid action");
  for (const std::string& action : actions) {
    std::string pattern = lower(action);
    if (!names_an_action(pattern)) return malformed("Policy has invalid action");
    statement.actions.push_back(std::move(pattern));
  }
  return {};
}

// Where the names of a resource begin, behind "arn:aws:s3:::"; region and account may be wildcards.
std::size_t end_of_prefix(std::string_view pattern) {
  std::size_t at = 0;
  for (int colons = 0; colons < 5; ++colons) {
    at = pattern.find(':', at);
    if (at == std::string_view::npos) return 0;
    ++at;
  }
  return at;
}

// Whether some name in `bucket`, or its own, can match. What stands before the first wildcard or variable decides.
bool can_lie_in(std::string_view pattern, std::string_view bucket) {
  if (pattern == "*") return true;
  const std::size_t begin = end_of_prefix(pattern);
  if (begin == 0 || !matches_wildcard(pattern.substr(0, begin), resource_prefix)) return false;
  const std::string_view name = pattern.substr(begin, pattern.find('/', begin) - begin);
  return name.find('$') != std::string_view::npos ? !name.empty() : matches_wildcard(name, bucket);
}

Done parse_resources(const json::object& object, std::string_view bucket, PolicyStatement& statement) {
  DL_ASSIGN(const Either found, either(object, "Resource"));
  statement.not_resources = found.negated;
  DL_ASSIGN(statement.resources, texts(*found.value));
  const bool valid = !statement.resources.empty() &&
                     std::all_of(statement.resources.begin(), statement.resources.end(),
                                 [&](const std::string& pattern) { return can_lie_in(pattern, bucket); });
  if (!valid) return malformed("Policy has invalid resource");
  return {};
}

struct Operator {
  std::string_view name;
  ConditionTest test;
  bool negated;
};
constexpr std::array operators = {
    Operator{"StringEquals", ConditionTest::string_equals, false},
    Operator{"StringNotEquals", ConditionTest::string_equals, true},
    Operator{"StringEqualsIgnoreCase", ConditionTest::string_equals_ignore_case, false},
    Operator{"StringNotEqualsIgnoreCase", ConditionTest::string_equals_ignore_case, true},
    Operator{"StringLike", ConditionTest::string_like, false},
    Operator{"StringNotLike", ConditionTest::string_like, true},
    Operator{"NumericEquals", ConditionTest::numeric_equals, false},
    Operator{"NumericNotEquals", ConditionTest::numeric_equals, true},
    Operator{"NumericLessThan", ConditionTest::numeric_less, false},
    Operator{"NumericLessThanEquals", ConditionTest::numeric_less_equals, false},
    Operator{"NumericGreaterThan", ConditionTest::numeric_greater, false},
    Operator{"NumericGreaterThanEquals", ConditionTest::numeric_greater_equals, false},
    Operator{"DateEquals", ConditionTest::date_equals, false},
    Operator{"DateNotEquals", ConditionTest::date_equals, true},
    Operator{"DateLessThan", ConditionTest::date_less, false},
    Operator{"DateLessThanEquals", ConditionTest::date_less_equals, false},
    Operator{"DateGreaterThan", ConditionTest::date_greater, false},
    Operator{"DateGreaterThanEquals", ConditionTest::date_greater_equals, false},
    Operator{"Bool", ConditionTest::boolean, false},
    Operator{"BinaryEquals", ConditionTest::binary_equals, false},
    Operator{"IpAddress", ConditionTest::ip_address, false},
    Operator{"NotIpAddress", ConditionTest::ip_address, true},
    Operator{"ArnEquals", ConditionTest::arn_like, false},
    Operator{"ArnNotEquals", ConditionTest::arn_like, true},
    Operator{"ArnLike", ConditionTest::arn_like, false},
    Operator{"ArnNotLike", ConditionTest::arn_like, true},
    Operator{"Null", ConditionTest::null, false},
};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Expected<PolicyCondition> parse_operator(std::string_view name) {
  PolicyCondition condition;
  if (take_prefix(name, "ForAllValues:")) {
    condition.set = ConditionSet::for_all;
  } else if (take_prefix(name, "ForAnyValue:")) {
    condition.set = ConditionSet::for_any;
  }
  constexpr std::string_view if_exists = "IfExists";
  if (name.ends_with(if_exists)) {
    condition.if_exists = true;
    name.remove_suffix(if_exists.size());
  }
  const auto found =
      std::find_if(operators.begin(), operators.end(), [&](const Operator& known) { return known.name == name; });
  const bool null_if_exists = found != operators.end() && found->test == ConditionTest::null && condition.if_exists;
  if (found == operators.end() || null_if_exists) {
    return malformed("Invalid Condition type : " + std::string(name));
  }
  condition.test = found->test;
  condition.negated = found->negated;
  return condition;
}

bool is_value_for(ConditionTest test, const std::string& value) {
  if (value.find("${") != std::string::npos) return true;
  switch (test) {
    case ConditionTest::boolean:
    case ConditionTest::null:
      return lower(value) == "true" || lower(value) == "false";
    case ConditionTest::ip_address:
      return is_network(value);
    case ConditionTest::binary_equals:
      return from_base64(value).has_value();
    default:
      break;
  }
  if (test >= ConditionTest::date_equals && test <= ConditionTest::date_greater_equals) {
    return condition_date(value).has_value();
  }
  if (test >= ConditionTest::numeric_equals && test <= ConditionTest::numeric_greater_equals) {
    return condition_number(value).has_value();
  }
  return true;
}

bool is_condition_key(std::string_view key) {
  const bool ours = key.starts_with("aws:") || key.starts_with("s3:");
  return ours && !key.ends_with(':') && !key.ends_with('/');
}

Done parse_conditions(const json::value& value, PolicyStatement& statement) {
  const json::object* tests = value.if_object();
  if (tests == nullptr) return malformed("Condition is no object");
  for (const auto& test : *tests) {
    DL_ASSIGN(const PolicyCondition kind, parse_operator(test.key()));
    const json::object* keys = test.value().if_object();
    if (keys == nullptr) return malformed("Condition is no object");
    for (const auto& entry : *keys) {
      PolicyCondition condition = kind;
      condition.key = condition_key(entry.key());
      if (!is_condition_key(condition.key)) return malformed("Policy has an invalid condition key");
      DL_ASSIGN(condition.values, texts(entry.value()));
      const bool valid = std::all_of(condition.values.begin(), condition.values.end(),
                                     [&](const std::string& text) { return is_value_for(condition.test, text); });
      if (!valid) return malformed("Policy has an invalid value of condition key " + std::string(entry.key()));
      statement.conditions.push_back(std::move(condition));
    }
  }
  return {};
}

Expected<PolicyStatement> parse_statement(const json::value& value, std::string_view bucket) {
  const json::object* object = value.if_object();
  if (object == nullptr) return malformed("Statement is no object");
  DL_TRY(check_members(*object, {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
                                 "NotResource", "Condition"}));
  PolicyStatement statement;
  const json::value* effect = object->if_contains("Effect");
  if (effect == nullptr) return malformed("Missing required field Effect");
  if (!effect->is_string() || (effect->get_string() != "Allow" && effect->get_string() != "Deny")) {
    return malformed("Invalid effect: " + json::serialize(*effect));
  }
  statement.allows = effect->get_string() == "Allow";
  DL_TRY(parse_principal(*object, statement));
  if (statement.allows && statement.not_principals) return malformed("Allow with NotPrincipal is not allowed");
  DL_TRY(parse_actions(*object, statement));
  DL_TRY(parse_resources(*object, bucket, statement));
  if (const json::value* conditions = object->if_contains("Condition")) {
    DL_TRY(parse_conditions(*conditions, statement));
  }
  return statement;
}

// Whether variables count: they came with the second version of the language.
Expected<bool> parse_version(const json::object& object) {
  const json::value* version = object.if_contains("Version");
  if (version == nullptr) return false;
  if (version->is_string() && version->get_string() == "2012-10-17") return true;
  if (version->is_string() && version->get_string() == "2008-10-17") return false;
  return malformed("The policy must contain a valid version string");
}

}  // namespace

Expected<Policy> Policy::parse(std::string_view text, std::string_view bucket) {
  if (text.size() > max_policy_bytes) return malformed("Policy exceeds the maximum allowed document size");
  json::error_code failed;
  const json::value value = json::parse(text, failed);
  const json::object* object = failed ? nullptr : value.if_object();
  if (object == nullptr) return malformed("Policies must be valid JSON and the first byte must be '{'");
  DL_TRY(check_members(*object, {"Version", "Id", "Statement"}));
  Policy policy;
  DL_ASSIGN(policy.has_variables_, parse_version(*object));
  const json::value* statements = object->if_contains("Statement");
  if (statements == nullptr) return malformed("Missing required field Statement");
  const json::array* list = statements->if_array();
  if (list == nullptr) {
    DL_ASSIGN(PolicyStatement statement, parse_statement(*statements, bucket));
    policy.statements_.push_back(std::move(statement));
    return policy;
  }
  if (list->empty()) return malformed("Could not parse the policy: Statement is empty!");
  for (const json::value& entry : *list) {
    DL_ASSIGN(PolicyStatement statement, parse_statement(entry, bucket));
    policy.statements_.push_back(std::move(statement));
  }
  return policy;
}

}  // namespace duskline::gateway
