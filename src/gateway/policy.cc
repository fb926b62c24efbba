#include "gateway/policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "gateway/policy_values.h"

namespace duskline::gateway {
namespace {

// A pattern whose wildcards are told apart from bytes that a variable's value brought in.
using Glob = std::vector<std::uint16_t>;
constexpr std::uint16_t any_run = 256, any_byte = 257;

Glob glob_of(std::string_view pattern) {
  Glob glob;
  glob.reserve(pattern.size());
  for (const char c : pattern) {
    glob.push_back(c == '*' ? any_run : c == '?' ? any_byte : static_cast<unsigned char>(c));
  }
  return glob;
}

void append_literally(Glob& glob, std::string_view text) {
  for (const char c : text) glob.push_back(static_cast<unsigned char>(c));
}

// Goes back to the last run of any bytes only, since a longer match of an earlier one never helps.
bool matches(const Glob& pattern, std::string_view text) {
  std::size_t p = 0, t = 0, run = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == any_run) {
      run = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == any_byte || pattern[p] == static_cast<unsigned char>(text[t]))) {
      ++p;
      ++t;
    } else if (run != std::string_view::npos) {
      p = run + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(p), pattern.end(),
                     [](std::uint16_t unit) { return unit == any_run; });
}

// What a policy can ask of one request.
class Asked {
 public:
  Asked(const PolicyQuestion& question, bool has_variables) : question_(question), has_variables_(has_variables) {}

  [[nodiscard]] ConditionValues values(std::string_view key) const {
    if (key == "aws:currenttime") return {format_time(question_.now)};
    if (key == "aws:epochtime") {
      return {std::to_string(std::chrono::floor<std::chrono::seconds>(question_.now).time_since_epoch().count())};
    }
    if (key == "aws:principaltype") return {question_.user.empty() ? "Anonymous" : "User"};
    const bool known = !question_.user.empty();
    if (key == "aws:username") return one(known, question_.user_name);
    if (key == "aws:userid" || key == "aws:principalaccount") return one(known, question_.user);
    if (key == "aws:principalarn") return one(known, user_arn());
    return question_.condition ? question_.condition(key) : ConditionValues();
  }

  // Nothing where a variable has no value for this request: then the pattern matches nothing.
  [[nodiscard]] std::optional<Glob> expanded(std::string_view pattern) const {
    if (!has_variables_ || pattern.find("${") == std::string_view::npos) return glob_of(pattern);
    Glob glob;
    for (;;) {
      const auto begin = std::min(pattern.find("${"), pattern.size());
      const Glob before = glob_of(pattern.substr(0, begin));
      glob.insert(glob.end(), before.begin(), before.end());
      pattern.remove_prefix(begin);
      const auto end = pattern.find('}');
      if (end == std::string_view::npos) {
        append_literally(glob, pattern);
        return glob;
      }
      const auto value = variable(pattern.substr(2, end - 2));
      if (!value) return std::nullopt;
      append_literally(glob, *value);
      pattern.remove_prefix(end + 1);
    }
  }

  [[nodiscard]] bool is_service(const std::vector<std::string>& services) const {
    return !question_.service.empty() &&
           std::find(services.begin(), services.end(), question_.service) != services.end();
  }
  [[nodiscard]] bool is_one_of(const std::vector<std::string>& principals) const {
    return std::any_of(principals.begin(), principals.end(), [&](const std::string& name) { return is(name); });
  }

 private:
  static ConditionValues one(bool there, std::string_view value) {
    return there ? ConditionValues{std::string(value)} : ConditionValues();
  }

  [[nodiscard]] std::string user_arn() const {
    return std::string(user_arn_prefix) + std::string(question_.user) + ":user/" + std::string(question_.user_name);
  }

