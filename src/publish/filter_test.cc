#include "publish/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace duskline::publish {
namespace {

using Kind = Pattern::Kind;

bool matches(const std::string& pattern, std::string_view path, Kind kind = Kind::other) {
  const auto parsed = Pattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->matches(path, kind);
}

TEST(Pattern, WithoutASlashMatchesAName) {
  EXPECT_TRUE(matches("*.tmp", "a.tmp"));
  EXPECT_TRUE(matches("*.tmp", "x/y/a.tmp"));
  EXPECT_FALSE(matches("*.tmp", "a.tmp/b"));
  EXPECT_FALSE(matches("*.tmp", "a.tmpx"));
  EXPECT_TRUE(matches("*", "x/y"));
  EXPECT_TRUE(matches("**", "x/y"));
  EXPECT_TRUE(matches("a*b*c", "a__b__b_c"));
  EXPECT_FALSE(matches("a*b*c", "a__b__b_d"));
  EXPECT_TRUE(matches("?x", "\xffx"));
  EXPECT_FALSE(matches("?x", "x"));
}

TEST(Pattern, WithASlashIsAnchored) {
  EXPECT_TRUE(matches("/a", "a"));
  EXPECT_FALSE(matches("/a", "b/a"));
  EXPECT_TRUE(matches("a/b", "a/b"));
  EXPECT_FALSE(matches("a/b", "x/a/b"));
  EXPECT_FALSE(matches("a/*", "a/b/c"));
  EXPECT_TRUE(matches("a/*/c", "a/b/c"));
}

TEST(Pattern, TrailingSlashMatchesDirectoriesOnly) {
  EXPECT_TRUE(matches("cache/", "x/cache", Kind::directory));
  EXPECT_FALSE(matches("cache/", "x/cache", Kind::other));
  EXPECT_FALSE(matches("/cache/", "x/cache", Kind::directory));
}

TEST(Pattern, DoubleStarMatchesAnyNumberOfComponents) {
  EXPECT_TRUE(matches("**/a", "a"));
  EXPECT_TRUE(matches("**/a", "x/y/a"));
  EXPECT_TRUE(matches("a/**", "a/b"));
  EXPECT_TRUE(matches("a/**", "a/b/c"));
  EXPECT_FALSE(matches("a/**", "a"));
  EXPECT_TRUE(matches("a/**/z", "a/z"));
  EXPECT_TRUE(matches("a/**/z", "a/b/z/c/z"));
  EXPECT_FALSE(matches("a/**/z", "a/b/c"));
  EXPECT_TRUE(matches("**/b/**/d/*.o", "a/b/c/b/d/x.o"));
  EXPECT_FALSE(matches("**/b/**/d/*.o", "a/b/c/b/e/x.o"));
}

TEST(Pattern, Brackets) {
  EXPECT_TRUE(matches("[a-c]x", "bx"));
  EXPECT_FALSE(matches("[a-c]x", "dx"));
  EXPECT_TRUE(matches("[!a-c]x", "dx"));
  EXPECT_FALSE(matches("[^a-c]x", "bx"));
  EXPECT_TRUE(matches("[]a]", "]"));
  EXPECT_TRUE(matches("[a-]", "-"));
  EXPECT_TRUE(matches("\\[", "["));
  EXPECT_TRUE(matches("[[]ab", "[ab"));
  EXPECT_TRUE(matches("x]", "x]"));
  EXPECT_TRUE(matches("[a-c][x\\]]", "b]"));
  EXPECT_TRUE(matches("[\\]]", "]"));
}

TEST(Pattern, BackslashTakesAByteAsItIs) {
  EXPECT_TRUE(matches("\\*", "*"));
  EXPECT_FALSE(matches("\\*", "x"));
  EXPECT_TRUE(matches("\\!x", "!x"));
  EXPECT_TRUE(matches("x\\\\", "x\\"));
}

TEST(Pattern, HostilePatternsTakeNoTime) {
  std::string pattern, name(255, 'a');
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(matches(pattern + "b", name));
  std::string deep, path;
  for (int i = 0; i < 100; ++i) {
    deep += "**/a/";
    path += "a/";
  }
  EXPECT_FALSE(matches(deep + "b", path + "a"));
}

TEST(Pattern, RefusesWhatCanNeverMatch) {
  for (const char* text : {"", "/", "a//b", "../a", "a/./b", "//", "[", "[ab", "[]", "[!]", "x[a-", "a[/]b", "d/[/e",
                           "[a\\]", "\\", "x\\", "\\/", "[a]["}) {
    const auto parsed = Pattern::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::usage);
  }
}

TEST(Filter, FirstMatchDecides) {
  auto filter = Filter::parse({"+ /keep/*.log", "- *.log", "- /tmp/"});
  ASSERT_TRUE(filter);
  EXPECT_FALSE(filter->excludes("keep/a.log", Kind::other));
  EXPECT_TRUE(filter->excludes("a.log", Kind::other));
  EXPECT_TRUE(filter->excludes("keep/deep/a.log", Kind::other));
  EXPECT_TRUE(filter->excludes("tmp", Kind::directory));
  EXPECT_FALSE(filter->excludes("tmp", Kind::other));
  EXPECT_FALSE(filter->excludes("a.txt", Kind::other));
}

TEST(Filter, NearerIgnoreFilesComeFirstAndTheUserBeforeAll) {
  auto filter = Filter::parse({"+ /a/b/user"});
  ASSERT_TRUE(filter);
  filter->enter("", *parse_ignore_file("# all\n!x.o\n*.o\n\nuser\n/top\r\n", "x"));
  filter->enter("a/b", *parse_ignore_file("*.p\n!keep.[op]\n/anchored\nodd name \n\\#x\n", "x"));
  EXPECT_FALSE(filter->excludes("a/b/user", Kind::other));
  EXPECT_TRUE(filter->excludes("a/b/x.o", Kind::other));
  EXPECT_FALSE(filter->excludes("a/b/keep.o", Kind::other));
  EXPECT_FALSE(filter->excludes("a/b/keep.p", Kind::other));
  EXPECT_TRUE(filter->excludes("a/b/other.p", Kind::other));
  EXPECT_TRUE(filter->excludes("a/b/#x", Kind::other));
  EXPECT_TRUE(filter->excludes("a/b/anchored", Kind::other));
  EXPECT_FALSE(filter->excludes("a/b/c/anchored", Kind::other));
  EXPECT_TRUE(filter->excludes("a/b/odd name ", Kind::other));
  EXPECT_FALSE(filter->excludes("a/b/top", Kind::other));
  filter->leave();
  EXPECT_TRUE(filter->excludes("a/keep.o", Kind::other));
  EXPECT_TRUE(filter->excludes("top", Kind::other));
}

TEST(Filter, BadRulesAreNamed) {
  const auto rule = Filter::parse({"*.o"});
  ASSERT_FALSE(rule);
  EXPECT_EQ(rule.error().code, Code::usage);
  const auto file = parse_ignore_file("a\n//\n", "d/.dusklineignore");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().describe(), testing::HasSubstr("line 2 of d/.dusklineignore"));
  const auto open = parse_ignore_file("a\nb\nc[\n", "d/.dusklineignore");
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().describe(), testing::HasSubstr("line 3 of d/.dusklineignore"));
}

}  // namespace
}  // namespace duskline::publish
