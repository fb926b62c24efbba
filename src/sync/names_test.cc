#include "sync/names.h"

#include <gtest/gtest.h>

namespace duskline::sync {
namespace {

TEST(Names, that_a_bucket_cannot_hold_are_known) {
  EXPECT_FALSE(why_not_a_key("a/b c\n"));
  EXPECT_FALSE(why_not_a_key(std::string(1024, 'x')));
  EXPECT_TRUE(why_not_a_key(std::string(1025, 'x')));
  EXPECT_TRUE(why_not_a_key("a\xff"));
  EXPECT_TRUE(why_not_a_key(""));
}

TEST(Names, that_a_directory_cannot_hold_are_known) {
  for (const char* good : {"a", "a/b", "a/", "...", ".a", "a..b", "a/.b", " "})
    EXPECT_FALSE(why_not_a_path(good)) << good;
  for (const char* bad : {"/a", "a//b", "../a", "a/..", "a/../b", "a/./b", ".", "a//", "//", ".duskline-tmp-1"}) {
    EXPECT_TRUE(why_not_a_path(bad)) << bad;
  }
  EXPECT_TRUE(why_not_a_path(std::string_view("a\0b", 3)));
  EXPECT_FALSE(why_not_a_path(std::string(255, 'x')));
  EXPECT_TRUE(why_not_a_path(std::string(256, 'x')));
  EXPECT_TRUE(why_not_a_path("d/" + std::string(256, 'x') + "/y"));
}

TEST(Names, are_utf8_or_not) {
  for (const char* good : {"", "abc", "ü", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xe2\x82",
                          "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Clashes, are_found_between_a_file_and_what_would_lie_in_it) {
  Clashes clashes;
  EXPECT_FALSE(clashes.find("a"));
  EXPECT_FALSE(clashes.find("a!"));
  EXPECT_FALSE(clashes.find("a.b"));
  EXPECT_EQ(clashes.find("a.b/c"), "a.b");
  EXPECT_EQ(clashes.find("a/"), "a");
  EXPECT_EQ(clashes.find("a/b/c"), "a");
  EXPECT_FALSE(clashes.find("a0"));
  EXPECT_FALSE(clashes.find("b/"));
  EXPECT_FALSE(clashes.find("b/c"));
  EXPECT_EQ(clashes.find("b/c/d"), "b/c");
}

TEST(ContentType, follows_the_extension) {
  EXPECT_EQ(content_type_of("a/index.HTML"), "text/html");
  EXPECT_EQ(content_type_of("x.tar.gz"), "application/gzip");
  EXPECT_EQ(content_type_of("a.html/b"), "application/octet-stream");
  EXPECT_EQ(content_type_of("noextension"), "application/octet-stream");
  EXPECT_EQ(content_type_of("x."), "application/octet-stream");
}

}  // namespace
}  // namespace duskline::sync
