#include <gtest/gtest.h>

#include <algorithm>

#include "model/random_tree_test.h"
#include "model/tree.h"

namespace duskline::model {
namespace {

using testing::RandomTree;
using testing::test_seed;

Bytes encoded(const Node& node) {
  Bytes out;
  encode_node(node, out);
  return out;
}

Bytes encoded(const std::vector<Chunk>& chunks) {
  Bytes out;
  encode_list(chunks, out);
  return out;
}

// ---- What is written is read again -----------------------------------------------------------------------------

TEST(NodeCodec, random_directories_round_trip_into_reused_nodes) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("DUSKLINE_SEED=" + std::to_string(seed));
  RandomTree random(seed);
  Node back;  // keeps what the last round left in it, to show that nothing of that stays
  for (int round = 0; round < 300; ++round) {
    const Node node = round % 10 == 9 ? random.fan(2 + random.below(50)) : random.directory(40);
    const Bytes bytes = encoded(node);
    const Status status = decode_node(bytes, back);
    ASSERT_TRUE(status) << status.error().describe();
    ASSERT_EQ(back, node);
    ASSERT_EQ(encoded(back), bytes);
  }
}

TEST(NodeCodec, random_lists_round_trip) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("DUSKLINE_SEED=" + std::to_string(seed));
  RandomTree random(seed);
  std::vector<Chunk> back;
  for (int round = 0; round < 100; ++round) {
    const std::vector<Chunk> chunks = random.chunks(1, 200);
    const Status status = decode_list(encoded(chunks), back);
    ASSERT_TRUE(status) << status.error().describe();
    ASSERT_EQ(back, chunks);
  }
}

TEST(NodeCodec, whatever_is_damaged_is_refused_or_is_itself_canonical) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("DUSKLINE_SEED=" + std::to_string(seed));
  RandomTree random(seed);
  Node back;
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes = encoded(random.directory(8));
    bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
    if (!decode_node(bytes, back)) {
      ++refused;
      continue;
    }
    ASSERT_EQ(encoded(back), bytes);  // two encodings never mean one node
  }
  EXPECT_GT(refused, 100);
}

TEST(NodeCodec, every_truncation_and_extension_is_refused) {
  RandomTree random(3);
  Node node = random.directory(10);
  node.entries.push_back(random.entry("\xff\xff\xff"));
  Bytes bytes = encoded(node);
  Node back;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_FALSE(decode_node(ByteView(bytes).first(length), back)) << length;
  }
  bytes.push_back(0);
  EXPECT_FALSE(decode_node(bytes, back));
}

TEST(NodeCodec, an_empty_directory_is_three_bytes) {
  EXPECT_EQ(encoded(Node{}), (Bytes{1, 0, 0}));
  Node back;
  EXPECT_TRUE(decode_node(Bytes{1, 0, 0}, back));
  EXPECT_TRUE(back.entries.empty());
}

TEST(NodeCodec, hashes_lie_together_at_the_end) {
  Node node;
  for (const char* name : {"a", "b"}) {
    Entry entry;
    entry.name = name;
    entry.size_bytes = 10;
    entry.content = sha256(name);
    node.entries.push_back(entry);
  }
  const Bytes bytes = encoded(node);
  const auto a = sha256("a").bytes, b = sha256("b").bytes;
  Bytes tail(a.begin(), a.end());
  tail.insert(tail.end(), b.begin(), b.end());
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), bytes.end() - 64));
}

TEST(NodeCodec, one_chunk_that_is_the_whole_file_is_not_written) {
  Node plain;
  Entry entry;
  entry.name = "f";
  entry.size_bytes = 200'000;
  entry.content = sha256("x");
  plain.entries.push_back(entry);
  Node spelled_out = plain;
  spelled_out.entries[0].chunks = {{entry.content, entry.size_bytes}};
  EXPECT_EQ(encoded(plain), encoded(spelled_out));
}

