// The only file that knows CLI11: it parses; names, help and values come from the commands' specs.
#include "cli/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "cli/settings.h"
#include "cli/version.h"

namespace duskline::cli {
namespace {

// One command as CLI11 sees it.
struct Binding {
  Command* command = nullptr;
  CLI::App* app = nullptr;
  Spec spec;
  std::vector<CLI::Option*> flags;      // as spec.flags
  std::vector<CLI::Option*> arguments;  // as spec.arguments
};

std::vector<std::string> words_of(const std::string& path) {
  std::istringstream stream(path);
  return {std::istream_iterator<std::string>(stream), {}};
}

CLI::App* app_at(CLI::App& root, const std::string& path, const std::string& summary) {
  CLI::App* app = &root;
  const auto words = words_of(path);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto named = app->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == words[i]; });
    CLI::App* below = named.empty() ? nullptr : named.front();
    if (below == nullptr) {
      below = app->add_subcommand(words[i], i + 1 == words.size() ? summary : "");
      if (i + 1 < words.size()) below->require_subcommand(1);
    }
    app = below;
  }
  return app;
}

// A noun says which verbs (and nouns) it has.
void describe_nouns(CLI::App& root) {
  for (CLI::App* noun : root.get_subcommands([](const CLI::App*) { return true; })) {
    if (!noun->get_description().empty()) continue;
    std::string verbs;
    for (const CLI::App* verb : noun->get_subcommands([](const CLI::App*) { return true; })) {
      verbs += (verbs.empty() ? "" : ", ") + verb->get_name();
    }
    noun->description(verbs);
    describe_nouns(*noun);
  }
}

Binding bind(CLI::App& root, Command& command, const std::vector<Flag>& everywhere) {
  Binding binding{&command, nullptr, command.spec(), {}, {}};
  binding.app = app_at(root, binding.spec.path, binding.spec.summary);
  binding.app->footer(binding.spec.details);
  binding.spec.flags.insert(binding.spec.flags.end(), everywhere.begin(), everywhere.end());
  for (const Argument& argument : binding.spec.arguments) {
    auto* option = binding.app->add_option(argument.name, argument.help)->expected(1)->type_name("");
    binding.arguments.push_back(option);
  }
  for (const Flag& flag : binding.spec.flags) {
    std::string names = flag.name;
    if (flag.name == "--verbose") names = "-v,--verbose";
    if (flag.name == "--quiet") names = "-q,--quiet";
    auto* option = flag.value.empty() ? binding.app->add_flag(names, flag.help)
                                      : binding.app->add_option(names, flag.help)->type_name(flag.value);
    if (!flag.value.empty()) option->take_all()->expected(1, 1)->allow_extra_args(false);
    binding.flags.push_back(option);
  }
  return binding;
}

Error usage_error(const Binding& binding, const std::string& what) {
  return {Code::usage, what + "; see: duskline " + binding.spec.path + " --help"};
}

Status set_value(const Binding& binding, const std::string& from, const std::function<Status(const std::string&)>& set,
                 const std::string& value) {
  if (auto status = set(value); !status) return usage_error(binding, from + ": " + status.error().describe());
  return {};
}

// Flags in the order in which they stand, since the order of --include and --exclude matters.
Status apply_given_flags(const Binding& binding) {
  std::map<const CLI::Option*, std::size_t> used;
  for (const CLI::Option* option : binding.app->parse_order()) {
    const auto at = std::find(binding.flags.begin(), binding.flags.end(), option);
    if (at == binding.flags.end()) continue;
    const Flag& flag = binding.spec.flags[static_cast<std::size_t>(at - binding.flags.begin())];
    const std::size_t nth = used[option]++;
    if (flag.repeats == Repeats::no && nth > 0 && !flag.value.empty()) {
      return usage_error(binding, flag.name + " is given more than once");
    }
    const auto results = option->results();
    const std::string value = flag.value.empty() ? "" : nth < results.size() ? results[nth] : "";
    DL_TRY(set_value(binding, flag.name, flag.set, value));
  }
  return {};
}

Status apply_defaults(const Binding& binding, const ConfigFile& config,
                      const std::function<std::optional<std::string>(const std::string&)>& environment) {
  for (std::size_t i = 0; i < binding.flags.size(); ++i) {
    const Flag& flag = binding.spec.flags[i];
    if (binding.flags[i]->count() > 0 || flag.name == "--config") continue;
    const std::string variable = environment_name(flag.name);
    if (const auto value = environment(variable); value && !value->empty()) {
      if (flag.value.empty()) {
        if (*value == "0" || *value == "false") continue;
        if (*value != "1" && *value != "true") return usage_error(binding, variable + " must be 1, 0, true or false");
        DL_TRY(set_value(binding, variable, flag.set, ""));
      } else {
        DL_TRY(set_value(binding, variable, flag.set, *value));
      }
      continue;
    }
    const auto values = config.values(binding.spec.path, flag.name);
    if (values.size() > 1 && flag.repeats == Repeats::no) {
      return usage_error(binding, flag.name + " takes one value in the configuration file");
    }
    for (const std::string& value : values) {
      DL_TRY(set_value(binding, flag.name.substr(2) + " in the configuration file", flag.set, value));
    }
    if (flag.needed == Needed::required && values.empty()) {
      return usage_error(binding, flag.name + " " + flag.value + " is missing");
    }
  }
  return {};
}

