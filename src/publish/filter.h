// Which entries of a source are left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace duskline::publish {

inline constexpr std::string_view ignore_file_name = ".dusklineignore";
inline constexpr std::uint64_t max_ignore_file_bytes = 1 << 20;

// A pattern in the manner of .gitignore: "*", "?" and "[a-z]" within one component, "**" for any number of components,
// "\" before a byte that is meant as it is. With a '/' at its beginning or inside it is anchored at the directory it
// belongs to, else it matches an entry of that name at any depth. A trailing '/' matches directories only. A '[' that
// is not closed and a '\' at the end are refused.
class Pattern {
 public:
  [[nodiscard]] static Result<Pattern> parse(std::string_view text);
  enum class Kind : std::uint8_t { directory, other };
  // `path` is relative to the directory that the pattern belongs to.
  [[nodiscard]] bool matches(std::string_view path, Kind kind) const;

 private:
  std::vector<std::string> components_;
  bool anchored_ = false;
  bool directories_only_ = false;
};

// An ordered list of rules that belong to one directory.
struct Rule {
  enum class Verdict : std::uint8_t { include, exclude } verdict = Verdict::exclude;
  Pattern pattern;
};
// "+ PATTERN" or "- PATTERN". Code::usage otherwise.
[[nodiscard]] Result<Rule> parse_rule(std::string_view text);
// The lines of an ignore file, as in a .gitignore: PATTERN excludes, "!PATTERN" includes, the last line that matches
// decides; empty lines and lines that begin with '#' say nothing. The rules come back in the order in which they are to
// be asked. `where` names the file in messages.
[[nodiscard]] Result<std::vector<Rule>> parse_ignore_file(std::string_view text, std::string_view where);

// The rules in force along the way down to one directory. The user's rules are asked first, the first that matches
// decides; then the ignore file nearest to the entry, and so on up to the top. What no rule matches is included.
// Nothing below an excluded directory is asked about.
class Filter {
 public:
  [[nodiscard]] static Result<Filter> parse(const std::vector<std::string>& rules);

  // From now on, and until leave(), `rules` hold for what lies below `directory` (a path from the top; "" is the top).
  void enter(std::string_view directory, std::vector<Rule> rules);
  void leave();
  [[nodiscard]] bool excludes(std::string_view path, Pattern::Kind kind) const;

 private:
  struct Level {
    std::size_t prefix_bytes = 0;  // of a path below it, that is not the patterns' business
    std::vector<Rule> rules;
  };
  std::vector<Rule> given_;
  std::vector<Level> levels_;
};

}  // namespace duskline::publish
