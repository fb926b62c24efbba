// Patterns that name paths, in the manner of .gitignore.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace duskline::site {

// "*" and "?" stop at '/', "[a-z]" and "[!a-z]" match one byte, "**" as a whole component matches any number of them,
// '\' takes the next byte literally. With a '/' at the start or inside, a pattern is anchored at the top, else it is
// held against every component; a trailing '/' restricts it to directories. A match covers everything below. Bytes are
// compared as they are. Matching takes time linear in pattern times path, whatever the pattern.
class Patterns {
 public:
  // Code::usage for an empty pattern, a negated one ("!..."), an open bracket, "." or ".." as a component, more than
  // 1,000 patterns, 4,096 bytes in one or 64 KiB in all.
  [[nodiscard]] static Result<Patterns> parse(const std::vector<std::string>& patterns);
  // `path` itself, or a directory above it.
  [[nodiscard]] bool matches(std::string_view path, bool is_directory) const;
  // `path` itself only: for walks that never enter what matched.
  [[nodiscard]] bool matches_here(std::string_view path, bool is_directory) const;
  [[nodiscard]] bool empty() const { return patterns_.empty(); }

 private:
  struct Pattern {
    std::vector<std::string> components;  // "**" stands for itself
    bool anchored = false, only_directories = false;
  };
  std::vector<Pattern> patterns_;
};

}  // namespace duskline::site
