#include "gateway/post_policy.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/bytes.h"
#include "gateway/digests.h"

namespace duskline::gateway {
namespace {

namespace json = boost::json;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

S3Error invalid(std::string_view why) {
  return {ErrorCode::invalid_policy_document, "Invalid Policy: " + std::string(why)};
}

S3Error against_policy(std::string_view why) {
  return {ErrorCode::access_denied, "Invalid according to Policy: " + std::string(why)};
}

// {"acl": "public-read"}
Done add_object(const json::object& object, PostPolicy& policy) {
  if (object.empty())
    return invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
  for (const auto& member : object) {
    if (!member.value().is_string()) {
      return invalid("Invalid Simple-Condition: value must be a string.");
    }
    PostCondition condition;
    condition.field = lower(member.key());
    condition.value = member.value().get_string();
    condition.text = R"(["eq", "$)" + std::string(member.key()) + R"(", ")" + condition.value + R"("])";
    policy.conditions.push_back(std::move(condition));
  }
  return {};
}

std::optional<std::uint64_t> size_of(const json::value& value) {
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::uint64_t>(value.get_int64());
  if (value.is_uint64()) return value.get_uint64();
  const json::string* text = value.if_string();
  if (text == nullptr || text->empty() || text->size() > 18) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : *text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

Done add_range(const json::array& list, PostPolicy& policy) {
  const auto least = size_of(list[1]), most = size_of(list[2]);
  if (!least || !most || *least > *most) return invalid("Invalid content-length-range: incorrect numbers.");
  policy.least_bytes = std::max(policy.least_bytes.value_or(0), *least);
  policy.most_bytes = std::min(policy.most_bytes.value_or(*most), *most);
  return {};
}

// ["eq", "$acl", "public-read"], ["starts-with", "$key", "user/"], ["content-length-range", 1, 10]
Done add_array(const json::array& list, PostPolicy& policy) {
  if (list.size() != 3 || !list[0].is_string()) return invalid("Invalid Condition: wrong number of arguments.");
  const std::string test = lower(list[0].get_string());
  if (test == "content-length-range") return add_range(list, policy);
  if (test != "eq" && test != "starts-with") return invalid("Invalid Condition: unknown operation '" + test + "'.");
  if (!list[1].is_string() || !list[2].is_string() || !list[1].get_string().starts_with('$')) {
    return invalid("Invalid Condition: field name must start with $.");
  }
  PostCondition condition;
  condition.test = test == "eq" ? PostCondition::Test::equals : PostCondition::Test::starts_with;
  condition.field = lower(std::string_view(list[1].get_string()).substr(1));
  condition.value = list[2].get_string();
  condition.text = json::serialize(list);
  policy.conditions.push_back(std::move(condition));
  return {};
}

// Of lists of content types each must fit.
bool starts_all(std::string_view value, std::string_view prefix) {
  for (;;) {
    const auto end = std::min(value.find(','), value.size());
    std::string_view each = value.substr(0, end);
    while (each.starts_with(' ')) each.remove_prefix(1);
    if (!each.starts_with(prefix)) return false;
    if (end == value.size()) return true;
    value.remove_prefix(end + 1);
  }
}

bool holds(const PostCondition& condition, const http::Headers& fields) {
  const std::string* const value = find_header(fields, condition.field);
  if (condition.test == PostCondition::Test::equals) return value != nullptr && *value == condition.value;
  if (value == nullptr) return condition.value.empty();
  if (condition.field == "content-type" && value->find(',') != std::string::npos) {
    return starts_all(*value, condition.value);
  }
  return value->starts_with(condition.value);
}

// What signs the form, and what anybody may add.
bool needs_no_condition(std::string_view field) {
  static constexpr std::array exempt = {"awsaccesskeyid", "signature", "policy", "x-amz-signature", "file"};
  return field.starts_with("x-ignore-") || std::find(exempt.begin(), exempt.end(), field) != exempt.end();
}

}  // namespace

Expected<PostPolicy> PostPolicy::parse(std::string_view base64) {
  std::string compact;
  std::copy_if(base64.begin(), base64.end(), std::back_inserter(compact),
               [](char c) { return c != '\r' && c != '\n'; });
  const auto bytes = from_base64(compact);
  json::error_code failed;
  json::parse_options lenient;
  lenient.allow_trailing_commas = true;  // as Amazon's own examples have them
  const json::value value = bytes ? json::parse(text_of(*bytes), failed, {}, lenient) : json::value();
  const json::object* const object = failed ? nullptr : value.if_object();
  if (object == nullptr) return invalid("Invalid JSON.");
  const json::value* const expiration = object->if_contains("expiration");
  if (expiration == nullptr) return invalid("Policy missing expiration.");
  const auto expires = expiration->is_string() ? parse_time(std::string_view(expiration->get_string())) : std::nullopt;
  if (!expires) return invalid("Invalid 'expiration' value: " + json::serialize(*expiration));
  const json::value* const conditions = object->if_contains("conditions");
  if (conditions == nullptr) return invalid("Policy missing conditions.");
  if (!conditions->is_array()) return invalid("Invalid 'conditions' value: must be a List.");
  if (conditions->get_array().empty()) return invalid("Invalid 'conditions' value: must not be empty.");
  PostPolicy policy;
  policy.expires = *expires;
  for (const json::value& condition : conditions->get_array()) {
    if (const json::object* simple = condition.if_object()) {
      DL_TRY(add_object(*simple, policy));
    } else if (const json::array* list = condition.if_array()) {
      DL_TRY(add_array(*list, policy));
    } else {
      return invalid("Invalid Condition: must be a List or an Object.");
    }
  }
  return policy;
}

Done PostPolicy::check(const http::Headers& fields, WallTime now) const {
  if (expires <= now) return against_policy("Policy expired.");
  for (const PostCondition& condition : conditions) {
    if (!holds(condition, fields)) return against_policy("Policy Condition failed: " + condition.text);
  }
  for (const auto& [name, value] : fields) {
    const bool covered = std::any_of(conditions.begin(), conditions.end(),
                                     [&](const PostCondition& condition) { return condition.field == name; });
    if (!covered && !needs_no_condition(name)) return against_policy("Extra input fields: " + name);
  }
  return {};
}

Done PostPolicy::check_size_so_far(std::uint64_t size_bytes) const {
  if (!most_bytes || size_bytes <= *most_bytes) return {};
  return S3Error(ErrorCode::entity_too_large)
      .with("ProposedSize", std::to_string(size_bytes))
      .with("MaxSizeAllowed", std::to_string(*most_bytes));
}

Done PostPolicy::check_size(std::uint64_t size_bytes) const {
  if (least_bytes && size_bytes < *least_bytes) {
    return S3Error(ErrorCode::entity_too_small)
        .with("ProposedSize", std::to_string(size_bytes))
        .with("MinSizeAllowed", std::to_string(*least_bytes));
  }
  return check_size_so_far(size_bytes);
}

}  // namespace duskline::gateway
