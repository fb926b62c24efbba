#include "disk/path.h"

#include <gmock/gmock.h>

#include "disk/filesystem.h"

namespace duskline::disk {
namespace {

TEST(Path, SplitsAtTheLastSlash) {
  EXPECT_EQ(split_path("a/b/c"), std::pair(std::string_view("a/b"), std::string_view("c")));
  EXPECT_EQ(split_path("c"), std::pair(std::string_view(), std::string_view("c")));
  EXPECT_EQ(split_path(""), std::pair(std::string_view(), std::string_view()));
}

TEST(Path, TakesNamesOfAnyBytes) {
  for (const std::string& path : {std::string("a"), std::string("a/b"), std::string("..."), std::string("..a/b.."),
                                  std::string("\xff\n"), std::string(255, 'x') + "/" + std::string(255, 'y')}) {
    EXPECT_TRUE(check_path(path, "/top").has_value()) << path;
  }
}

TEST(Path, SaysWhatIsWrongAndWhere) {
  const Status status = check_path("a/../b", "/top");
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::refused);
  EXPECT_EQ(status.error().message, "path \"a/../b\" below /top holds \"..\" and could lead out of it");
}

TEST(Path, DisplaysWithoutDoubledSlashes) {
  EXPECT_EQ(display_of("/", "a"), "/a");
  EXPECT_EQ(display_of("/top", "a\n"), "/top/a\\x0a");
  EXPECT_EQ(display_of("/top", ""), "/top");
}

}  // namespace
}  // namespace duskline::disk