TEST(ForEachChunk, gives_the_whole_file_one_chunk_or_all_with_their_offsets) {
  using Seen = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  const auto seen = [](const Entry& entry) {
    Seen seen;
    for_each_chunk(entry,
                   [&](const Chunk& chunk, std::uint64_t offset) { seen.emplace_back(offset, chunk.length_bytes); });
    return seen;
  };
  Entry entry;
  EXPECT_EQ(seen(entry), Seen{});
  entry.size_bytes = 30;
  entry.content = sha256("x");
  EXPECT_EQ(seen(entry), (Seen{{0, 30}}));
  entry.chunks = {{sha256("a"), 10}, {Hash256{}, 20}};
  EXPECT_EQ(seen(entry), (Seen{{0, 10}, {10, 20}}));
}

// ---- Hostile nodes: written by hand, since encode_node cannot be made to -----------------------------------------

class Forged {
 public:
  Forged(std::uint8_t type, std::uint64_t items) : type_(type), items_(items) {}
  Forged& u8(std::uint8_t value) {
    body_.push_back(value);
    return *this;
  }
  Forged& n(std::uint64_t value) {
    ByteWriter(body_).varint(value);
    return *this;
  }
  Forged& z(std::int64_t value) {
    ByteWriter(body_).zigzag(value);
    return *this;
  }
  Forged& text(std::string_view text) {
    ByteWriter(body_).text(text);
    return *this;
  }
  Forged& hash(const Hash256& hash = sha256("x")) {
    hashes_.insert(hashes_.end(), hash.bytes.begin(), hash.bytes.end());
    return *this;
  }
  // flags, name told from the last one, mode change, time change
  Forged& entry(std::uint8_t flags, std::uint64_t shared, std::string_view rest) {
    return u8(flags).n(shared).text(rest).z(0).z(0);
  }
  Forged& plain_file(std::uint64_t shared, std::string_view rest) { return entry(2, shared, rest).n(10).hash(); }
  Forged& symlink(std::string_view name, std::string_view target) { return u8(3).n(0).text(name).z(0).text(target); }

  [[nodiscard]] Bytes bytes() const {
    Bytes out{type_};
    ByteWriter write(out);
    write.varint(items_);
    write.varint(hashes_.size() / 32);
    write.raw(body_);
    write.raw(hashes_);
    return out;
  }

 private:
  std::uint8_t type_;
  std::uint64_t items_;
  Bytes body_, hashes_;
};

constexpr std::uint8_t directory_type = 1, fan_type = 2, list_type = 3;

void expect_node_refused(const Forged& forged, std::string_view rule) {
  Node node;
  const Status status = decode_node(forged.bytes(), node);
  ASSERT_FALSE(status) << "not refused: " << rule;
  EXPECT_EQ(status.error().code, Code::invalid);
  EXPECT_NE(status.error().describe().find(rule), std::string::npos) << status.error().describe();
}

void expect_node_taken(const Forged& forged) {
  Node node;
  const Status status = decode_node(forged.bytes(), node);
  EXPECT_TRUE(status) << status.error().describe();
}

TEST(HostileNode, the_forger_itself_writes_what_is_taken) {
  expect_node_taken(Forged(directory_type, 2).plain_file(0, "ab").plain_file(1, "c"));
  expect_node_taken(Forged(directory_type, 1).entry(1, 0, "d").n(1).n(0).n(0).n(0).hash());
  expect_node_taken(Forged(directory_type, 1).symlink("l", "../anywhere"));
  expect_node_taken(
      Forged(fan_type, 2).n(0).text("a").n(1).n(0).n(1).n(0).hash().n(0).text("b").n(1).n(0).n(1).n(0).hash());
}

