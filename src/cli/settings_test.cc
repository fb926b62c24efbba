#include "cli/settings.h"

#include <gtest/gtest.h>

namespace duskline::cli {
namespace {

TEST(ConfigFile, HoldsFlagsOfAllCommandsAndOfOne) {
  const auto config = ConfigFile::parse("limit = \"20MiB/s\"\n[key.trust]\nname = 'x'\n", "file");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->keys().size(), 2U);
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
