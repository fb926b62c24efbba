#include "sync/judge.h"

#include <gtest/gtest.h>

#include "testing/must.h"

namespace duskline::sync {
namespace {

using testing::must;

const Entry file{"a", {.size_bytes = 3, .mtime_ns = 5, .ctime_ns = 5, .inode = 1}};
const Entry object{"a", {.size_bytes = 3, .etag = "e", .modified_ns = 7}};

Record known_of(const Entry& source, const Entry& destination) {
  return {.path = source.path,
          .action = Action::keep,
          .source_settled = true,
          .destination_settled = true,
          .source = source.stamp,
          .destination = destination.stamp};
}

TEST(Judge, keeps_only_what_is_known_to_be_the_same) {
  const Record known = known_of(file, object);
  EXPECT_EQ(judge(&file, &object, &known, Trust::stamps), Action::keep);
  EXPECT_EQ(judge(&file, &object, nullptr, Trust::stamps), Action::compare);
  EXPECT_EQ(judge(&file, &object, &known, Trust::nothing), Action::compare);
  EXPECT_EQ(judge(&file, nullptr, &known, Trust::stamps), Action::add);
  EXPECT_EQ(judge(nullptr, &object, &known, Trust::stamps), Action::remove);
}

TEST(Judge, compares_where_either_side_has_another_stamp) {
  const Record known = known_of(file, object);
  Entry touched = file;
  touched.stamp.ctime_ns = 6;  // an edit of the same size, with its old mtime set again
  EXPECT_EQ(judge(&touched, &object, &known, Trust::stamps), Action::compare);
  Entry replaced = object;
  replaced.stamp.etag = "f";
  EXPECT_EQ(judge(&file, &replaced, &known, Trust::stamps), Action::compare);
  Entry longer = file;
  longer.stamp.size_bytes = 4;
  EXPECT_EQ(judge(&longer, &object, &known, Trust::stamps), Action::change);
}

TEST(Judge, does_not_believe_stamps_that_are_not_settled) {
  Record known = known_of(file, object);
  known.source_settled = false;
  EXPECT_EQ(judge(&file, &object, &known, Trust::stamps), Action::compare);
  known = known_of(file, object);
  known.destination_settled = false;
  EXPECT_EQ(judge(&file, &object, &known, Trust::stamps), Action::compare);
  known = known_of(file, object);
  known.action = Action::compare;  // of a plan that was not carried out
  EXPECT_EQ(judge(&file, &object, &known, Trust::stamps), Action::compare);
}

TEST(Judge, keeps_empty_directories_of_both_sides) {
  const Entry left{"d/", {.mode = 0755}}, right{"d/", {.etag = "x"}};
  EXPECT_EQ(judge(&left, &right, nullptr, Trust::nothing), Action::keep);
}

TEST(MaxRemovals, are_a_number_or_a_part) {
  EXPECT_EQ(allowed_removals({}, 100), 10U);
  EXPECT_EQ(allowed_removals({}, 5), 1U);  // one at least
  EXPECT_EQ(allowed_removals({}, 0), 0U);
  EXPECT_EQ(allowed_removals(must(parse_max_removals("25%")), 1000), 250U);
  EXPECT_EQ(allowed_removals(must(parse_max_removals("0%")), 1000), 0U);
  EXPECT_EQ(allowed_removals(must(parse_max_removals("7")), 1000), 7U);
  EXPECT_EQ(allowed_removals(must(parse_max_removals("100%")), UINT64_MAX), UINT64_MAX);
  for (const char* bad : {"", "%", "101%", "x", "-1", "1.5%", "10 %"}) EXPECT_FALSE(parse_max_removals(bad)) << bad;
}

TEST(Shrinking, is_losing_more_than_half) {
  EXPECT_FALSE(shrank(10, 5));
  EXPECT_TRUE(shrank(10, 4));
  EXPECT_FALSE(shrank(0, 0));
  EXPECT_FALSE(shrank(1, 1));
  EXPECT_TRUE(shrank(1, 0));
}

TEST(Times, are_the_same_on_a_disk_that_keeps_seconds) {
  constexpr std::int64_t second = 1'000'000'000;
  EXPECT_TRUE(is_same_time(5 * second + 7, 5 * second + 7));
  EXPECT_TRUE(is_same_time(5 * second + 7, 5 * second));
  EXPECT_TRUE(is_same_time(5 * second + 7, 4 * second));  // FAT
  EXPECT_FALSE(is_same_time(5 * second + 7, 5 * second + 8));
  EXPECT_FALSE(is_same_time(5 * second, 3 * second));
}

}  // namespace
}  // namespace duskline::sync
