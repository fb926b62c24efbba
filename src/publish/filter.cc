#include "publish/filter.h"

#include <algorithm>

#include "base/units.h"

namespace duskline::publish {
namespace {

constexpr std::string_view any_depth = "**";
constexpr std::size_t max_pattern_bytes = 4096;

struct BracketMatch {
  bool matches = false;
  std::size_t pattern_bytes = 0;  // 0: no closing bracket
};

// `pattern` begins with '['. As in a shell: "[a-z]", "[!a-z]", "[^a-z]", and ']' first stands for itself.
BracketMatch match_bracket(std::string_view pattern, unsigned char byte) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  bool found = false;
  for (const std::size_t first = at; at < pattern.size(); ++at) {
    if (pattern[at] == ']' && at > first) return {found != negated, at + 1};
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    const auto low = static_cast<unsigned char>(pattern[at]);
    auto high = low;
    if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
      at += 2;
      if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
      high = static_cast<unsigned char>(pattern[at]);
    }
    found = found || (low <= byte && byte <= high);
  }
  return {};
}

// How many bytes of `pattern` match the one byte of the name, 0 if they do not. `pattern` is not empty and not '*'.
std::size_t match_one(std::string_view pattern, char byte) {
  if (pattern[0] == '?') return 1;
  if (pattern[0] == '[') {
    const BracketMatch bracket = match_bracket(pattern, static_cast<unsigned char>(byte));
    return bracket.matches ? bracket.pattern_bytes : 0;
  }
  if (pattern[0] == '\\') return pattern[1] == byte ? 2 : 0;
  return pattern[0] == byte ? 1 : 0;
}

// A whole component. Only the last '*' is ever widened again, which is enough and keeps the time quadratic.
bool match_component(std::string_view pattern, std::string_view name) {
  std::size_t at = 0, in = 0;
  std::size_t star = std::string_view::npos, star_in = 0;
  while (in < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = ++at;
      star_in = in;
      continue;
    }
    const std::size_t step = at < pattern.size() ? match_one(pattern.substr(at), name[in]) : 0;
    if (step > 0) {
      at += step;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star;
      in = ++star_in;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

std::string_view first_component(std::string_view path) { return path.substr(0, path.find('/')); }

std::string_view without_first(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
}

// The same way of matching one level up: components are the letters, "**" is the star.
bool match_path(const std::vector<std::string>& pattern, std::string_view path) {
  std::size_t at = 0;
  std::size_t star = pattern.size() + 1;
  std::string_view star_rest;
  while (!path.empty()) {
    if (at < pattern.size() && pattern[at] == any_depth) {
      if (at + 1 == pattern.size()) return true;  // at least one component is left for it
      star = ++at;
      star_rest = path;
    } else if (at < pattern.size() && match_component(pattern[at], first_component(path))) {
      ++at;
      path = without_first(path);
    } else if (star <= pattern.size()) {
      at = star;
      star_rest = without_first(star_rest);
      path = star_rest;
    } else {
      return false;
    }
  }
  return at == pattern.size();
}

// Why a component can match nothing, as git and rsync see it; null where it can. What somebody wanted to leave out must
// not be published for the want of a bracket.
const char* malformed(std::string_view component) {
  while (!component.empty()) {
    std::size_t used = 1;
    if (component[0] == '\\') {
      if (component.size() == 1)
        return "ends in a \"\\\" that stands before nothing; write \"\\\\\" for the character itself";
      used = 2;
    } else if (component[0] == '[') {
      used = match_bracket(component, 0).pattern_bytes;
      if (used == 0) return "has a \"[\" that is not closed; write \"\\[\" for the character itself";
    }
    component.remove_prefix(used);
  }
  return nullptr;
}

}  // namespace

Result<Pattern> Pattern::parse(std::string_view text) {
  const auto bad = [&](const char* why) {
    return Error{Code::usage, "pattern \"" + printable(text.substr(0, 200)) + "\" " + why};
  };
  if (text.size() > max_pattern_bytes) return bad("is longer than 4,096 bytes");
  if (text.find('\0') != std::string_view::npos) return bad("contains a NUL");
  Pattern pattern;
  std::string_view rest = text;
  if (rest.ends_with('/')) {
    pattern.directories_only_ = true;
    rest.remove_suffix(1);
  }
  pattern.anchored_ = rest.find('/') != std::string_view::npos;
  if (rest.starts_with('/')) rest.remove_prefix(1);
  if (rest.empty()) return bad("names nothing");
  for (; !rest.empty(); rest = without_first(rest)) {
    const std::string_view component = first_component(rest);
    if (component.empty() || component == "." || component == "..") {
      return bad("has an empty component, \".\" or \"..\", which no path here has");
    }
    if (const char* const why = malformed(component); why != nullptr) return bad(why);
    const bool repeats =
        component == any_depth && !pattern.components_.empty() && pattern.components_.back() == any_depth;
    if (!repeats) pattern.components_.emplace_back(component);
  }
  return pattern;
}

bool Pattern::matches(std::string_view path, Kind kind) const {
  if (directories_only_ && kind != Kind::directory) return false;
  if (anchored_) return match_path(components_, path);
  if (components_.front() == any_depth) return true;
  return match_component(components_.front(), path.substr(path.rfind('/') + 1));
}

Result<Rule> parse_rule(std::string_view text) {
  Rule rule;
  if (text.starts_with("+ ")) {
    rule.verdict = Rule::Verdict::include;
  } else if (!text.starts_with("- ")) {
    return Error{Code::usage, "rule \"" + printable(text.substr(0, 200)) +
                                  "\" begins with neither \"+ \" (include) nor \"- \" (exclude)"};
  }
  DL_ASSIGN(rule.pattern, Pattern::parse(text.substr(2)));
  return rule;
}

Result<std::vector<Rule>> parse_ignore_file(std::string_view text, std::string_view where) {
  std::vector<Rule> rules;
  std::size_t number = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    Rule rule;
    if (line.starts_with('!')) {
      rule.verdict = Rule::Verdict::include;
      line.remove_prefix(1);
    }
    auto pattern = Pattern::parse(line);
    if (!pattern) return wrap(std::move(pattern).error(), "line " + std::to_string(number) + " of " + printable(where));
    rule.pattern = std::move(*pattern);
    rules.push_back(std::move(rule));
  }
  std::ranges::reverse(rules);
  return rules;
}

Result<Filter> Filter::parse(const std::vector<std::string>& rules) {
  Filter filter;
  for (const std::string& text : rules) {
    DL_ASSIGN(Rule rule, parse_rule(text));
    filter.given_.push_back(std::move(rule));
  }
  return filter;
}

void Filter::enter(std::string_view directory, std::vector<Rule> rules) {
  levels_.push_back({directory.empty() ? 0 : directory.size() + 1, std::move(rules)});
}

void Filter::leave() { levels_.pop_back(); }

bool Filter::excludes(std::string_view path, Pattern::Kind kind) const {
  for (const Rule& rule : given_) {
    if (rule.pattern.matches(path, kind)) return rule.verdict == Rule::Verdict::exclude;
  }
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    const std::string_view below = path.substr(level->prefix_bytes);
    for (const Rule& rule : level->rules) {
      if (rule.pattern.matches(below, kind)) return rule.verdict == Rule::Verdict::exclude;
    }
  }
  return false;
}

}  // namespace duskline::publish
