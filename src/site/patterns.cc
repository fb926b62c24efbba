#include "site/patterns.h"

#include <span>

#include "base/units.h"

namespace duskline::site {
namespace {

constexpr std::size_t max_patterns = 1000;
constexpr std::size_t max_pattern_bytes = 4096;
constexpr std::size_t max_bytes_in_all = 64 << 10;
constexpr auto none = std::string_view::npos;

// Where the bracket expression that begins at `at` ends (after its ']'), or `none`; `hit` says whether it holds `byte`.
std::size_t match_bracket(std::string_view pattern, std::size_t at, unsigned char byte, bool& hit) {
  std::size_t i = at + 1;
  bool negated = false;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) {
    negated = true;
    ++i;
  }
  const auto literal = [&]() -> int {  // the byte at i, an escape resolved; -1 at the end
    if (i < pattern.size() && pattern[i] == '\\') ++i;
    return i < pattern.size() ? static_cast<unsigned char>(pattern[i++]) : -1;
  };
  hit = false;
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) {
      hit = hit != negated;
      return i + 1;
    }
    const int low = literal();
    int high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      ++i;
      high = literal();
    }
    if (low < 0 || high < 0) return none;
    if (byte >= low && byte <= high) hit = true;
  }
  return none;
}

// The position in `pattern` after the element at `at`, if that element (not a star) matches `byte`.
std::size_t match_one(std::string_view pattern, std::size_t at, char byte) {
  switch (pattern[at]) {
    case '?':
      return at + 1;
    case '[': {
      bool hit = false;
      const std::size_t end = match_bracket(pattern, at, static_cast<unsigned char>(byte), hit);
      return hit ? end : none;
    }
    case '\\':
      return pattern[at + 1] == byte ? at + 2 : none;
    default:
      return pattern[at] == byte ? at + 1 : none;
  }
}

// Only the last star ever needs to be tried again, so this is linear in pattern times name.
bool match_component(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, after_star = none, star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_name = n;
      continue;
    }
    const std::size_t next = p < pattern.size() ? match_one(pattern, p, name[n]) : none;
    if (next != none) {
      p = next;
      ++n;
    } else if (after_star != none) {
      p = after_star;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string_view take_component(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view component = path.substr(0, slash);
  path.remove_prefix(slash == none ? path.size() : slash + 1);
  return component;
}

// The same one level up: "**" is the star, components are the bytes.
bool match_path(std::span<const std::string> pattern, std::string_view path) {
  std::size_t p = 0, after_star = none;
  std::string_view star_path;
  while (!path.empty()) {
    if (p < pattern.size() && pattern[p] == "**") {
      after_star = ++p;
      star_path = path;
      continue;
    }
    std::string_view rest = path;
    const std::string_view name = take_component(rest);
    if (p < pattern.size() && match_component(pattern[p], name)) {
      ++p;
      path = rest;
    } else if (after_star != none) {
      p = after_star;
      take_component(star_path);
      path = star_path;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == "**") ++p;
  return p == pattern.size();
}

Error bad_pattern(std::string_view pattern, const std::string& why) {
  return {Code::usage, "the pattern \"" + printable(pattern.substr(0, 200)) + "\" cannot be used: " + why};
}

Status check_component(std::string_view whole, std::string_view component) {
  if (component.empty()) return bad_pattern(whole, "it has an empty component (\"//\")");
  if (component == "." || component == "..") {
    return bad_pattern(whole, "\"" + std::string(component) + "\" names no entry");
  }
  for (std::size_t i = 0; i < component.size();) {
    bool hit = false;
    if (component[i] == '[') {
      i = match_bracket(component, i, 0, hit);
      if (i == none) return bad_pattern(whole, "a \"[\" is not closed; write \"\\[\" for the character itself");
    } else if (component[i] == '\\') {
      if (i + 1 == component.size()) return bad_pattern(whole, "it ends in a \"\\\" that escapes nothing");
      i += 2;
    } else {
      ++i;
    }
  }
  return {};
}

}  // namespace

Result<Patterns> Patterns::parse(const std::vector<std::string>& patterns) {
  if (patterns.size() > max_patterns) {
    return Error{Code::usage, "there are more than 1,000 patterns; name directories that hold what they match"};
  }
  Patterns result;
  std::size_t bytes_in_all = 0;
  for (const std::string& text : patterns) {
    bytes_in_all += text.size();
    if (bytes_in_all > max_bytes_in_all) return Error{Code::usage, "the patterns have more than 64 KiB in all"};
    if (text.size() > max_pattern_bytes) return bad_pattern(text, "it is longer than 4,096 bytes");
    if (text.find('\0') != none) return bad_pattern(text, "it holds a NUL, which no name does");
    if (text.starts_with('!')) {
      return bad_pattern(text, "there are no exceptions here; write \"\\!\" for a name that begins with \"!\"");
    }
    Pattern pattern;
    std::string_view rest = text;
    if (rest.ends_with('/') && !rest.ends_with("\\/")) {
      pattern.only_directories = true;
      rest.remove_suffix(1);
    }
    if (rest.starts_with('/')) {
      pattern.anchored = true;
      rest.remove_prefix(1);
    }
    if (rest.empty()) return bad_pattern(text, "it is empty");
    if (rest.find('/') != none) pattern.anchored = true;
    bool more = true;
    while (more) {
      more = rest.find('/') != none;
      const std::string_view component = take_component(rest);
      DL_TRY(check_component(text, component));
      pattern.components.emplace_back(component);
    }
    // "a/**" is what lies in a, not a itself: its entries, and so everything below them.
    if (pattern.components.back() == "**") pattern.components.back() = "*";
    result.patterns_.push_back(std::move(pattern));
  }
  return result;
}

bool Patterns::matches_here(std::string_view path, bool is_directory) const {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == none ? path : path.substr(slash + 1);
  for (const Pattern& pattern : patterns_) {
    if (pattern.only_directories && !is_directory) continue;
    if (pattern.anchored ? match_path(pattern.components, path) : match_component(pattern.components[0], name)) {
      return true;
    }
  }
  return false;
}

bool Patterns::matches(std::string_view path, bool is_directory) const {
  if (patterns_.empty()) return false;
  for (std::size_t slash = path.find('/'); slash != none; slash = path.find('/', slash + 1)) {
    if (matches_here(path.substr(0, slash), true)) return true;
  }
  return matches_here(path, is_directory);
}

}  // namespace duskline::site
