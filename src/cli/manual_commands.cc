// completion and manual: shell completion and the man page, made from the commands' own descriptions.
#include <algorithm>
#include <map>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/version.h"

namespace duskline::cli {
namespace {

std::vector<Spec> all_specs() {
  std::vector<Spec> specs;
  for (const auto& command : all_commands()) specs.push_back(command->spec());
  return specs;
}

std::vector<Flag> everywhere() {
  static ConsoleSettings settings;  // only names are used
  static std::string config;
  return global_flags(settings, config);
}

bool takes_path(const std::string& value_name) { return value_name == "DIR" || value_name == "FILE"; }

// What may follow each beginning of a command: "" -> "publish key ...", "key" -> "generate show ...".
std::map<std::string, std::vector<std::string>> next_words() {
  std::map<std::string, std::vector<std::string>> next;
  for (const Spec& spec : all_specs()) {
    for (std::size_t begin = 0; begin < spec.path.size();) {
      const auto end = std::min(spec.path.find(' ', begin), spec.path.size());
      auto& words = next[spec.path.substr(0, begin == 0 ? 0 : begin - 1)];
      const std::string word = spec.path.substr(begin, end - begin);
      if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
      begin = end + 1;
    }
  }
  return next;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string bash_completion() {
  const auto next = next_words();
  std::string nouns = "''";
  std::string cases;
  for (const auto& [noun, words] : next) {
    if (!noun.empty()) nouns += "|'" + noun + "'";
    cases += "    '" + noun + "') words=\"" + joined(words) + "\" ;;\n";
  }
  std::string path_flags;
  for (const Spec& spec : all_specs()) {
    std::string flags;
    auto all = spec.flags;
    for (Flag& flag : everywhere()) all.push_back(std::move(flag));
    for (const Flag& flag : all) {
      flags += " " + flag.name;
      if (takes_path(flag.value) && path_flags.find(flag.name + "|") == std::string::npos)
        path_flags += flag.name + "|";
    }
    cases += "    \"" + spec.path + "\") words=\"" + flags.substr(1) + "\" ;;\n";
  }
  path_flags.pop_back();
  return "# bash completion for duskline; made by: duskline completion\n"
         "_duskline() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word words=\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case $word in -*) break ;; esac\n"
         "    case \"$command\" in " +
         nouns +
         ") command=${command:+$command }$word ;; *) break ;; esac\n"
         "  done\n"
         "  case $previous in " +
         path_flags +
         ") COMPREPLY=($(compgen -f -- \"$current\")); return ;; esac\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "  case $current in -*|'') COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$current\") $(compgen -f -- \"$current\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _duskline duskline\n";
}

// Text for troff: a leading dot or quote would be a request, and a dash would be typeset as a hyphen.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

std::string flag_entry(const Flag& flag) {
  const std::string value = flag.value.empty() ? "" : " \\fI" + roff(flag.value) + "\\fR";
  return ".TP\n\\fB" + roff(flag.name) + "\\fR" + value + "\n" + roff(flag.help) + ".\n";
}

std::string manual_page() {
  std::string page = ".TH DUSKLINE 1 \"\" \"duskline " + std::string(version) +
                     "\" \"User commands\"\n"
                     ".SH NAME\nduskline \\- publish signed releases into object storage, and bring targets to them\n"
                     ".SH SYNOPSIS\n.B duskline\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR...] [\\fIFLAG\\fR...]\n"
                     ".SH DESCRIPTION\nA \\fIset\\fR is a body of content with one source directory. \\fBpublish\\fR "
                     "makes a signed \\fIrelease\\fR of it in a "
                     "store and moves a \\fIchannel\\fR to it; \\fBpull\\fR brings any number of target directories to "
                     "what the channel shows, byte for byte, in "
                     "one step.\n.SH COMMANDS\n";
  for (const Spec& spec : all_specs()) {
    page += ".SS duskline " + spec.path;
    for (const Argument& argument : spec.arguments) page += " " + argument.name;
    page += "\n" + roff(spec.summary) + ".\n";
    if (!spec.details.empty()) page += ".PP\n" + roff(spec.details) + "\n";
    for (const Flag& flag : spec.flags) page += flag_entry(flag);
  }
  page += ".SH FLAGS OF EVERY COMMAND\n";
  for (const Flag& flag : everywhere()) page += flag_entry(flag);
  page +=
      ".SH ENVIRONMENT\nEvery flag can be set as \\fBDUSKLINE_\\fR and its name in capitals with _ for \\-; the "
      "command line comes first, then the "
      "environment, then the configuration file.\n.TP\nAWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, "
      "AWS_PROFILE, AWS_REGION, "
      "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL\nas the AWS tools use them, with the shared files, web identity, "
      "container and instance roles.\n"
      ".TP\nHTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY\nproxies, in both cases.\n"
      ".TP\nDUSKLINE_CONFIG_DIR, DUSKLINE_CACHE_DIR\nwhere keys and settings lie (~/.config/duskline), and what can be "
      "made again "
      "(~/.cache/duskline).\n"
      ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nsome of it failed\n.TP\n2\nwrong usage\n.TP\n3\nverification found a "
      "difference\n"
      ".TP\n4\nstopped (kill order, window, cap)\n.TP\n5\nrefused for safety or trust\n.TP\n6\nlocked by another "
      "run\n.TP\n130\ninterrupted\n";
  return page;
}

// Prints a text that is made when the command runs.
class PrintCommand final : public Command {
 public:
  PrintCommand(std::string path, std::string summary, std::function<std::string()> text)
      : path_(std::move(path)), summary_(std::move(summary)), text_(std::move(text)) {}
  Spec spec() override { return {.path = path_, .summary = summary_, .details = "", .arguments = {}, .flags = {}}; }
  Result<int> run(const Op&, Context& context) override {
    DL_TRY(context.console.raw(bytes_of(text_())));
    return 0;
  }

 private:
  std::string path_, summary_;
  std::function<std::string()> text_;
};

}  // namespace

std::unique_ptr<Command> completion_command() {
  return std::make_unique<PrintCommand>("completion", "print a completion script for bash", bash_completion);
}

std::unique_ptr<Command> manual_command() {
  return std::make_unique<PrintCommand>("manual", "print the man page (troff)", manual_page);
}

}  // namespace duskline::cli
