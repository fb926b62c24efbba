#include "model/tree.h"

#include <gtest/gtest.h>

#include "model/random_tree_test.h"

namespace duskline::model {
namespace {

Entry file_entry(std::string name, std::uint64_t size) {
  Entry entry;
  entry.name = std::move(name);
  entry.mode = 0644;
  entry.size_bytes = size;
  entry.content = sha256("content");
  return entry;
}

Entry directory_entry(std::string name, const TreeStats& stats) {
  Entry entry;
  entry.kind = EntryKind::directory;
  entry.name = std::move(name);
  entry.mode = 0755;
  entry.node = sha256("node");
  entry.stats = stats;
  return entry;
}

TEST(Stats, count_what_a_directory_holds) {
  Node node;
  node.entries.push_back(directory_entry("a", {3, 10, 12, 1000}));
  node.entries.push_back(file_entry("b", 5));
  Entry link;
  link.kind = EntryKind::symlink;
  link.name = "c";
  node.entries.push_back(link);
  Entry long_file = file_entry("d", 7);
  long_file.lists.resize(2);
  node.entries.push_back(long_file);
  EXPECT_EQ(stats_of(node), (TreeStats{.nodes = 1 + 3 + 2, .files = 12, .entries = 12 + 4, .bytes = 1012}));
  EXPECT_EQ(child_nodes(node.entries[0]), 3U);
  EXPECT_EQ(child_nodes(node.entries[1]), 0U);
  EXPECT_EQ(child_nodes(node.entries[2]), 0U);
  EXPECT_EQ(child_nodes(node.entries[3]), 2U);
}

TEST(Stats, a_run_is_no_entry_of_its_own) {
  Node fan;
  for (const char* name : {"a", "m"}) {
    Entry run = directory_entry(name, {1, 4, 5, 100});
    run.kind = EntryKind::run;
    fan.entries.push_back(run);
  }
  EXPECT_TRUE(fan.is_fan());
  EXPECT_EQ(stats_of(fan), (TreeStats{.nodes = 3, .files = 8, .entries = 10, .bytes = 200}));
}

TEST(Runs, are_cut_by_names_alone_about_every_2048_entries) {
  std::size_t cuts = 0, run = 0, longest = 0;
  constexpr std::size_t count = 500'000;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "file" + std::to_string(i);
    if (cut_run_before(name, run)) {
      EXPECT_TRUE(cut_run_before(name, 1)) << "decided by more than the name";
      ++cuts;
      run = 0;
    }
    longest = std::max(longest, ++run);
  }
  EXPECT_GT(cuts, count / 2048 / 2);
  EXPECT_LT(cuts, count / 2048 * 2);
  EXPECT_LE(longest, max_node_entries);
}

TEST(Runs, end_at_the_limits_whatever_the_name) {
  EXPECT_FALSE(cut_run_before("name", 1));
  EXPECT_TRUE(cut_run_before("name", max_node_entries));
  EXPECT_TRUE(cut_run_before("name", 1, max_run_bytes));
  EXPECT_FALSE(cut_run_before("name", 0, max_run_bytes));  // a run has one entry at least
}

TEST(Runs, within_their_limits_make_nodes_within_theirs) {
  // The largest entries there can be: a long file with many lists and attributes.
  Entry large = file_entry(std::string(max_name_bytes, 'n'), max_file_bytes);
  large.hard_link = std::string(200, 'h');
  large.owner = Owner{1U << 31, 1U << 31};
  large.mtime_ns = INT64_MIN;
  large.lists.assign(max_lists, {sha256("list"), max_list_chunks, max_file_bytes / max_lists});
  large.attributes.push_back({"user.large", Bytes(max_attribute_bytes - 10)});
  Node node;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i == 0 || !cut_run_before(large.name, i, bytes); ++i) {
    large.name[0] = static_cast<char>('a' + i);
    node.entries.push_back(large);
    bytes += encoded_bytes(large);
  }
  Bytes encoded;
  encode_node(node, encoded);
  EXPECT_LE(encoded.size(), bytes + 16);
  EXPECT_LE(encoded.size(), max_node_bytes);
  Node back;
  const Status status = decode_node(encoded, back);
  EXPECT_TRUE(status) << status.error().describe();
}

TEST(EncodedBytes, is_never_less_than_what_is_written) {
  const std::uint64_t seed = testing::test_seed();
  SCOPED_TRACE("DUSKLINE_SEED=" + std::to_string(seed));
  testing::RandomTree random(seed);
  for (int i = 0; i < 200; ++i) {
    Node node;
    node.entries.push_back(random.entry(random.name()));
    Bytes encoded;
    encode_node(node, encoded);
    EXPECT_LE(encoded.size(), encoded_bytes(node.entries[0]) + 8);
  }
}