TEST(HostileNode, names_that_lead_elsewhere) {
  using namespace std::string_view_literals;
  for (const auto& [name, rule] : {std::pair{""sv, "is empty"sv}, std::pair{"."sv, "would leave"sv},
                                   std::pair{".."sv, "would leave"sv}, std::pair{"/"sv, "contains a '/'"sv},
                                   std::pair{"a/b"sv, "contains a '/'"sv}, std::pair{"a\0"sv, "contains a NUL"sv}}) {
    expect_node_refused(Forged(directory_type, 1).plain_file(0, name), rule);
  }
  // ".." made of a shared '.' and another.
  expect_node_refused(Forged(directory_type, 2).plain_file(0, ".+").plain_file(1, "."), "would leave");
}

TEST(HostileNode, names_out_of_order_twice_or_told_in_another_way) {
  const std::string_view rule = "names not in order";
  expect_node_refused(Forged(directory_type, 2).plain_file(0, "b").plain_file(0, "a"), rule);
  expect_node_refused(Forged(directory_type, 2).plain_file(0, "a").plain_file(0, "a"), rule);
  expect_node_refused(Forged(directory_type, 2).plain_file(0, "a").plain_file(1, ""), rule);
  expect_node_refused(Forged(directory_type, 2).plain_file(0, "ab").plain_file(0, "ac"), rule);   // shares "a"
  expect_node_refused(Forged(directory_type, 2).plain_file(0, "ab").plain_file(1, ""), rule);     // "a" after "ab"
  expect_node_refused(Forged(directory_type, 2).plain_file(0, "\x80").plain_file(0, "a"), rule);  // bytes are unsigned
}

TEST(HostileNode, names_too_long_or_sharing_more_than_there_is) {
  expect_node_refused(Forged(directory_type, 1).plain_file(0, std::string(256, 'a')), "too long");
  expect_node_refused(
      Forged(directory_type, 2).plain_file(0, std::string(200, 'a')).plain_file(200, std::string(56, 'b')), "too long");
  expect_node_refused(Forged(directory_type, 2).plain_file(0, "a").plain_file(2, "b"), "too long");
  expect_node_refused(Forged(directory_type, 2).plain_file(0, "a").plain_file(UINT64_MAX, "b"), "too long");
}

TEST(HostileNode, counts_beyond_the_bytes_that_are_there) {
  expect_node_refused(Forged(directory_type, 16384), "cut short");
  expect_node_refused(Forged(directory_type, UINT64_MAX), "cut short");
  Node node;
  Bytes absurd_hashes{1, 0};
  ByteWriter(absurd_hashes).varint(UINT64_MAX / 32);
  EXPECT_FALSE(decode_node(absurd_hashes, node));
  EXPECT_FALSE(decode_node(Bytes(max_node_bytes + 1, 1), node));
}

TEST(HostileNode, more_entries_than_a_node_may_have) {
  Forged forged(directory_type, max_node_entries + 1);
  for (std::size_t i = 0; i <= max_node_entries; ++i) {
    const char low = static_cast<char>('0' + i % 64), mid = static_cast<char>('0' + i / 64 % 64),
               high = static_cast<char>('0' + i / 4096);
    const std::size_t shared = i == 0 ? 0 : i % 64 != 0 ? 2 : i % 4096 != 0 ? 1 : 0;
    const char name[3] = {high, mid, low};
    forged.plain_file(shared, std::string_view(name, 3).substr(shared));
  }
  expect_node_refused(forged, "16,384 entries");
}

TEST(HostileNode, hashes_missing_left_over_or_of_zeros) {
  expect_node_refused(Forged(directory_type, 1).entry(2, 0, "a").n(10), "fewer hashes");
  expect_node_refused(Forged(directory_type, 1).plain_file(0, "a").hash(), "left over");
  expect_node_refused(Forged(directory_type, 1).entry(2, 0, "a").n(10).hash(Hash256{}), "hash of zeros");
}

