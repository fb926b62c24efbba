#include "site/patterns.h"

#include <gtest/gtest.h>

namespace duskline::site {
namespace {

struct Case {
  const char* pattern;
  const char* path;
  bool is_directory;
  bool matches;
};

constexpr Case cases[] = {
    {".env", ".env", false, true},
    {".env", "a/b/.env", false, true},
    {".env", ".env2", false, false},
    {".env", ".env/x/y", false, true},  // covers everything below
    {"*.log", "x.log", false, true},
    {"*.log", "a/.log", false, true},
    {"*.log", "a/x.logs", false, false},
    {"a*b*c", "axxbyyc", false, true},
    {"a*b*c", "axxbyyd", false, false},
    {"a*b*c", "abcbc", false, true},
    {"?", "x", false, true},
    {"?", "xy", false, false},
    {"a?b", "a/b", false, false},  // stops at the slash
    {"a*b", "a/b", false, false},
    {"[a-c]x", "bx", false, true},
    {"[a-c]x", "dx", false, false},
    {"[!a-c]x", "dx", false, true},
    {"[^a-c]x", "ax", false, false},
    {"[]x]", "]", false, true},
    {"[a-]", "-", false, true},
    {"[\\]]", "]", false, true},
    {"\\*", "*", false, true},
    {"\\*", "x", false, false},
    {"\\!x", "!x", false, true},
    {"\xff*", "\xff\xfe", false, true},
    {"uploads/", "uploads", true, true},
    {"uploads/", "uploads", false, false},
    {"uploads/", "uploads/x", false, true},
    {"uploads/", "a/uploads/x/y", false, true},
    {"/uploads", "uploads", true, true},
    {"/uploads", "a/uploads", true, false},
    {"a/b", "a/b", false, true},
    {"a/b", "a/b/c", false, true},
    {"a/b", "x/a/b", false, false},
    {"a/b", "a", true, false},
    {"a/*/c", "a/b/c", false, true},
    {"a/*/c", "a/b/b/c", false, false},
    {"**/c", "c", false, true},
    {"**/c", "a/b/c", false, true},
    {"**/b/c", "a/b/c", false, true},
    {"**/b/c", "a/b/x/c", false, false},
    {"a/**/c", "a/c", false, true},
    {"a/**/c", "a/x/y/c", false, true},
    {"a/**/c", "x/a/c", false, false},
    {"a/**", "a/x/y", false, true},
    {"a/**", "a", true, false},  // what lies in it, not itself
    {"**", "anything/at/all", false, true},
    {"a/**/b/**/c", "a/b/b/x/c", false, true},
    {"a/**/b/**/c", "a/x/c", false, false},
    {"**/a/**/a/b", "a/a/a/c/a/b", false, true},
};

TEST(Patterns, Table) {
  for (const Case& c : cases) {
    const auto patterns = Patterns::parse({c.pattern});
    ASSERT_TRUE(patterns) << c.pattern;
    EXPECT_EQ(patterns->matches(c.path, c.is_directory), c.matches) << c.pattern << " against " << c.path;
  }
}

TEST(Patterns, MatchesHereLooksAtThePathItselfOnly) {
  const auto patterns = Patterns::parse({"uploads/", "/x/y"});
  ASSERT_TRUE(patterns);
  EXPECT_TRUE(patterns->matches_here("a/uploads", true));
  EXPECT_FALSE(patterns->matches_here("a/uploads/file", false));
  EXPECT_TRUE(patterns->matches_here("x/y", false));
  EXPECT_FALSE(patterns->matches_here("x/y/z", false));
}

TEST(Patterns, RefusesWhatCannotBeMeant) {
  for (const char* bad : {"", "/", "!x", "a//b", "..", "a/../b", "./a", "[abc", "a[!]", "x\\", "[z", "a/[/]"}) {
    const auto patterns = Patterns::parse({bad});
    ASSERT_FALSE(patterns) << bad;
    EXPECT_EQ(patterns.error().code, Code::usage) << bad;
  }
  EXPECT_FALSE(Patterns::parse({std::string("a\0b", 3)}));
  EXPECT_FALSE(Patterns::parse({std::string(4097, 'x')}));
  EXPECT_FALSE(Patterns::parse(std::vector<std::string>(1001, "x")));
  EXPECT_TRUE(Patterns::parse({})->empty());
}

TEST(Patterns, HostilePatternsTakeLinearTime) {
  // Exponential in a backtracking matcher: would not end.
  std::string stars, path;
  for (int i = 0; i < 500; ++i) stars += "a*";
  const auto one = Patterns::parse({stars + "b"});
  ASSERT_TRUE(one);
  EXPECT_FALSE(one->matches(std::string(255, 'a'), false));
  std::string doubles;
  for (int i = 0; i < 200; ++i) {
    doubles += "**/a/";
    path += "a/";
  }
  const auto many = Patterns::parse({doubles + "b"});
  ASSERT_TRUE(many);
  EXPECT_FALSE(many->matches(path + path + "c", false));
}

}  // namespace
}  // namespace duskline::site
