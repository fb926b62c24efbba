// Which paths a sync is about: rules in the form that rsync made known, asked in their order; the first that matches
// decides, and what none matches is included. Nothing below an excluded directory is looked at.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace duskline::sync {

// "*" any bytes but '/', "**" any bytes, "?" one byte but '/', "[a-z]" one of these, "[!a-z]" none of these, "\" before
// a byte that is meant as it is. With a '/' at its beginning a pattern is anchored at the top; with one inside, or with
// "**", it is matched against whole paths, else against the last name. A trailing '/' is for directories only; a
// trailing "/***" for a directory and all that is in it.
class Pattern {
 public:
  [[nodiscard]] static Result<Pattern> parse(std::string_view text);
  enum class Kind : std::uint8_t { file, directory };
  [[nodiscard]] bool matches(std::string_view path, Kind kind) const;

 private:
  enum class TokenKind : std::uint8_t { byte, any_byte, one_of, star, any_depth };
  struct Token {
    TokenKind kind = TokenKind::byte;
    char byte = 0;
    std::size_t set = 0;  // index into sets_
  };
  Status add_tokens(std::string_view text);
  std::size_t add_set(std::string_view text);
  [[nodiscard]] bool takes(const Token& token, char byte) const;
  [[nodiscard]] bool matches_all_of(std::string_view text, std::size_t first_token = 0) const;
  [[nodiscard]] bool may_begin_with_nothing() const;

  std::vector<Token> tokens_;
  std::vector<std::bitset<256>> sets_;
  bool anchored_ = false, whole_path_ = false, directories_only_ = false, with_content_ = false;
};

struct Rule {
  enum class Verdict : std::uint8_t { include, exclude } verdict = Verdict::exclude;
  Pattern pattern;
  std::string text;   // "- *.tmp"
  std::string where;  // "--exclude", "line 3 of FILE"
};

class Rules {
 public:
  Status add(Rule::Verdict verdict, std::string_view pattern, std::string where);
  // The lines of a rule file: "+ PATTERN" or "- PATTERN"; empty lines and those that begin with '#' or ';' say nothing.
  // Code::usage names the line. `file` names the file in messages.
  Status add_lines(std::string_view text, const std::string& file);

  // The rule that decides on this very entry, whatever its directories; nullptr where none matches.
  [[nodiscard]] const Rule* deciding(std::string_view path, Pattern::Kind kind) const;
  [[nodiscard]] bool empty() const { return rules_.empty(); }
  // The same text for the same rules in the same order.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Rule> rules_;
};

// What decides about a path, its directories included.
struct Explanation {
  bool included = true;
  std::string decided_at;      // the path itself, or the directory above it that is excluded
  const Rule* rule = nullptr;  // null: no rule matches
};
// A path that ends with '/' is a directory's.
[[nodiscard]] Explanation explain(const Rules& rules, std::string_view path);

// Asks about paths in rising order, so that directories are judged once.
class Gate {
 public:
  explicit Gate(const Rules& rules) : rules_(rules) {}
  // Whether the path (a directory's, where it ends with '/') or a directory above it is excluded.
  [[nodiscard]] bool excludes(std::string_view path);

 private:
  const Rules& rules_;
  std::string directory_;  // "a/b/", included, with all that is above it
  std::string excluded_;   // "a/c/", or empty
};

}  // namespace duskline::sync