TEST(HostileNode, kinds_that_do_not_exist_or_do_not_belong) {
  expect_node_refused(Forged(directory_type, 1).plain_file(0, "a").u8(0), "left over");
  for (const std::uint8_t flags : {0x00, 0x82, 0x11, 0x21, 0x41, 0x13, 0x23, 0x43}) {
    expect_node_refused(Forged(directory_type, 1).entry(flags, 0, "a").n(10).hash(), "unknown kind");
  }
  expect_node_refused(Forged(list_type, 1).n(20).hash(), "not a directory node");
  expect_node_refused(Forged(9, 1).n(20).hash(), "not a directory node");
  std::vector<Chunk> chunks;
  EXPECT_FALSE(decode_list(Forged(directory_type, 1).plain_file(0, "a").bytes(), chunks));
}

TEST(HostileNode, modes_and_owners_beyond_their_range) {
  const auto with_mode = [](std::int64_t change) {
    return Forged(directory_type, 1).u8(2).n(0).text("a").z(change).z(0).n(10).hash();
  };
  expect_node_taken(with_mode(07777 - 0644));
  for (const std::int64_t change : {07777 - 0644 + std::int64_t{1}, std::int64_t{-0645}, INT64_MAX, INT64_MIN}) {
    expect_node_refused(with_mode(change), "mode beyond");
  }
  const auto with_owner = [](std::uint64_t uid, std::uint64_t gid) {
    return Forged(directory_type, 1).entry(2 | 4, 0, "a").n(uid).n(gid).n(10).hash();
  };
  expect_node_taken(with_owner(UINT32_MAX - 1, 0));
  expect_node_refused(with_owner(UINT32_MAX, 0), "owner beyond");
  expect_node_refused(with_owner(0, UINT64_MAX), "owner beyond");
}

TEST(HostileNode, attributes_out_of_order_nameless_none_or_too_many) {
  const auto with = [](std::uint64_t count) { return Forged(directory_type, 1).entry(2 | 8, 0, "a").n(count); };
  expect_node_taken(with(2).text("a").text("1").text("b").text("").n(10).hash());
  expect_node_refused(with(2).text("b").text("").text("a").text("").n(10).hash(), "not in order");
  expect_node_refused(with(2).text("a").text("").text("a").text("").n(10).hash(), "not in order");
  expect_node_refused(with(1).text("").text("x").n(10).hash(), "without a name");
  expect_node_refused(with(1).text(std::string_view("a\0b", 3)).text("x").n(10).hash(), "without a name");
  expect_node_refused(with(0).n(10).hash(), "256 extended");
  expect_node_refused(with(257).n(10).hash(), "256 extended");
  const std::string half(max_attribute_bytes / 2, 'v');
  expect_node_refused(with(2).text("a").text(half).text("b").text(half).n(10).hash(), "too large");
}

TEST(Attributes, are_checked_before_they_are_encoded) {
  EXPECT_TRUE(check_attributes({}));
  EXPECT_TRUE(check_attributes({{"user.a", {}}, {"user.b", {1}}}));
  EXPECT_FALSE(check_attributes({{"user.b", {}}, {"user.a", {}}}));
  EXPECT_FALSE(check_attributes({{"", {}}}));
  EXPECT_FALSE(check_attributes({{"user.a", Bytes(max_attribute_bytes, 0)}}));
  std::vector<Attribute> many;
  for (std::size_t i = 0; i <= max_attributes; ++i) many.push_back({"user." + std::to_string(1000 + i), {}});
  EXPECT_FALSE(check_attributes(many));
  many.pop_back();
  EXPECT_TRUE(check_attributes(many));
  Bytes encoded;
  encode_attributes(many, encoded);
  const auto back = decode_attributes(encoded);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, many);
  for (std::size_t length = 0; length < encoded.size(); length += 97) {
    EXPECT_FALSE(decode_attributes(ByteView(encoded).first(length))) << length;
  }
}

