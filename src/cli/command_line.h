// From argv to a command that knows what to do.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/console.h"

namespace duskline::cli {

struct ParsedLine {
  Command* command = nullptr;  // null: `output` is the answer (help, version)
  std::string output;
  ConsoleSettings console;
};

// Flags that every command has: --json, -v, -q, --no-progress, --config.
[[nodiscard]] std::vector<Flag> global_flags(ConsoleSettings& settings, std::string& config_path);

// Fills the members of the command that was named, from flags, then the environment, then the configuration file.
// Code::usage for anything wrong; the message ends with where help is.
[[nodiscard]] Result<ParsedLine> parse_command_line(
    int argc, const char* const* argv, const std::vector<std::unique_ptr<Command>>& commands,
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    const std::string& default_config);

}  // namespace duskline::cli