  // "${*}", "${?}" and "${$}" are those characters themselves; "${key, 'otherwise'}" has a default.
  [[nodiscard]] std::optional<std::string> variable(std::string_view name) const {
    if (name == "*" || name == "?" || name == "$") return std::string(name);
    std::optional<std::string> otherwise;
    if (const auto comma = name.find(','); comma != std::string_view::npos) {
      std::string_view text = name.substr(comma + 1);
      while (text.starts_with(' ')) text.remove_prefix(1);
      if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return std::nullopt;
      otherwise = text.substr(1, text.size() - 2);
      name = name.substr(0, comma);
    }
    const ConditionValues found = values(condition_key(name));
    return found.size() == 1 ? std::optional(found.front()) : otherwise;
  }

  // An id, a name, "arn:aws:iam::ID:root" for a user with all that is theirs, or "arn:aws:iam::ID:user/NAME".
  [[nodiscard]] bool is(std::string_view principal) const {
    if (question_.user.empty()) return false;
    if (is_me(principal)) return true;
    if (!principal.starts_with(user_arn_prefix)) return false;
    principal.remove_prefix(user_arn_prefix.size());
    const auto colon = principal.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view account = principal.substr(0, colon), rest = principal.substr(colon + 1);
    if (rest == "root") return is_me(account);
    if (!rest.starts_with("user/")) return false;
    return (account.empty() || is_me(account)) && is_me(rest.substr(rest.rfind('/') + 1));
  }
  [[nodiscard]] bool is_me(std::string_view text) const {
    return text == question_.user || text == question_.user_name;
  }

