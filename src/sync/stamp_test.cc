#include "sync/stamp.h"

#include <gtest/gtest.h>

namespace duskline::sync {
namespace {

constexpr std::int64_t ms = 1'000'000, second = 1'000 * ms;
constexpr std::int64_t now = 1'700'000'000 * second;
constexpr std::int64_t fine = 123'457;  // digits that a clock of whole milliseconds does not have

Stamp file_at(std::int64_t mtime_ns, std::int64_t ctime_ns) {
  return {.size_bytes = 3, .mtime_ns = mtime_ns, .ctime_ns = ctime_ns, .inode = 7, .mode = 0644};
}

TEST(Stamp, of_a_file_holds_until_any_field_changes) {
  const Stamp stamp = file_at(now, now);
  EXPECT_TRUE(is_same_version(stamp, stamp));
  for (Stamp other : {file_at(now + 1, now), file_at(now, now + 1)}) EXPECT_FALSE(is_same_version(stamp, other));
  Stamp other = stamp;
  other.inode = 8;
  EXPECT_FALSE(is_same_version(stamp, other));
  other = stamp;
  other.size_bytes = 4;
  EXPECT_FALSE(is_same_version(stamp, other));
  other = stamp;
  other.mode = 0600;
  EXPECT_FALSE(is_same_version(stamp, other));
}

TEST(Stamp, of_an_object_may_not_know_its_time) {
  const Stamp put{.size_bytes = 3, .etag = "a", .modified_ns = 0};
  const Stamp listed{.size_bytes = 3, .etag = "a", .modified_ns = now};
  Stamp later = listed;
  later.modified_ns += second;
  EXPECT_TRUE(is_same_version(put, listed));
  EXPECT_TRUE(is_same_version(listed, listed));
  EXPECT_FALSE(is_same_version(listed, later));
  EXPECT_FALSE(is_same_version(put, {.size_bytes = 3, .etag = "b"}));
  EXPECT_FALSE(is_same_version(put, {.size_bytes = 4, .etag = "a"}));
}

TEST(Stamp, is_settled_only_when_its_tick_had_passed_before_the_reading) {
  struct Case {
    std::int64_t stamp_ns, began_ns;
    bool settled;
  };
  for (const Case& c :
       {Case{now - 200 * ms + fine, now, true}, Case{now - 50 * ms + fine, now, false},
        Case{now - 3 * second, now, true},  // whole milliseconds: the clock may count seconds
        Case{now - 1 * second, now, false}, Case{now + 60 * second + fine, now, false}}) {  // from the future
    EXPECT_EQ(is_settled(file_at(c.stamp_ns, c.stamp_ns), {.began_ns = c.began_ns}), c.settled) << c.stamp_ns - now;
  }
  // An old mtime that somebody set does not help against a new ctime.
  EXPECT_FALSE(is_settled(file_at(now - 1000 * second, now - 10 * ms + fine), {.began_ns = now}));
}

TEST(Stamp, of_another_clock_is_settled_by_having_been_seen_before) {
  const Stamp stamp = file_at(now - 1000 * second, now - 1000 * second);
  const auto settled = [&](std::int64_t first_seen_ns) {
    return is_settled(stamp, {.began_ns = now, .first_seen_ns = first_seen_ns, .clock = FileClock::another});
  };
  EXPECT_FALSE(settled(0));
  EXPECT_FALSE(settled(now - 1 * second));
  EXPECT_FALSE(settled(now + 100 * second));
  EXPECT_TRUE(settled(now - 5 * second));
}

TEST(Stamp, of_a_file_just_written_is_settled_where_the_clock_ticks_finely) {
  EXPECT_TRUE(is_settled_after_writing(file_at(now - second, now + fine)));
  EXPECT_FALSE(is_settled_after_writing(file_at(now - 5 * second, now)));
  EXPECT_TRUE(is_settled_after_writing(file_at(now, now)));  // a file system without ctime
  EXPECT_TRUE(is_settled_after_writing({.etag = "x"}));
}

TEST(Etag, forms_are_told_apart) {
  const std::string md5 = "0123456789abcdef0123456789abcdef";
  EXPECT_TRUE(form_of(md5).is_md5);
  EXPECT_EQ(form_of(md5).parts, 0U);
  EXPECT_EQ(form_of(md5 + "-7").parts, 7U);
  for (const std::string& other : {std::string("abc"), md5 + "0", md5 + "-", md5 + "-0", md5 + "-x", md5 + "-10001",
                                   md5.substr(1) + "G", "\"" + md5 + "\""}) {
    EXPECT_FALSE(form_of(other).is_md5) << other;
  }
  EXPECT_EQ(without_quotes("\"x\""), "x");
  EXPECT_EQ(without_quotes("x"), "x");
  EXPECT_EQ(without_quotes("\""), "\"");
}

}  // namespace
}  // namespace duskline::sync
