#include "sync/rules.h"

#include <algorithm>

#include "base/units.h"

namespace duskline::sync {
namespace {

constexpr std::size_t max_pattern_bytes = 4096, max_rules = 100'000;
constexpr std::string_view with_content = "/***";

unsigned char number_of(char byte) { return static_cast<unsigned char>(byte); }

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Where the bracket that begins at 0 ends; npos where it does not, so that '[' stands for itself.
std::size_t end_of_set(std::string_view text) {
  std::size_t at = 1;
  if (at < text.size() && (text[at] == '!' || text[at] == '^')) ++at;
  for (const std::size_t first = at; at < text.size(); ++at) {
    if (text[at] == ']' && at > first) return at;
    if (text[at] == '\\') ++at;
  }
  return std::string_view::npos;
}

}  // namespace

// `text` begins with '[' and has its ']'. Returns how long the set is.
std::size_t Pattern::add_set(std::string_view text) {
  const std::size_t end = end_of_set(text);
  std::bitset<256> set;
  std::size_t at = 1;
  const bool negated = text[at] == '!' || text[at] == '^';
  if (negated) ++at;
  const auto take = [&] {
    if (text[at] == '\\' && at + 1 < end) ++at;
    return number_of(text[at++]);
  };
  while (at < end) {
    const unsigned low = take();
    unsigned high = low;
    if (at + 1 < end && text[at] == '-') {
      ++at;
      high = take();
    }
    for (unsigned byte = low; byte <= high; ++byte) set.set(byte);
  }
  if (negated) set.flip();
  set.reset(number_of('/'));
  tokens_.push_back({TokenKind::one_of, 0, sets_.size()});
  sets_.push_back(set);
  return end + 1;
}

Status Pattern::add_tokens(std::string_view text) {
  while (!text.empty()) {
    std::size_t used = 1;
    if (text.starts_with("**")) {
      used = std::min(text.find_first_not_of('*'), text.size());
      tokens_.push_back({TokenKind::any_depth});
    } else if (text[0] == '*') {
      tokens_.push_back({TokenKind::star});
    } else if (text[0] == '?') {
      tokens_.push_back({TokenKind::any_byte});
    } else if (text[0] == '[' && end_of_set(text) != std::string_view::npos) {
      used = add_set(text);
    } else if (text[0] == '\\' && text.size() > 1) {
      tokens_.push_back({TokenKind::byte, text[1]});
      used = 2;
    } else {
      tokens_.push_back({TokenKind::byte, text[0]});
    }
    text.remove_prefix(used);
  }
  return {};
}

Result<Pattern> Pattern::parse(std::string_view text) {
  const auto bad = [&](const char* why) {
    return Error{Code::usage, "pattern \"" + printable(text.substr(0, 200)) + "\" " + why};
  };
  if (text.size() > max_pattern_bytes) return bad("is longer than 4,096 bytes");
  if (text.find('\0') != std::string_view::npos) return bad("contains a NUL");
  Pattern pattern;
  std::string_view rest = text;
  if (rest.ends_with(with_content)) {
    pattern.with_content_ = true;
    rest.remove_suffix(with_content.size());
  } else if (rest.ends_with('/')) {
    pattern.directories_only_ = true;
    rest.remove_suffix(1);
  }
  if (rest.starts_with('/')) {
    pattern.anchored_ = true;
    rest.remove_prefix(1);
  }
  if (rest.empty()) return bad("names nothing");
  pattern.whole_path_ =
      pattern.anchored_ || rest.find('/') != std::string_view::npos || rest.find("**") != std::string_view::npos;
  DL_TRY(pattern.add_tokens(rest));
  return pattern;
}

bool Pattern::takes(const Token& token, char byte) const {
  switch (token.kind) {
    case TokenKind::byte:
      return token.byte == byte;
    case TokenKind::any_byte:
      return byte != '/';
    case TokenKind::one_of:
      return sets_[token.set].test(number_of(byte));
    default:
      return false;
  }
}

// Widens the last star that may be widened: "*" up to the next '/', else the last "**". Quadratic at worst.
bool Pattern::matches_all_of(std::string_view text, std::size_t first_token) const {
  constexpr auto none = static_cast<std::size_t>(-1);
  std::size_t at = first_token, in = 0;
  std::size_t star = none, star_in = 0, deep = none, deep_in = 0;
  for (;;) {
    if (at < tokens_.size() && tokens_[at].kind == TokenKind::any_depth) {
      deep = ++at;
      deep_in = in;
      star = none;
      continue;
    }
    if (at < tokens_.size() && tokens_[at].kind == TokenKind::star) {
      star = ++at;
      star_in = in;
      continue;
    }
    if (in == text.size() && at == tokens_.size()) return true;
    if (in < text.size() && at < tokens_.size() && takes(tokens_[at], text[in])) {
      ++at;
      ++in;
    } else if (star != none && star_in < text.size() && text[star_in] != '/') {
      in = ++star_in;
      at = star;
    } else if (deep != none && deep_in < text.size()) {
      in = ++deep_in;
      at = deep;
      star = none;
    } else {
      return false;
    }
  }
}

// "**" and '/' at the beginning stand for no directory too.
bool Pattern::may_begin_with_nothing() const {
  return tokens_.size() >= 2 && tokens_[0].kind == TokenKind::any_depth && tokens_[1].kind == TokenKind::byte &&
         tokens_[1].byte == '/';
}

bool Pattern::matches(std::string_view path, Kind kind) const {
  if (with_content_) {
    const bool is_all = !anchored_ && tokens_.size() == 1 && tokens_[0].kind == TokenKind::any_depth;  // "**/***"
    if (is_all) return true;
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
      Pattern directory = *this;
      directory.with_content_ = false;
      if (directory.matches(path.substr(0, slash), Kind::directory)) return true;
    }
  }
  if ((directories_only_ || with_content_) && kind != Kind::directory) return false;
  if (!whole_path_) return matches_all_of(last_name(path));
  if (matches_all_of(path)) return true;
  if (anchored_) return false;
  if (may_begin_with_nothing() && matches_all_of(path, 2)) return true;
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    if (matches_all_of(path.substr(slash + 1))) return true;
  }
  return false;
}

