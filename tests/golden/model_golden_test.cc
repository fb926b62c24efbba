#include "golden.h"
#include "model/place.h"
#include "model/release.h"
#include "model/tree.h"

namespace duskline::model {
namespace {

using namespace std::chrono_literals;
using golden::expect_stored;
using golden::stored;

Entry entry(EntryKind kind, std::string name, std::uint32_t mode, std::int64_t mtime_ns) {
  Entry entry;
  entry.kind = kind;
  entry.name = std::move(name);
  entry.mode = mode;
  entry.mtime_ns = mtime_ns;
  return entry;
}

Entry file(std::string name, std::uint64_t size, std::string_view content) {
  Entry file = entry(EntryKind::file, std::move(name), 0644, 1'700'000'000'123'456'789);
  file.size_bytes = size;
  file.content = sha256(content);
  return file;
}

// Every kind of entry and every optional part.
Node directory() {
  Node node;
  node.entries.push_back(entry(EntryKind::directory, "bin", 0755, 1'700'000'000'000'000'000));
  node.entries.back().node = sha256("bin");
  node.entries.back().stats = {.nodes = 3, .files = 20, .entries = 22, .bytes = 1 << 30};
  node.entries.push_back(file("empty", 0, ""));
  node.entries.push_back(file("file2", 12, "file"));
  node.entries.back().hard_link = "bin/sh";
  node.entries.push_back(file("file\xff\n", 12, "file"));
  node.entries.back().mode = 04755;
  node.entries.back().owner = Owner{0, 1000};
  node.entries.back().attributes = {{"security.capability", {1, 0, 0, 2}}, {"user.x", {}}};
  node.entries.push_back(entry(EntryKind::symlink, "link", 0, -1));
  node.entries.back().target = "../elsewhere";
  node.entries.push_back(file("long", 1 << 30, "long"));
  node.entries.back().lists = {{sha256("list 1"), 10'000, 600 << 20}, {sha256("list 2"), 6000, 424 << 20}};
  node.entries.push_back(file("sparse", 300'000, "sparse"));
  node.entries.back().chunks = {{sha256("chunk 1"), 100'000}, {Hash256{}, 150'000}, {sha256("chunk 2"), 50'000}};
  return node;
}

Node fan() {
  Node node;
  node.entries.push_back(entry(EntryKind::run, "a", 0, 0));
  node.entries.back().node = sha256("run a");
  node.entries.back().stats = {.nodes = 2, .files = 2000, .entries = 2001, .bytes = 1 << 20};
  node.entries.push_back(entry(EntryKind::run, "am", 0, 0));
  node.entries.back().node = sha256("run am");
  node.entries.back().stats = {.nodes = 1, .files = 3000, .entries = 3000, .bytes = 2 << 20};
  return node;
}

std::vector<Chunk> list() { return {{sha256("a"), 65'536}, {Hash256{}, std::uint64_t{1} << 40}, {sha256("b"), 1}}; }

FrameTable frames() {
  FrameTable table;
  table.bases = {{"lib/a.so", 0, 4096}, {"lib/b.so", 65'536, 8192}};
  table.frames = {{0, 0, 1000, 4000, Codec::zstd, 0},
                  {0, 1000, 500, 500, Codec::raw, 0},
                  {7, 123'456, 99, 70'000, Codec::zstd_patch, 1}};
  return table;
}

Release release() {
  Release release;
  release.realm = "default";
  release.set = "packages";
  release.number = 42;
  release.published = WallTime{1'795'253'400s + 250ms};
  release.tree = sha256("tree");
  release.stats = {.nodes = 4, .files = 5000, .entries = 5002, .bytes = 3 << 20};
  release.top_mode = 01777;
  release.top_mtime_ns = 1'700'000'000'000'000'001;
  release.note = "a \"note\" in \\ two\nlines, \xc3\xa4\x01";
  return release;
}

Head head() {
  Head head;
  head.realm = "default";
  head.set = "packages";
  head.channel = "live";
  head.version = 7;
  head.release = {sha256("release")};
  head.number = 42;
  head.published = WallTime{1'795'253'400s};
  head.signed_at = WallTime{1'795'253'401s};
  head.expires = WallTime{1'797'845'401s};
  head.previous = sha256("previous");
  head.epoch = 2;
  head.manifest_bytes = 123'456;
  head.manifest_index_bytes = 789;
  head.deltas = {{{sha256("older")}, 4000, 90'000}, {{sha256("oldest")}, 5000, 100'000}};
  return head;
}

TEST(Golden, directory_node) {
  Bytes encoded;
  encode_node(directory(), encoded);
  expect_stored("directory.node", encoded);
  Node back;
  ASSERT_TRUE(decode_node(stored("directory.node"), back));
  EXPECT_EQ(back, directory());
}

TEST(Golden, fan_node) {
  Bytes encoded;
  encode_node(fan(), encoded);
  expect_stored("fan.node", encoded);
  Node back;
  ASSERT_TRUE(decode_node(stored("fan.node"), back));
  EXPECT_EQ(back, fan());
}

TEST(Golden, list_node) {
  Bytes encoded;
  encode_list(list(), encoded);
  expect_stored("list.node", encoded);
  std::vector<Chunk> back;
  ASSERT_TRUE(decode_list(stored("list.node"), back));
  EXPECT_EQ(back, list());
}

TEST(Golden, places) {
  const std::vector<Place> places{{0, 0}, {0, 3999}, {1, 0}, {2, 69'999}, {0, 17}};
  Bytes encoded;
  encode_places(frames(), places, encoded);
  expect_stored("places", encoded);
  FrameTable table;
  std::vector<Place> back;
  ASSERT_TRUE(decode_places(stored("places"), 8, table, back));
  EXPECT_EQ(table, frames());
  EXPECT_EQ(back, places);
}

TEST(Golden, release) {
  expect_stored("release.json", bytes_of(encode_release(release())));
  const auto back = decode_release(text_of(stored("release.json")));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, release());
}

TEST(Golden, release_with_attributes_of_the_top) {
  Release with_attributes = release();
  with_attributes.top_attributes = {{"system.posix_acl_default", {2, 0, 0, 0, 255}}, {"user.x", {}}};
  expect_stored("release_attributes.json", bytes_of(encode_release(with_attributes)));
  const auto back = decode_release(text_of(stored("release_attributes.json")));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, with_attributes);
}

TEST(Golden, head) {
  expect_stored("head.json", bytes_of(encode_head(head())));
  const auto back = decode_head(text_of(stored("head.json")));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, head());
}

TEST(Golden, envelope) {
  // RFC 8032, test 1. Signatures are the same each time.
  const auto key = SigningKey::parse("duskline-ed25519-secret:nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
  ASSERT_TRUE(key);
  expect_stored("head.signed", bytes_of(seal(encode_head(head()), *key).value()));
  const auto payload = verify_envelope(stored("head.signed"), {key->public_key()});
  ASSERT_TRUE(payload);
  EXPECT_EQ(*payload, encode_head(head()));
}

}  // namespace
}  // namespace duskline::model
