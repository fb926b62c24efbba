// Which names a bucket and a directory can hold, and what a name says about its content.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duskline::sync {

// How the names of files begin that only a run itself makes; they are never content.
inline constexpr std::string_view reserved_prefix = ".duskline-tmp-";

// Why `key` (a whole one, with the prefix) cannot be an object's; nothing where it can.
[[nodiscard]] std::optional<std::string> why_not_a_key(std::string_view key);
// Why `path` cannot be a file's (or an empty directory's, where it ends with '/') below a directory.
[[nodiscard]] std::optional<std::string> why_not_a_path(std::string_view path);

[[nodiscard]] bool is_utf8(std::string_view text);

// Paths that cannot stand side by side in a directory: a file's, and one below it. Asked in rising order.
class Clashes {
 public:
  // The earlier file that `path` would lie below, or be; nothing where it may stand.
  [[nodiscard]] std::optional<std::string> find(std::string_view path);

 private:
  std::vector<std::string> files_;  // each the beginning of the next
};

// A Content-Type by the name's extension.
[[nodiscard]] std::string_view content_type_of(std::string_view path);

}  // namespace duskline::sync
