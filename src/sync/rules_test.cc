#include "sync/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/must.h"

namespace duskline::sync {
namespace {

using ::testing::HasSubstr;
using testing::must;

bool matches(const std::string& pattern, std::string_view path) {
  const bool is_directory = path.ends_with('/');
  if (is_directory) path.remove_suffix(1);
  return must(Pattern::parse(pattern)).matches(path, is_directory ? Pattern::Kind::directory : Pattern::Kind::file);
}

TEST(Pattern, matches_as_rsync_does) {
  struct Case {
    const char *pattern, *path;
    bool expected;
  };
  const Case cases[] = {
      {"*.tmp", "a.tmp", true},
      {"*.tmp", "d/e/a.tmp", true},
      {"*.tmp", "a.tmp.x", false},
      {"*.tmp", "d.tmp/a", false},
      {"/a", "a", true},
      {"/a", "d/a", false},
      {"a", "d/a", true},
      {"d/a", "d/a", true},
      {"d/a", "x/d/a", true},
      {"d/a", "xd/a", false},
      {"/d/a", "x/d/a", false},
      {"/d/*", "d/a", true},
      {"/d/*", "d/e/a", false},
      {"/d/**", "d/e/a", true},
      {"/d/**", "d", false},
      {"/d/***", "d/", true},
      {"/d/***", "d/e/f", true},
      {"/d/***", "d", false},
      {"cache/***", "x/cache/y", true},
      {"**/b", "a/b", true},
      {"**/b", "b", true},
      {"**/a*/***", "a.b/x", true},
      {"**/***", "a", true},
      {"/**/b", "b", false},
      {"a**b", "a/x/b", true},
      {"a*b", "a/b", false},
      {"d/", "d/", true},
      {"d/", "d", false},
      {"d/", "x/d/", true},
      {"?", "a", true},
      {"?", "ab", false},
      {"a?b", "a/b", false},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[!a-c]x", "dx", true},
      {"[^a-c]x", "ax", false},
      {"[]x]", "]", true},
      {"[a\\]]", "]", true},
      {"[x", "[x", true},
      {"a[!b]c", "a/c", false},
      {"\\*", "*", true},
      {"\\*", "x", false},
      {"*/*", "a/b", true},
      {"/*/*", "a/b/c", false},
      {"**", "a/b/c", true},
      {"*a*b*c*", "xxaxxbxxcxx", true},
      {"*a*b*c*", "xxaxxcxxbxx", false},
      {"/x/**/y", "x/a/b/y", true},
      {"/x/**/y", "x/y", false},
      {"**x*/y", "a/b/cxd/y", true},
      {"ünï*", "d/ünïcode", true},
  };
  for (const Case& c : cases) EXPECT_EQ(matches(c.pattern, c.path), c.expected) << c.pattern << " on " << c.path;
}

TEST(Pattern, that_is_hard_to_match_takes_no_long_time) {
  std::string pattern, path;
  for (int i = 0; i < 60; ++i) pattern += "a*b**";
  path.assign(4000, 'a');
  EXPECT_FALSE(matches(pattern + "c", path));
}

TEST(Pattern, is_refused_where_it_names_nothing) {
  for (const char* bad : {"", "/", "//***"}) {
    const auto parsed = Pattern::parse(bad);
    if (std::string_view(bad) == "//***") continue;
    EXPECT_FALSE(parsed) << bad;
  }
  EXPECT_FALSE(Pattern::parse(std::string(5000, 'x')));
  EXPECT_FALSE(Pattern::parse(std::string_view("a\0b", 3)));
}

TEST(Rules, are_asked_in_order_and_the_first_that_matches_decides) {
  Rules rules;
  must(rules.add(Rule::Verdict::include, "keep.tmp", "--include"));
  must(rules.add(Rule::Verdict::exclude, "*.tmp", "--exclude"));
  EXPECT_TRUE(explain(rules, "d/keep.tmp").included);
  EXPECT_FALSE(explain(rules, "d/other.tmp").included);
  EXPECT_TRUE(explain(rules, "d/other.txt").included);
  EXPECT_EQ(explain(rules, "d/other.txt").rule, nullptr);
}

TEST(Rules, exclude_what_lies_in_an_excluded_directory) {
  Rules rules;
  must(rules.add(Rule::Verdict::include, "/d/e/keep", "--include"));
  must(rules.add(Rule::Verdict::exclude, "/d/e/", "--exclude"));
  const Explanation found = explain(rules, "d/e/keep");
  EXPECT_FALSE(found.included);
  EXPECT_EQ(found.decided_at, "d/e/");
  ASSERT_NE(found.rule, nullptr);
  EXPECT_EQ(found.rule->text, "- /d/e/");
  EXPECT_FALSE(explain(rules, "d/e/").included);
  EXPECT_TRUE(explain(rules, "d/").included);
}

TEST(Rules, come_from_files_too) {
  Rules rules;
  must(rules.add_lines("# comment\n; another\n\n+ *.keep\r\n- *\n", "rules.txt"));
  EXPECT_TRUE(explain(rules, "a.keep").included);
  const Explanation found = explain(rules, "a");
  EXPECT_FALSE(found.included);
  EXPECT_EQ(found.rule->where, "line 5 of rules.txt");
  const auto bad = rules.add_lines("+ a\nwhatever\n", "rules.txt");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::usage);
  EXPECT_THAT(bad.error().describe(), HasSubstr("line 2 of rules.txt"));
}

TEST(Gate, gives_the_same_answers_as_explain_for_paths_in_order) {
  Rules rules;
  must(rules.add(Rule::Verdict::include, "/a/b/c.txt", ""));
  must(rules.add(Rule::Verdict::exclude, "/a/b/*", ""));
  must(rules.add(Rule::Verdict::exclude, "skip/", ""));
  must(rules.add(Rule::Verdict::exclude, "*.o", ""));
  Gate gate(rules);
  for (const char* path : {"a/b.o", "a/b/", "a/b/c.txt", "a/b/d", "a/b/e/f", "a/c", "a/skip", "a/skip/x", "a/skip/y/z",
                           "a/skipped", "b.o", "b/skip/q", "b/t/u.o", "b/t/v", "c/"}) {
    EXPECT_EQ(gate.excludes(path), !explain(rules, path).included) << path;
  }
}

}  // namespace
}  // namespace duskline::sync
