#include "gateway/conditions.h"

#include <gtest/gtest.h>

namespace duskline::gateway {
namespace {

const WallTime modified = *parse_time("2026-05-01T12:00:00.7Z");
const WallTime before = *parse_time("2026-05-01T11:59:59Z");
const WallTime same = *parse_time("2026-05-01T12:00:00Z");

Judgement judge(const Conditions& conditions) { return judge_read(conditions, "abc", modified); }

TEST(Conditions, MatchDecidesBeforeUnmodifiedSince) {
  EXPECT_EQ(judge({.match = "\"abc\"", .unmodified_since = before}), Judgement::proceed);
  EXPECT_EQ(judge({.match = "\"x\"", .unmodified_since = same}), Judgement::failed);
  EXPECT_EQ(judge({.match = "*"}), Judgement::proceed);
  EXPECT_EQ(judge({.match = "\"x\", \"abc\""}), Judgement::proceed);
  EXPECT_EQ(judge({.match = "abc"}), Judgement::proceed);
}

TEST(Conditions, NoneMatchDecidesBeforeModifiedSince) {
  EXPECT_EQ(judge({.none_match = "\"abc\"", .modified_since = before}), Judgement::not_modified);
  EXPECT_EQ(judge({.none_match = "W/\"abc\""}), Judgement::not_modified);
  EXPECT_EQ(judge({.none_match = "*"}), Judgement::not_modified);
  EXPECT_EQ(judge({.none_match = "\"x\"", .modified_since = same}), Judgement::proceed);
}

TEST(Conditions, DatesAreComparedInSeconds) {
  EXPECT_EQ(judge({.modified_since = same}), Judgement::not_modified);
  EXPECT_EQ(judge({.modified_since = before}), Judgement::proceed);
  EXPECT_EQ(judge({.unmodified_since = same}), Judgement::proceed);
  EXPECT_EQ(judge({.unmodified_since = before}), Judgement::failed);
}

TEST(Conditions, AFailedMatchGoesBeforeNotModified) {
  EXPECT_EQ(judge({.match = "\"x\"", .none_match = "\"abc\""}), Judgement::failed);
}

TEST(Conditions, ReadFromHeadersAndOfCopySources) {
  http::RequestHead head;
  head.headers = {{"if-match", "\"a\""},
                  {"if-modified-since", "Fri, 01 May 2026 12:00:00 GMT"},
                  {"if-unmodified-since", "rubbish"},
                  {"x-amz-copy-source-if-none-match", "\"b\""}};
  const Conditions own = read_conditions(head);
  EXPECT_EQ(own.match, "\"a\"");
  EXPECT_EQ(own.modified_since, same);
  EXPECT_FALSE(own.unmodified_since);
  EXPECT_EQ(own.none_match, "");
  EXPECT_EQ(copy_source_conditions(head).none_match, "\"b\"");
}

std::string write_verdict(const http::Headers& headers, const objects::Version* current) {
  const auto refused = judge_write(*write_conditions(headers), current);
  return refused ? std::string(info_of(refused->code).name) : "ok";
}

TEST(WriteConditions, HoldOfWhatIsThere) {
  objects::Version object, marker;
  object.etag = "abc";
  object.size_bytes = 7;
  object.modified = modified;
  marker.delete_marker = true;
  EXPECT_EQ(write_verdict({{"if-none-match", "*"}}, &object), "PreconditionFailed");
  EXPECT_EQ(write_verdict({{"if-none-match", "*"}}, &marker), "ok");
  EXPECT_EQ(write_verdict({{"if-none-match", "*"}}, nullptr), "ok");
  EXPECT_EQ(write_verdict({{"if-match", "\"abc\""}}, &object), "ok");
  EXPECT_EQ(write_verdict({{"if-match", "\"x\""}}, &object), "PreconditionFailed");
  EXPECT_EQ(write_verdict({{"if-match", "\"abc\""}}, nullptr), "NoSuchKey");
  EXPECT_EQ(write_verdict({{"if-match", "\"abc\""}}, &marker), "NoSuchKey");
  EXPECT_EQ(write_verdict({{"x-amz-if-match-size", "7"}}, &object), "ok");
  EXPECT_EQ(write_verdict({{"x-amz-if-match-size", "8"}}, &object), "PreconditionFailed");
  EXPECT_EQ(write_verdict({{"x-amz-if-match-last-modified-time", "Fri, 01 May 2026 12:00:00 GMT"}}, &object), "ok");
  EXPECT_EQ(write_verdict({}, nullptr), "ok");
  EXPECT_FALSE(write_conditions({{"x-amz-if-match-size", "many"}}));
}

}  // namespace
}  // namespace duskline::gateway