Status apply_arguments(const Binding& binding) {
  for (std::size_t i = 0; i < binding.arguments.size(); ++i) {
    const Argument& argument = binding.spec.arguments[i];
    const auto results = binding.arguments[i]->results();
    if (results.empty() || results.front().empty()) {
      if (argument.needed == Needed::required) return usage_error(binding, argument.name + " is missing");
      continue;
    }
    DL_TRY(set_value(binding, argument.name, argument.set, results.front()));
  }
  return {};
}

// A key that no command knows is a mistake that would otherwise go unseen.
Status check_config_keys(const ConfigFile& config, const std::vector<Binding>& bindings, const std::string& path) {
  std::set<std::pair<std::string, std::string>> known;
  for (const Binding& binding : bindings) {
    for (const Flag& flag : binding.spec.flags) {
      known.insert({"", flag.name});
      known.insert({binding.spec.path, flag.name});
    }
  }
  for (const auto& [command, flag] : config.keys()) {
    if (known.contains({command, flag})) continue;
    const std::string place = command.empty() ? "" : " in [" + command + "]";
    return Error{Code::usage, printable(path) + ": there is no setting \"" + printable(flag.substr(2)) + "\"" +
                                  printable(place) + "; settings are the commands' flags without dashes"};
  }
  return {};
}

Result<ConfigFile> load_config(const std::string& named, const std::string& standard,
                               const std::function<std::optional<std::string>(const std::string&)>& environment) {
  std::string path = named;
  if (path.empty()) path = environment("DUSKLINE_CONFIG").value_or("");
  if (!path.empty()) return ConfigFile::load(path);
  if (access(standard.c_str(), F_OK) != 0) return ConfigFile{};
  return ConfigFile::load(standard);
}

}  // namespace

std::vector<Flag> global_flags(ConsoleSettings& settings, std::string& config_path) {
  const auto set_switch = [](auto apply) {
    return [apply](const std::string&) -> Status {
      apply();
      return {};
    };
  };
  return {
      {"--json", "", "print one JSON object per line on stdout", set_switch([&settings] { settings.json = true; })},
      {"--verbose", "", "say more, and name every file",
       set_switch([&settings] { settings.verbosity = Verbosity::verbose; })},
      {"--quiet", "", "say nothing but warnings and errors",
       set_switch([&settings] { settings.verbosity = Verbosity::quiet; })},
      {"--no-progress", "", "no progress bar or lines", set_switch([&settings] { settings.progress = false; })},
      {"--config", "FILE", "read settings from this TOML file", to_text(config_path)},
  };
}

Result<ParsedLine> parse_command_line(int argc, const char* const* argv,
                                      const std::vector<std::unique_ptr<Command>>& commands,
                                      const std::function<std::optional<std::string>(const std::string&)>& environment,
                                      const std::string& default_config) {
  ParsedLine line;
  std::string config_path;
  CLI::App root{
      "Duskline publishes signed releases of content into object storage and brings any number of targets to them.",
      "duskline"};
  root.set_version_flag("--version", std::string("duskline ") + version);
  root.require_subcommand(1);
  root.get_formatter()->column_width(34);
  const auto everywhere = global_flags(line.console, config_path);
  std::vector<Binding> bindings;
  bindings.reserve(commands.size());
  for (const auto& command : commands) bindings.push_back(bind(root, *command, everywhere));
  describe_nouns(root);

  if (argc > 1 && argv[1][0] != '-') {
    const std::string first = argv[1];
    const auto begins = [&](const Binding& b) { return b.spec.path == first || b.spec.path.starts_with(first + " "); };
    if (std::ranges::none_of(bindings, begins)) {
      return Error{Code::usage, "there is no command \"" + printable(first) + "\"; see: duskline --help"};
    }
  }
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& answer) {  // --help, --version
    std::ostringstream out;
    root.exit(answer, out, out);
    line.output = out.str();
    return line;
  } catch (const CLI::ParseError& error) {
    std::string where;
    for (const CLI::App* app = &root; app != nullptr;) {
      const auto below = app->get_subcommands();
      if (below.empty()) break;
      where += below.front()->get_name() + " ";
      app = below.front();
    }
    return Error{Code::usage, std::string(error.what()) + "; see: duskline " + where + "--help"};
  }

  for (const Binding& binding : bindings) {
    if (!binding.app->parsed()) continue;
    DL_TRY(apply_given_flags(binding));
    DL_ASSIGN(const ConfigFile config, load_config(config_path, default_config, environment));
    DL_TRY(check_config_keys(config, bindings, config_path.empty() ? default_config : config_path));
    DL_TRY(apply_defaults(binding, config, environment));
    DL_TRY(apply_arguments(binding));
    line.command = binding.command;
    return line;
  }
  return Error{Code::usage, "no command is given; see: duskline --help"};
}

}  // namespace duskline::cli