TEST(HostileNode, links_to_nothing_or_out_of_the_tree) {
  using namespace std::string_view_literals;
  const std::string_view rule = "a symbolic link whose target";
  expect_node_refused(Forged(directory_type, 1).symlink("l", ""), rule);
  expect_node_refused(Forged(directory_type, 1).symlink("l", "a\0b"sv), rule);
  expect_node_refused(Forged(directory_type, 1).symlink("l", std::string(max_link_bytes + 1, 'a')), rule);
  for (const std::string_view path : {""sv, "/etc/passwd"sv, "../x"sv, "a/../../x"sv, "a\0"sv}) {
    expect_node_refused(Forged(directory_type, 1).entry(2 | 0x10, 0, "a").n(10).text(path).hash(), "hard link");
  }
}

TEST(HostileNode, file_sizes_that_are_absurd) {
  const auto sized = [](std::uint64_t size) { return Forged(directory_type, 1).entry(2, 0, "a").n(size).hash(); };
  expect_node_taken(sized(max_chunk_bytes));
  expect_node_refused(sized(max_chunk_bytes + 1), "chunk of more than 8 MiB");
  expect_node_refused(sized(max_file_bytes + 1), "absurd size");
  expect_node_refused(sized(UINT64_MAX), "absurd size");
  Forged many(directory_type, 5);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    many.entry(2 | 0x20, 0, name).n(max_file_bytes).n(1).n(max_file_bytes << 1 | 1).hash();
  }
  expect_node_refused(many, "beyond every limit");
}

TEST(HostileNode, chunks_that_do_not_add_up) {
  const auto with = [](std::uint64_t size, std::uint64_t count) {
    return Forged(directory_type, 1).entry(2 | 0x20, 0, "a").n(size).hash().n(count);
  };
  expect_node_taken(with(30, 2).n(10 << 1).hash().n(20 << 1).hash());
  const std::string_view rule = "do not add up";
  expect_node_refused(with(31, 2).n(10 << 1).hash().n(20 << 1).hash(), rule);
  expect_node_refused(with(29, 2).n(10 << 1).hash().n(20 << 1).hash(), rule);
  expect_node_refused(with(30, 2).n(30 << 1).hash().n(0).hash(), rule);
  expect_node_refused(with(30, 2).n(UINT64_MAX & ~std::uint64_t{1}).hash().n(20 << 1).hash(), rule);
  expect_node_refused(with(30, 2).n(1 | 10 << 1).n(1 | 20 << 1), "two holes");
  expect_node_refused(with(30, 1).n(30 << 1).hash(), "single chunk");
  expect_node_refused(with(30, 0), "64 chunks");
  expect_node_refused(with(std::uint64_t{16} << 20, 2).n((std::uint64_t{8} << 20 | 1) << 1).hash().n(2).hash(),
                      "8 MiB");
  expect_node_refused(with(0, 1).n(2).hash(), "empty file");
  Forged many = with(65, 65);
  for (int i = 0; i < 65; ++i) many.n(1 << 1).hash();
  expect_node_refused(many, "64 chunks");
}

TEST(HostileNode, chunk_lists_that_do_not_add_up) {
  const auto with = [](std::uint64_t size, std::uint64_t count) {
    return Forged(directory_type, 1).entry(2 | 0x40, 0, "a").n(size).hash().n(count);
  };
  expect_node_taken(with(300, 2).n(100).n(100).hash().n(100).n(200).hash());
  const std::string_view rule = "do not add up";
  expect_node_refused(with(301, 2).n(100).n(100).hash().n(100).n(200).hash(), rule);
  expect_node_refused(with(299, 2).n(100).n(100).hash().n(100).n(200).hash(), rule);
  expect_node_refused(with(300, 2).n(0).n(100).hash().n(100).n(200).hash(), rule);
  expect_node_refused(with(300, 2).n(100).n(99).hash().n(100).n(201).hash(), rule);  // fewer bytes than chunks
  expect_node_refused(with(300, 1).n(max_list_chunks + 1).n(300).hash(), rule);
  expect_node_refused(with(300, 1).n(64).n(300).hash(), "few chunks");
  expect_node_refused(with(300, 0), "16,384 chunk lists");
  expect_node_refused(with(300, UINT64_MAX), "16,384 chunk lists");
  expect_node_refused(
      Forged(directory_type, 1).entry(2 | 0x60, 0, "a").n(300).hash().n(1).n(300 << 1).hash().n(1).n(100).n(300).hash(),
      "chunks and chunk lists");
}

