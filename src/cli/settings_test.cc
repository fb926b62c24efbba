#include "cli/settings.h"

#include <gtest/gtest.h>

namespace duskline::cli {
namespace {

TEST(ConfigFile, HoldsFlagsOfAllCommandsAndOfOne) {
  const auto config = ConfigFile::parse("limit = \"20MiB/s\"\n[key.trust]\nname = 'x'\n", "file");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->keys().size(), 2U);
}

TEST(ConfigFile, TakesCharactersBeyondAsciiInQuotesOnly) {
  const auto config = ConfigFile::parse("# über\nfrom = \"/söurce \\\" é\" # ä\n", "file");
  ASSERT_TRUE(config) << config.error().describe();
  for (const char* bad : {"a = 1\nü = 1", "a = 1\n[publisё]", "a = 1\nb = { ё = 1 }", "a = 1\n'x' \xff"}) {
    const auto refused = ConfigFile::parse(bad, "file");
    ASSERT_FALSE(refused) << bad;
    EXPECT_NE(refused.error().message.find("file line 2: "), std::string::npos) << refused.error().describe();
  }
}

TEST(ConfigFile, NamesTheLineOfWhatIsNoSection) {
  for (const char* bad : {"a = 1\n[:x]\n", "a = 1\r\n [ [x]\r\n", "a = 1\n[[\n", "a = 1\n[", "a = 1\n[]"}) {
    const auto config = ConfigFile::parse(bad, "file");
    ASSERT_FALSE(config) << bad;
    EXPECT_EQ(config.error().code, Code::usage);
    EXPECT_NE(config.error().message.find("file line 2: "), std::string::npos) << config.error().describe();
  }
}

}  // namespace
}  // namespace duskline::cli