Status Rules::add(Rule::Verdict verdict, std::string_view pattern, std::string where) {
  if (rules_.size() == max_rules) return Error{Code::usage, "there are more than 100,000 rules"};
  DL_ASSIGN(Pattern parsed, Pattern::parse(pattern));
  const char* const sign = verdict == Rule::Verdict::include ? "+ " : "- ";
  rules_.push_back({verdict, std::move(parsed), sign + std::string(pattern), std::move(where)});
  return {};
}

Status Rules::add_lines(std::string_view text, const std::string& file) {
  std::size_t number = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    const std::string where = "line " + std::to_string(number) + " of " + printable(file);
    const bool include = line.starts_with("+ ");
    if (!include && !line.starts_with("- ")) {
      return Error{Code::usage, where + ": \"" + printable(line.substr(0, 200)) +
                                    "\" begins with neither \"+ \" (include) nor \"- \" (exclude)"};
    }
    auto added = add(include ? Rule::Verdict::include : Rule::Verdict::exclude, line.substr(2), where);
    if (!added) return wrap(std::move(added).error(), where);
  }
  return {};
}

const Rule* Rules::deciding(std::string_view path, Pattern::Kind kind) const {
  for (const Rule& rule : rules_) {
    if (rule.pattern.matches(path, kind)) return &rule;
  }
  return nullptr;
}

std::string Rules::text() const {
  std::string all;
  for (const Rule& rule : rules_) all += rule.text + '\n';
  return all;
}

Explanation explain(const Rules& rules, std::string_view path) {
  const auto judge = [&](std::string_view entry, Pattern::Kind kind) {
    const Rule* rule = rules.deciding(entry, kind);
    return Explanation{rule == nullptr || rule->verdict == Rule::Verdict::include, std::string(entry), rule};
  };
  const bool is_directory = path.ends_with('/');
  if (is_directory) path.remove_suffix(1);
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    Explanation above = judge(path.substr(0, slash), Pattern::Kind::directory);
    above.decided_at += '/';
    if (!above.included) return above;
  }
  return judge(path, is_directory ? Pattern::Kind::directory : Pattern::Kind::file);
}

bool Gate::excludes(std::string_view path) {
  if (rules_.empty()) return false;
  if (!excluded_.empty() && path.starts_with(excluded_)) return true;
  while (!path.starts_with(directory_)) {
    directory_.pop_back();
    directory_.resize(directory_.rfind('/') + 1);
  }
  for (std::size_t slash = path.find('/', directory_.size()); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    const Rule* rule = rules_.deciding(path.substr(0, slash), Pattern::Kind::directory);
    if (rule != nullptr && rule->verdict == Rule::Verdict::exclude) {
      excluded_ = path.substr(0, slash + 1);
      return true;
    }
    directory_ = path.substr(0, slash + 1);
  }
  if (path.ends_with('/')) return false;
  const Rule* rule = rules_.deciding(path, Pattern::Kind::file);
  return rule != nullptr && rule->verdict == Rule::Verdict::exclude;
}

}  // namespace duskline::sync