TEST(HostileNode, totals_of_directories_that_are_absurd) {
  const auto with = [](std::uint64_t nodes, std::uint64_t files, std::uint64_t entries, std::uint64_t bytes) {
    return Forged(directory_type, 1).entry(1, 0, "d").n(nodes).n(files).n(entries).n(bytes).hash();
  };
  expect_node_taken(with(max_tree_count, 1, 1, max_tree_bytes));
  expect_node_refused(with(0, 0, 0, 0), "absurd totals");
  expect_node_refused(with(max_tree_count + 1, 0, 0, 0), "absurd totals");
  expect_node_refused(with(1, 2, 1, 0), "absurd totals");
  expect_node_refused(with(1, 0, max_tree_count + 1, 0), "absurd totals");
  expect_node_refused(with(1, 0, 0, max_tree_bytes + 1), "absurd totals");
  expect_node_refused(with(UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX), "absurd totals");
  expect_node_refused(with(1, 1, 1, max_tree_bytes).entry(1, 0, "e").n(1).n(1).n(1).n(1).hash(), "left over");
  Forged two(directory_type, 2);
  two.entry(1, 0, "d").n(1).n(1).n(1).n(max_tree_bytes).hash().entry(1, 0, "e").n(1).n(1).n(1).n(1).hash();
  expect_node_refused(two, "beyond every limit");
}

TEST(HostileNode, fans_of_one_run_or_of_empty_runs) {
  const auto run = [](Forged& forged, std::string_view name, std::uint64_t entries) -> Forged& {
    return forged.n(0).text(name).n(1).n(0).n(entries).n(0).hash();
  };
  Forged one(fan_type, 1);
  expect_node_refused(run(one, "a", 1), "fewer than two runs");
  Forged empty(fan_type, 2);
  run(empty, "a", 1);
  expect_node_refused(run(empty, "b", 0), "a run without entries");
  Forged disordered(fan_type, 2);
  run(disordered, "b", 1);
  expect_node_refused(run(disordered, "a", 1), "names not in order");
  Forged parent(fan_type, 2);
  run(parent, "a", 1);
  expect_node_refused(run(parent, "..", 1), "names not in order");
}

TEST(HostileList, empty_too_long_or_too_large) {
  std::vector<Chunk> chunks;
  const auto refused = [&](const Forged& forged) {
    const Status status = decode_list(forged.bytes(), chunks);
    return !status && status.error().code == Code::invalid;
  };
  EXPECT_FALSE(refused(Forged(list_type, 1).n(20).hash()));
  EXPECT_TRUE(refused(Forged(list_type, 0)));
  EXPECT_TRUE(refused(Forged(list_type, UINT64_MAX)));
  EXPECT_TRUE(refused(Forged(list_type, 1).n(0).hash()));
  EXPECT_TRUE(refused(Forged(list_type, 2).n(1 | 10 << 1).n(1 | 10 << 1)));
  EXPECT_TRUE(refused(Forged(list_type, 1).n((max_chunk_bytes + 1) << 1).hash()));
  EXPECT_TRUE(refused(Forged(list_type, 2).n(max_file_bytes << 1 | 1).n(20).hash()));
  EXPECT_TRUE(refused(Forged(list_type, 1).n(20)));
  Forged long_list(list_type, max_list_chunks + 1);
  for (std::size_t i = 0; i <= max_list_chunks; ++i) long_list.n(20).hash();
  EXPECT_TRUE(refused(long_list));
}

}  // namespace
}  // namespace duskline::model
