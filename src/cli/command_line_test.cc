#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "cli/commands.h"
#include "cli/settings.h"

namespace duskline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FakeCommand final : public Command {
 public:
  explicit FakeCommand(std::string path) : path_(std::move(path)) {}
  Spec spec() override {
    return {.path = path_,
            .summary = "for tests",
            .arguments = {{"SET", "a name", to_text(set)}},
            .flags = {{"--store", "URL", "where", to_text(store), Repeats::no, Needed::required},
                      {"--include", "P", "in", rule("+"), Repeats::yes},
                      {"--exclude", "P", "out", rule("-"), Repeats::yes},
                      {"--dry-run", "", "nothing", to_choice(dry, true)},
                      {"--workers", "N", "threads", to_number(workers, 1U, 8U)}}};
  }
  Result<int> run(const Op&, Context&) override { return 0; }

  std::string set, store;
  std::vector<std::string> rules;
  bool dry = false;
  unsigned workers = 0;

 private:
  std::function<Status(const std::string&)> rule(std::string sign) {
    return [this, sign](const std::string& pattern) -> Status {
      rules.push_back(sign + pattern);
      return {};
    };
  }
  std::string path_;
};

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() {
    commands.push_back(std::make_unique<FakeCommand>("fake"));
    commands.push_back(std::make_unique<FakeCommand>("thing do"));
    fake = static_cast<FakeCommand*>(commands[0].get());
  }

  Result<ParsedLine> parse(std::vector<const char*> words, const std::string& config = "") {
    words.insert(words.begin(), "duskline");
    const std::string path = testing::TempDir() + "duskline-command-line-test.toml";
    std::ofstream(path) << config;
    const auto lookup = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional(found->second);
    };
    return parse_command_line(static_cast<int>(words.size()), words.data(), commands, lookup, path);
  }

  void expect_usage(const Result<ParsedLine>& result, const std::string& words) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::usage);
    EXPECT_THAT(result.error().describe(), HasSubstr(words));
  }

  std::vector<std::unique_ptr<Command>> commands;
  std::map<std::string, std::string> environment;
  FakeCommand* fake = nullptr;
};

TEST_F(CommandLineTest, FillsTheCommand) {
  const auto line = parse({"fake", "set", "--store", "x", "--dry-run", "--workers", "3", "--json"});
  ASSERT_TRUE(line) << line.error().describe();
  EXPECT_EQ(line->command, fake);
  EXPECT_TRUE(line->console.json);
  EXPECT_EQ(fake->set, "set");
  EXPECT_EQ(fake->store, "x");
  EXPECT_TRUE(fake->dry);
  EXPECT_EQ(fake->workers, 3U);
}

TEST_F(CommandLineTest, KeepsTheOrderOfDifferentFlags) {
  ASSERT_TRUE(parse({"fake", "set", "--store", "x", "--include", "a", "--exclude", "b", "--include", "c"}));
  EXPECT_THAT(fake->rules, ElementsAre("+a", "-b", "+c"));
}

TEST_F(CommandLineTest, TakesFlagsThenEnvironmentThenFile) {
  const std::string config = "store = \"from-file\"\nworkers = 4\n[fake]\ndry-run = true\n";
  ASSERT_TRUE(parse({"fake", "set"}, config));
  EXPECT_EQ(fake->store, "from-file");
  EXPECT_EQ(fake->workers, 4U);
  EXPECT_TRUE(fake->dry);
  environment["DUSKLINE_STORE"] = "from-environment";
  ASSERT_TRUE(parse({"fake", "set"}, config));
  EXPECT_EQ(fake->store, "from-environment");
  ASSERT_TRUE(parse({"fake", "set", "--store", "from-flag"}, config));
  EXPECT_EQ(fake->store, "from-flag");
}

TEST_F(CommandLineTest, NamesWhatIsWrong) {
  expect_usage(parse({"fake", "set"}), "--store URL is missing");
  expect_usage(parse({"fake", "--store", "x"}), "SET is missing");
  expect_usage(parse({"fake", "set", "--store", "x", "--store", "y"}), "more than once");
  expect_usage(parse({"fake", "set", "--store", "x", "--workers", "9"}), "from 1 to 8");
  expect_usage(parse({"fake", "set", "--store", "x", "--workers", "-1"}), "from 1 to 8");
  expect_usage(parse({"fake", "set", "more", "--store", "x"}), "more");
  expect_usage(parse({"fake", "set", "--bogus"}), "--bogus");
  expect_usage(parse({"nothing"}), "nothing");
  expect_usage(parse({"fake", "set", "--store", "x"}, "sotre = \"y\""), "sotre");
  expect_usage(parse({"fake", "set", "--store", "x"}, "workers = 1.5"), "workers");
  expect_usage(parse({"fake", "set", "--store", "x"}, "= broken"), "line 1");
  environment["DUSKLINE_DRY_RUN"] = "perhaps";
  expect_usage(parse({"fake", "set", "--store", "x"}), "DUSKLINE_DRY_RUN");
}

TEST_F(CommandLineTest, HelpIsAnAnswer) {
  const auto line = parse({"thing", "do", "--help"});
  ASSERT_TRUE(line) << line.error().describe();
  EXPECT_EQ(line->command, nullptr);
  EXPECT_THAT(line->output, HasSubstr("--workers"));
}

TEST(AllCommands, HaveDistinctNamesAndFlagsThatSayWhatTheyDo) {
  std::vector<std::string> paths;
  for (const auto& command : all_commands()) {
    const Spec spec = command->spec();
    EXPECT_EQ(std::count(paths.begin(), paths.end(), spec.path), 0) << spec.path;
    paths.push_back(spec.path);
    EXPECT_FALSE(spec.summary.empty()) << spec.path;
    std::vector<std::string> names;
    for (const Flag& flag : spec.flags) {
      EXPECT_EQ(std::count(names.begin(), names.end(), flag.name), 0) << spec.path << " " << flag.name;
      names.push_back(flag.name);
      EXPECT_TRUE(flag.name.starts_with("--")) << flag.name;
      EXPECT_FALSE(flag.help.empty()) << spec.path << " " << flag.name;
    }
  }
}

}  // namespace
}  // namespace duskline::cli
