#include "model/release.h"

#include <gtest/gtest.h>

namespace duskline::model {
namespace {

using namespace std::chrono_literals;

const WallTime noon{1795262400s};

Release some_release() {
  Release release;
  release.realm = "default";
  release.set = "packages";
  release.number = 42;
  release.published = noon;
  release.tree = sha256("tree");
  release.stats = {.nodes = 5, .files = 20, .entries = 24, .bytes = 1 << 20};
  release.top_mtime_ns = -1;
  release.note = "autumn \"patches\"\n\xc3\xa4";
  return release;
}

Head some_head() {
  Head head;
  head.realm = "default";
  head.set = "packages";
  head.channel = "live";
  head.version = 2;
  head.release = {sha256("release")};
  head.number = 42;
  head.published = noon;
  head.signed_at = noon + 1s;
  head.expires = noon + 720h;
  head.previous = sha256("previous");
  head.epoch = 3;
  head.manifest_bytes = 1000;
  head.manifest_index_bytes = 200;
  head.deltas = {{.from = {sha256("old")}, .index_bytes = 10, .total_bytes = 500}};
  return head;
}

// `json` with the first `from` in it replaced.
std::string edited(std::string json, std::string_view from, std::string_view to) {
  const std::size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size(), to);
}

void expect_release_refused(std::string_view json, std::string_view rule) {
  const auto release = decode_release(json);
  ASSERT_FALSE(release) << json;
  EXPECT_EQ(release.error().code, Code::invalid);
  EXPECT_NE(release.error().message.find(rule), std::string::npos) << release.error().message;
}

void expect_head_refused(std::string_view json, std::string_view rule) {
  const auto head = decode_head(json);
  ASSERT_FALSE(head) << json;
  EXPECT_EQ(head.error().code, Code::invalid);
  EXPECT_NE(head.error().message.find(rule), std::string::npos) << head.error().message;
}

TEST(Release, round_trips) {
  const auto back = decode_release(encode_release(some_release()));
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(*back, some_release());
}

TEST(Release, round_trips_with_attributes_of_the_top) {
  Release release = some_release();
  release.top_attributes = {{"system.posix_acl_default", {2, 0, 0, 0, 1}}, {"user.\xff", Bytes(1000, 7)}};
  const std::string json = encode_release(release);
  const auto back = decode_release(json);
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(*back, release);
  // Nobody who does not use them sees a difference.
  EXPECT_EQ(encode_release(some_release()).find("top_attributes"), std::string::npos);
}

TEST(Release, refuses_attributes_of_the_top_that_break_a_rule) {
  const auto with = [](const std::string& value) {
    return edited(encode_release(some_release()), "\"chunking\"", "\"top_attributes\":" + value + ",\"chunking\"");
  };
  Bytes fine;
  encode_attributes({{"user.a", {1}}}, fine);
  EXPECT_TRUE(decode_release(with("\"" + to_base64(fine) + "\"")));
  for (const std::string_view wrong : {"\"\"", "\"AA==\"", "\"no base64\"", "\"AQA\"", "7", "null", "[]"}) {
    expect_release_refused(with(std::string(wrong)), "top_attributes");
  }
  fine.push_back(0);
  expect_release_refused(with("\"" + to_base64(fine) + "\""), "too long");
  Bytes large;
  encode_attributes({{"user.a", Bytes(max_top_attribute_bytes, 1)}}, large);
  expect_release_refused(with("\"" + to_base64(large) + "\""), "longer than");
}

TEST(Release, holds_only_so_many_attributes_of_the_top) {
  EXPECT_TRUE(check_top_attributes({}));
  EXPECT_TRUE(check_top_attributes({{"user.a", Bytes(32'000, 1)}}));
  EXPECT_FALSE(check_top_attributes({{"user.a", Bytes(max_top_attribute_bytes, 1)}}));
  EXPECT_FALSE(check_top_attributes({{"user.b", {}}, {"user.a", {}}}));
  EXPECT_FALSE(check_top_attributes(std::vector<Attribute>(max_attributes + 1, Attribute{"user.a", {}})));
}

TEST(Release, its_id_is_the_hash_of_its_text) {
  const std::string json = encode_release(some_release());
  EXPECT_EQ(release_id(json).hash, sha256(json));
}

TEST(Release, members_to_come_are_ignored) {
  const std::string json = edited(encode_release(some_release()), "\"note\"", "\"later\":[1,{\"x\":null}],\"note\"");
  const auto back = decode_release(json);
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(*back, some_release());
}

TEST(Release, refuses_another_type) {
  const std::string json = encode_release(some_release());
  expect_release_refused(edited(json, "duskline-release-1", "duskline-release-2"), "newer Duskline");
  expect_release_refused(encode_head(some_head()), "duskline-head-1");
}

TEST(Release, refuses_members_of_the_wrong_kind) {
  const std::string json = encode_release(some_release());
  for (const std::string_view wrong : {"\"42\"", "4.2e1", "null", "[]", "{}", "true", "-1", "0", "9223372036854775808",
                                       "18446744073709551616", "1e400"}) {
    expect_release_refused(edited(json, "\"number\":42", "\"number\":" + std::string(wrong)), "");
  }
  expect_release_refused(edited(json, "\"set\":\"packages\"", "\"set\":7"), "is not a string");
  expect_release_refused(edited(json, ",\"number\":42", ""), "\"number\" is missing");
  for (const std::string_view whole : {"", "[]", "null", "\"x\"", "7", "{}", "{"}) expect_release_refused(whole, "");
}

TEST(Release, refuses_members_given_twice) {
  const std::string json = encode_release(some_release());
  expect_release_refused(edited(json, "\"number\":42", "\"number\":41,\"number\":42"), "one form");
  expect_release_refused(edited(json, "\"note\"", "\"later\":1,\"later\":2,\"note\""), "one form");
}

TEST(Release, refuses_white_space_and_escapes_that_are_not_needed) {
  const std::string json = encode_release(some_release());
  expect_release_refused(json + "\n", "one form");
  expect_release_refused(" " + json, "one form");
  expect_release_refused(edited(json, "packages", "\\u0070ackages"), "one form");
  expect_release_refused(edited(json, "\"number\":42", "\"number\":42.0"), "one form");
}

TEST(Release, refuses_deep_nesting_and_large_text) {
  const std::string json = encode_release(some_release());
  const std::string deep = "\"later\":" + std::string(100, '[') + std::string(100, ']') + ",\"note\"";
  expect_release_refused(edited(json, "\"note\"", deep), "not JSON");
  expect_release_refused(edited(json, "\"note\"", "\"later\":\"" + std::string(70'000, 'x') + "\",\"note\""), "64 KiB");
}

TEST(Release, refuses_values_out_of_range) {
  const std::string json = encode_release(some_release());
  expect_release_refused(edited(json, "\"set\":\"packages\"", "\"set\":\"../x\""), "not a set's name");
  expect_release_refused(edited(json, "\"nodes\":5", "\"nodes\":0"), "\"nodes\" is out of range");
  expect_release_refused(edited(json, "\"files\":20", "\"files\":25"), "\"files\" is out of range");
  expect_release_refused(edited(json, "\"bytes\":1048576", "\"bytes\":9223372036854775807"),
                         "\"bytes\" is out of range");
  expect_release_refused(edited(json, "\"0755\"", "\"10000\""), "top_mode");
  expect_release_refused(edited(json, "\"0755\"", "\"0788\""), "not a mode");
  expect_release_refused(edited(json, "\"0755\"", "\"-755\""), "not a mode");
  expect_release_refused(edited(json, "2026-11-21", "2026-11-31"), "not a time");
  expect_release_refused(edited(json, sha256("tree").hex(), sha256("tree").short_hex()), "64 lower-case hex");
  expect_release_refused(edited(json, "\"default\"", "\"" + std::string(201, 'r') + "\""), "longer than 200");
}

TEST(Release, refuses_text_that_is_not_utf8) {
  expect_release_refused(edited(encode_release(some_release()), "autumn", "autumn\xff"), "not JSON");
}

TEST(CheckText, says_what_can_be_read_again) {
  EXPECT_TRUE(check_text("note", "any \xc3\xa4 \n \"text\"", 100));
  EXPECT_TRUE(check_text("note", "", 100));
  EXPECT_EQ(check_text("note", "\xff", 100).error().code, Code::usage);
  EXPECT_FALSE(check_text("note", "\xed\xa0\x80", 100));
  EXPECT_FALSE(check_text("note", "12345", 4));
}

TEST(Head, round_trips) {
  const auto back = decode_head(encode_head(some_head()));
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(*back, some_head());
}

TEST(Head, the_first_names_none_before_it_and_every_other_does) {
  Head first = some_head();
  first.version = 1;
  expect_head_refused(encode_head(first), "previous");
  first.previous = {};
  EXPECT_TRUE(decode_head(encode_head(first)));
  first.version = 2;
  expect_head_refused(encode_head(first), "previous");
}

TEST(Head, refuses_what_is_out_of_range) {
  const std::string json = encode_head(some_head());
  expect_head_refused(edited(json, "\"version\":2", "\"version\":0"), "\"version\" is out of range");
  expect_head_refused(edited(json, "\"version\":2", "\"version\":-2"), "\"version\" is out of range");
  expect_head_refused(edited(json, "\"live\"", "\"LIVE\""), "channel's name");
  expect_head_refused(edited(json, "\"manifest_index_bytes\":200", "\"manifest_index_bytes\":1001"), "out of range");
  expect_head_refused(edited(json, "\"total_bytes\":500", "\"total_bytes\":9"), "out of range");
  Head backwards = some_head();
  backwards.expires = backwards.signed_at;
  expect_head_refused(encode_head(backwards), "expires before");
}

TEST(Head, refuses_deltas_that_are_too_many_or_no_list) {
  const std::string json = encode_head(some_head());
  Head many = some_head();
  many.deltas.resize(max_head_deltas + 1, many.deltas.front());
  expect_head_refused(encode_head(many), "at most 16");
  many.deltas.pop_back();
  EXPECT_TRUE(decode_head(encode_head(many)));
  const std::size_t list = json.find("\"deltas\":") + 9;
  for (const std::string_view wrong : {"{}", "null", "[1]", "[null]", "[{}]", "\"x\""}) {
    expect_head_refused(json.substr(0, list) + std::string(wrong) + "}", "delta");
  }
}

TEST(Head, is_due_from_half_its_life_on) {
  Head head = some_head();
  head.signed_at = noon;
  head.expires = noon + 30h;
  EXPECT_FALSE(is_due_for_signing(head, noon));
  EXPECT_FALSE(is_due_for_signing(head, noon + 15h - 1ns));
  EXPECT_TRUE(is_due_for_signing(head, noon + 15h));
  EXPECT_TRUE(is_due_for_signing(head, noon + 100h));
}

}  // namespace
}  // namespace duskline::model
