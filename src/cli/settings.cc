#include "cli/settings.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>
#define TOML_HEADER_ONLY 1
// Its assertions do not hold for every file (fuzzing found two); what comes after them finds the mistake too.
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "base/units.h"

namespace duskline::cli {
namespace {

constexpr std::size_t max_config_bytes = 1 << 20;

Error bad_value(const std::string& file, const toml::node& node, const std::string& key) {
  return {Code::usage, printable(file) + " line " + std::to_string(node.source().begin.line) + ": \"" + printable(key) +
                           "\" must be a string, a whole number, true, false, or an array of strings"};
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r') || c == 0x7f; }

// Whether a byte beyond ASCII stands outside of quotes that end on this line, and of comments.
bool has_bare_unicode(std::string_view line) {
  constexpr std::string_view before_a_quote = " \t=[,{";  // elsewhere it is part of a mistake, which is read to its end
  char quote = 0;
  bool is_unicode = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool beyond = static_cast<unsigned char>(c) >= 0x80;
    if (quote != 0) {
      is_unicode |= beyond;
      if (c == '\\' && quote == '"') ++i;
      if (c == quote) quote = 0;
    } else if (beyond) {
      return true;
    } else if (c == '#') {
      return false;
    } else if ((c == '"' || c == '\'') && (i == 0 || before_a_quote.find(line[i - 1]) != std::string_view::npos)) {
      quote = c;
    }
  }
  return quote != 0 && is_unicode;
}

bool is_nameless_section(std::string_view line) {
  constexpr std::string_view blank = " \t";
  constexpr std::string_view starts = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-\"'";
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(blank)));
  if (!line.starts_with('[')) return false;
  line.remove_prefix(line.starts_with("[[") ? 2 : 1);
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(blank)));
  return line.empty() || starts.find(line.front()) == std::string_view::npos;
}

// toml++ 3.3 takes for granted that a name follows "[", and that letters are of certain scripts; its release build goes
// astray where that is not so.
Status check_lines(std::string_view text, const std::string& display_path) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const char* const wrong =
        is_nameless_section(line)               ? "a section's name begins with a letter, a digit, '_', '-' or a quote"
        : std::ranges::any_of(line, is_control) ? "a control character"
        : has_bare_unicode(line)                ? "characters beyond ASCII belong in quotes that end on their line"
                                                : nullptr;
    if (wrong == nullptr) continue;
    return Error{Code::usage, printable(display_path) + " line " + std::to_string(number) + ": " + wrong};
  }
  return {};
}

// The values as the command line would give them; false gives none.
std::optional<std::vector<std::string>> texts_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return std::vector{text->get()};
  if (const auto* number = node.as_integer()) return std::vector{std::to_string(number->get())};
  if (const auto* flag = node.as_boolean())
    return flag->get() ? std::vector<std::string>{""} : std::vector<std::string>{};
  const auto* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> texts;
  for (const auto& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::nullopt;
    texts.push_back(text->get());
  }
  return texts;
}

}  // namespace

Result<ConfigFile> ConfigFile::parse(const std::string& text, const std::string& display_path) {
  DL_TRY(check_lines(text, display_path));
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return Error{Code::usage, printable(display_path) + " line " + std::to_string(parsed.error().source().begin.line) +
                                  ": " + std::string(parsed.error().description())};
  }
  ConfigFile config;
  const std::function<Status(const toml::table&, const std::string&)> read = [&](const toml::table& table,
                                                                                 const std::string& command) -> Status {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (const auto* below = node.as_table()) {
        DL_TRY(read(*below, command.empty() ? name : command + " " + name));
        continue;
      }
      auto texts = texts_of(node);
      if (!texts) return bad_value(display_path, node, name);
      config.values_[{command, "--" + name}] = std::move(*texts);
    }
    return {};
  };
  DL_TRY(read(parsed.table(), ""));
  return config;
}

Result<ConfigFile> ConfigFile::load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno_error("read the configuration file " + printable(path), errno);
  std::string text(max_config_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > max_config_bytes) {
    return Error{Code::usage, printable(path) + " is larger than 1 MiB: not a configuration file"};
  }
  return parse(text, path);
}

std::vector<std::string> ConfigFile::values(const std::string& command, const std::string& flag) const {
  if (const auto own = values_.find({command, flag}); own != values_.end()) return own->second;
  if (const auto top = values_.find({"", flag}); top != values_.end()) return top->second;
  return {};
}

std::vector<std::pair<std::string, std::string>> ConfigFile::keys() const {
  std::vector<std::pair<std::string, std::string>> keys;
  for (const auto& [key, values] : values_) keys.push_back(key);
  return keys;
}

std::string environment_name(const std::string& flag) {
  std::string name = "DUSKLINE_";
  for (const char c : flag.substr(2)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

}  // namespace duskline::cli