  const PolicyQuestion& question_;
  bool has_variables_;
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

std::string_view arn_part(std::string_view& rest, bool last) {
  const auto colon = last ? rest.size() : std::min(rest.find(':'), rest.size());
  const std::string_view part = rest.substr(0, colon);
  rest.remove_prefix(std::min(colon + 1, rest.size()));
  return part;
}

// A wildcard does not reach over the colons of an ARN.
bool arn_matches(std::string_view pattern, std::string_view arn) {
  constexpr int parts = 6;
  for (int i = 0; i < parts; ++i) {
    const bool last = i + 1 == parts;
    if (!matches_wildcard(arn_part(pattern, last), arn_part(arn, last))) return false;
  }
  return true;
}

template <typename Value>
bool compare(ConditionTest equals, ConditionTest test, const std::optional<Value>& value,
             const std::optional<Value>& bound) {
  if (!value || !bound) return false;
  switch (static_cast<int>(test) - static_cast<int>(equals)) {
    case 0:
      return *value == *bound;
    case 1:
      return *value < *bound;
    case 2:
      return *value <= *bound;
    case 3:
      return *value > *bound;
    default:
      return *value >= *bound;
  }
}

std::string text_of(const Glob& glob) {
  std::string text;
  for (const std::uint16_t unit : glob) {
    text += unit == any_run ? '*' : unit == any_byte ? '?' : static_cast<char>(unit);
  }
  return text;
}

bool agrees(ConditionTest test, const std::string& value, const Glob& bound) {
  switch (test) {
    case ConditionTest::string_equals:
      return value == text_of(bound);
    case ConditionTest::string_equals_ignore_case:
    case ConditionTest::boolean:
      return lower(value) == lower(text_of(bound));
    case ConditionTest::string_like:
      return matches(bound, value);
    case ConditionTest::binary_equals:
      return from_base64(value).has_value() && from_base64(value) == from_base64(text_of(bound));
    case ConditionTest::ip_address:
      return address_in(value, text_of(bound));
    case ConditionTest::arn_like:
      return arn_matches(text_of(bound), value);
    default:
      break;
  }
  if (test >= ConditionTest::date_equals) {
    return compare(ConditionTest::date_equals, test, condition_date(value), condition_date(text_of(bound)));
  }
  return compare(ConditionTest::numeric_equals, test, condition_number(value), condition_number(text_of(bound)));
}

bool holds(const PolicyCondition& condition, const Asked& asked) {
  const ConditionValues values = asked.values(condition.key);
  if (condition.test == ConditionTest::null) {
    const std::string expected = values.empty() ? "true" : "false";
    return std::any_of(condition.values.begin(), condition.values.end(),
                       [&](const std::string& value) { return lower(value) == expected; });
  }
  const auto is_met_by = [&](const std::string& value) {
    const bool found = std::any_of(condition.values.begin(), condition.values.end(), [&](const std::string& bound) {
      const auto glob = asked.expanded(bound);
      return glob && agrees(condition.test, value, *glob);
    });
    return found != condition.negated;
  };
  switch (condition.set) {
    case ConditionSet::for_all:
      return std::all_of(values.begin(), values.end(), is_met_by);
    case ConditionSet::for_any:
      return values.empty() ? condition.if_exists : std::any_of(values.begin(), values.end(), is_met_by);
    case ConditionSet::one:
      break;
  }
  if (values.empty()) return condition.if_exists || condition.negated;
  // With several values, "not equal" means to none of them.
  return condition.negated ? std::all_of(values.begin(), values.end(), is_met_by)
                           : std::any_of(values.begin(), values.end(), is_met_by);
}

bool is_about(const PolicyStatement& statement, const Asked& asked, std::string_view action, std::string_view arn) {
  const bool names =
      statement.everybody || asked.is_one_of(statement.principals) || asked.is_service(statement.services);
  if (names == statement.not_principals) return false;
  const bool acts = std::any_of(statement.actions.begin(), statement.actions.end(),
                                [&](const std::string& pattern) { return matches_wildcard(pattern, action); });
  if (acts == statement.not_actions) return false;
  const bool lies =
      std::any_of(statement.resources.begin(), statement.resources.end(), [&](const std::string& pattern) {
        const auto glob = asked.expanded(pattern);
        return glob && matches(*glob, arn);
      });
  if (lies == statement.not_resources) return false;
  return std::all_of(statement.conditions.begin(), statement.conditions.end(),
                     [&](const PolicyCondition& condition) { return holds(condition, asked); });
}

// Conditions that hold a statement to callers who are known, as Amazon's definition of "public" lists them.
bool holds_to_fixed_values(const PolicyCondition& condition) {
  static constexpr std::array fixing = {
      "aws:sourceip",      "aws:principalarn",      "aws:principalaccount", "aws:principalorgid",   "aws:userid",
      "aws:username",      "aws:sourcearn",         "aws:sourcevpc",        "aws:sourcevpce",       "aws:sourceowner",
      "aws:sourceaccount", "aws:principalorgpaths", "aws:sourceorgid",      "s3:dataaccesspointarn"};
  if (condition.negated || condition.if_exists || condition.set == ConditionSet::for_all) return false;
  if (std::find(fixing.begin(), fixing.end(), condition.key) == fixing.end()) return false;
  return std::all_of(condition.values.begin(), condition.values.end(), [&](const std::string& value) {
    if (condition.test == ConditionTest::ip_address) return is_narrow_network(value);
    return condition.test != ConditionTest::null && value.find_first_of("*?") == std::string::npos &&
           value.find("${") == std::string::npos;
  });
}

}  // namespace

bool matches_wildcard(std::string_view pattern, std::string_view text) { return matches(glob_of(pattern), text); }

PolicyVerdict Policy::judge(const PolicyQuestion& question) const {
  const Asked asked(question, has_variables_);
  const std::string action = lower(question.action);
  std::string arn = "arn:aws:s3:::" + std::string(question.bucket);
  if (!question.key.empty()) arn.append("/").append(question.key);
  auto verdict = PolicyVerdict::silent;
  for (const PolicyStatement& statement : statements_) {
    if (statement.allows && verdict == PolicyVerdict::allows) continue;
    if (!is_about(statement, asked, action, arn)) continue;
    if (!statement.allows) return PolicyVerdict::denies;
    verdict = PolicyVerdict::allows;
  }
  return verdict;
}

bool Policy::is_public() const {
  return std::any_of(statements_.begin(), statements_.end(), [](const PolicyStatement& statement) {
    const bool anybody = statement.everybody || statement.not_principals;
    return statement.allows && anybody &&
           std::none_of(statement.conditions.begin(), statement.conditions.end(), holds_to_fixed_values);
  });
}

}  // namespace duskline::gateway
