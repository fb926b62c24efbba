// Values of flags that were not given on the command line: the environment (DUSKLINE_<FLAG>), then the configuration
// file.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace duskline::cli {

// A TOML file: flags without their dashes at the top ("limit = \"20MiB/s\"", for every command that has them) and in a
// table per command ("[publish]", "[key.trust]"). Strings, whole numbers, true, and arrays of strings.
class ConfigFile {
 public:
  ConfigFile() = default;
  // Code::usage names file, line and what is wrong.
  [[nodiscard]] static Result<ConfigFile> parse(const std::string& text, const std::string& display_path);
  [[nodiscard]] static Result<ConfigFile> load(const std::string& path);
  // Values of `flag` ("--limit") for `command` ("key trust"); its own table before the top. A switch that is on gives
  // "".
  [[nodiscard]] std::vector<std::string> values(const std::string& command, const std::string& flag) const;
  // Every key as "command flag" or " flag", to find misspelt ones.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> keys() const;

 private:
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> values_;
};

// "--max-files-open" -> "DUSKLINE_MAX_FILES_OPEN".
[[nodiscard]] std::string environment_name(const std::string& flag);

}  // namespace duskline::cli