TEST(Lists, are_cut_by_hash_about_every_4096_chunks) {
  testing::RandomTree random(7);
  std::size_t cuts = 0, chunks = 0;
  constexpr std::size_t count = 400'000;
  for (std::size_t i = 0; i < count; ++i) {
    Hash256 hash = random.hash();
    hash.bytes[0] = static_cast<std::uint8_t>(random.below(256));
    ++chunks;
    if (!cut_list_after(hash, chunks)) continue;
    EXPECT_GE(chunks, 256U);
    ++cuts;
    chunks = 0;
  }
  EXPECT_GT(cuts, count / 4352 / 2);
  EXPECT_LT(cuts, count / 4352 * 2);
}

TEST(Lists, never_end_at_a_hole_but_always_at_the_limit) {
  EXPECT_FALSE(cut_list_after(Hash256{}, 1000));
  EXPECT_TRUE(cut_list_after(Hash256{}, max_list_chunks));
  EXPECT_TRUE(cut_list_after(sha256("any"), max_list_chunks));
}

TEST(Names, that_could_lead_elsewhere_are_refused) {
  using namespace std::string_view_literals;
  for (const std::string_view bad : {""sv, "."sv, ".."sv, "/"sv, "a/b"sv, "a\0b"sv, "\0"sv}) {
    const Status status = check_name(bad);
    ASSERT_FALSE(status) << bad;
    EXPECT_EQ(status.error().code, Code::invalid);
  }
  EXPECT_FALSE(check_name(std::string(256, 'a')));
  EXPECT_TRUE(check_name(std::string(255, 'a')));
  for (const std::string_view good : {"..."sv, " "sv, "\n"sv, "\xff"sv, "a..b"sv, ".a"sv, "-rf"sv}) {
    EXPECT_TRUE(check_name(good)) << good;
  }
}

TEST(Paths, that_could_lead_elsewhere_are_refused) {
  using namespace std::string_view_literals;
  for (const std::string_view bad : {""sv, "/a"sv, "a/"sv, "a//b"sv, "../a"sv, "a/../b"sv, "a/."sv, "a/b\0"sv, "/"sv}) {
    EXPECT_FALSE(check_path(bad)) << bad;
  }
  EXPECT_TRUE(check_path("a/b c/d"));
  std::string deep = "a";
  for (std::size_t i = 1; i < max_depth; ++i) deep += "/a";
  EXPECT_TRUE(check_path(deep));
  EXPECT_FALSE(check_path(deep + "/a"));
  std::string wide(255, 'a');
  while (wide.size() <= max_path_bytes) wide += "/" + std::string(255, 'a');
  EXPECT_FALSE(check_path(wide));
}

TEST(Folding, finds_names_that_differ_in_case_only) {
  EXPECT_TRUE(same_when_folded("README", "readme"));
  EXPECT_TRUE(same_when_folded("\xc3\x84rger", "\xc3\xa4RGER"));          // Ä ä
  EXPECT_TRUE(same_when_folded("\xce\xa3", "\xcf\x82"));                  // Σ ς
  EXPECT_TRUE(same_when_folded("\xe1\xba\x9e", "\xc3\x9f"));              // ẞ ß
  EXPECT_TRUE(same_when_folded("\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"));  // Deseret
  EXPECT_TRUE(same_when_folded("K", "\xe2\x84\xaa"));                     // the Kelvin sign
  EXPECT_TRUE(same_when_folded("", ""));
}

TEST(Folding, keeps_other_names_apart) {
  EXPECT_FALSE(same_when_folded("a", "b"));
  EXPECT_FALSE(same_when_folded("a", "ab"));
  EXPECT_FALSE(same_when_folded("ab", "a"));
  EXPECT_FALSE(same_when_folded("[", "{"));          // 32 apart, not letters
  EXPECT_FALSE(same_when_folded("\xc3\x9f", "ss"));  // ß: full folding, not simple
  EXPECT_FALSE(same_when_folded("\xc4\xb0", "i"));   // İ has no simple folding
  EXPECT_FALSE(
      same_when_folded("\xff"
                       "A",
                       "\xff"
                       "a"));  // not UTF-8
  EXPECT_TRUE(
      same_when_folded("\xff"
                       "A",
                       "\xff"
                       "A"));
  EXPECT_FALSE(same_when_folded("\xc3", "\xc3\xa4"));
}

}  // namespace
}  // namespace duskline::model
