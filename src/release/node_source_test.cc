#include "release/node_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "disk/real_disk.h"
#include "release/manifest.h"
#include "testing/must.h"
#include "testing/sample_release.h"
#include "testing/scratch.h"

namespace duskline::release {
namespace {

using model::EntryKind;
using ::testing::HasSubstr;
using testing::must;
using testing::must_fail;
using testing::SampleEntry;

const Op op;

// Nodes by hash alone: what a hostile tree would be built from.
class NodesByHash final : public NodeSource {
 public:
  Hash256 add(const model::Node& node) {
    Bytes encoded;
    model::encode_node(node, encoded);
    return keep(std::move(encoded));
  }
  Hash256 add_list(const std::vector<model::Chunk>& chunks) {
    Bytes encoded;
    model::encode_list(chunks, encoded);
    return keep(std::move(encoded));
  }
  Result<ByteView> node(const Op&, std::uint64_t, const Hash256& expected) override {
    ++asked;
    return ByteView(nodes_.at(expected));
  }
  std::uint64_t asked = 0;

 private:
  Hash256 keep(Bytes encoded) {
    const Hash256 hash = sha256(encoded);
    nodes_.emplace(hash, std::move(encoded));
    return hash;
  }
  std::map<Hash256, Bytes> nodes_;
};

model::Entry file_entry(const std::string& name, std::uint64_t size = 1) {
  model::Entry entry;
  entry.name = name;
  entry.size_bytes = size;
  entry.content = sha256(name);
  return entry;
}
model::Entry nested(EntryKind kind, const std::string& name, const Hash256& node, model::TreeStats stats) {
  model::Entry entry;
  entry.kind = kind;
  entry.name = name;
  entry.node = node;
  entry.stats = stats;
  return entry;
}

Status read_through(NodeSource& source, const NodeRef& top) {
  DirectoryCursor cursor(op, source, top);
  while (true) {
    DL_ASSIGN(const DirectoryCursor::Item* item, cursor.next());
    if (item == nullptr) return {};
    if (item->entry->kind != EntryKind::directory) continue;
    DL_TRY(read_through(source, item->directory()));
  }
}

class DiffIgnored final : public TreeDiffVisitor {
 public:
  Status differs(const Sided&) override { return {}; }
};

// Every way of reading a tree must refuse it, with these words.
void expect_refused(NodesByHash& nodes, const NodeRef& top, const std::string& words) {
  const Status walked = for_each_node({}, nodes, top, [](const WalkedNode&) { return Status{}; });
  EXPECT_EQ(must_fail(walked), Code::invalid);
  EXPECT_THAT(walked.error().describe(), HasSubstr(words));
  const Status read = read_through(nodes, top);
  EXPECT_EQ(must_fail(read), Code::invalid);
  EXPECT_THAT(read.error().describe(), HasSubstr(words));
  DiffIgnored visitor;
  const Status diffed = diff_trees({}, nullptr, {}, &nodes, top, visitor);
  EXPECT_EQ(must_fail(diffed), Code::invalid);
  EXPECT_THAT(diffed.error().describe(), HasSubstr(words));
}

// A manifest of `tree`, in memory.
struct Sample {
  testing::Scratch folder;
  std::unique_ptr<disk::Directory> directory = must(disk::open_real_disk()->open(folder.path()));
  SigningKey key = must(SigningKey::generate());
  testing::SamplePublisher publisher;
  std::unique_ptr<Manifest> manifest;
  explicit Sample(const SampleEntry& tree, testing::SampleCut cut = {}) : publisher(*directory, key, nullptr, cut) {
    const auto made = publisher.publish(tree);
    manifest = must(Manifest::open(publisher.file_of(made.object)));
  }
};

// The manifest says exactly what the tree in memory is, read the ordinary way.
void expect_equal(Manifest& manifest, const NodeRef& top, const SampleEntry& tree) {
  DirectoryCursor cursor(op, manifest, top);
  for (const auto& [name, child] : tree.children) {
    const DirectoryCursor::Item* item = must(cursor.next());
    ASSERT_NE(item, nullptr);
    EXPECT_EQ(item->entry->name, name);
    EXPECT_EQ(item->entry->kind, child.kind);
    EXPECT_EQ(item->entry->mtime_ns, child.mtime_ns);
    EXPECT_EQ(item->entry->target, child.target);
    if (child.kind == EntryKind::directory) expect_equal(manifest, item->directory(), child);
    if (child.kind != EntryKind::file) continue;
    EXPECT_EQ(item->entry->content, sha256(child.content));
    std::uint64_t at = 0;
    must(for_each_chunk({}, manifest, *item,
                        [&](const model::Chunk& chunk, std::uint64_t offset, std::uint64_t, std::uint32_t) -> Status {
                          EXPECT_EQ(offset, at);
                          const ByteView bytes = ByteView(child.content).subspan(offset, chunk.length_bytes);
                          EXPECT_TRUE(chunk.is_hole() || sha256(bytes) == chunk.hash);
                          at += chunk.length_bytes;
                          return {};
                        }));
    EXPECT_EQ(at, child.content.size());
  }
  EXPECT_EQ(must(cursor.next()), nullptr);
  EXPECT_EQ(must(cursor.next()), nullptr) << "the end stays the end";
}

TEST(DirectoryCursor, ReadsRandomTreesWithRunsAndLists) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const SampleEntry tree = testing::random_tree(random, 200);
    testing::SampleCut cut;
    cut.run_entries = 1 + seed % 7;
    Sample sample(tree, cut);
    expect_equal(*sample.manifest, sample.manifest->top(), tree);
  }
}

TEST(DirectoryCursor, GivesOrdinalsThatTheManifestAgreesWith) {
  std::mt19937_64 random(99);
  testing::SampleCut cut;
  cut.run_entries = 5;
  Sample sample(testing::random_tree(random, 300), cut);
  // The manifest finds a node by its ordinal and refuses a wrong hash, so that each one read proves its ordinal.
  std::uint64_t nodes = 0;
  must(for_each_node({}, *sample.manifest, sample.manifest->top(), [&](const WalkedNode& node) -> Status {
    EXPECT_EQ(node.ordinal, nodes);
    ++nodes;
    return {};
  }));
  EXPECT_EQ(nodes, sample.manifest->index().release.stats.nodes);
  EXPECT_GT(nodes, 20U);
}

TEST(FindEntry, FollowsAPathAndFindsNothingElse) {
  SampleEntry tree = testing::sample_directory({{"f", testing::sample_file("one")}, {"link", {}}});
  tree.children["link"] = {.kind = EntryKind::symlink, .mode = 0, .target = "f"};
  tree.children["d"] =
      testing::sample_directory({{"e", testing::sample_directory({{"g", testing::sample_file("two")}})}});
  Sample sample(tree);
  const auto find = [&](const char* path) {
    return must(find_entry({}, *sample.manifest, sample.manifest->top(), path));
  };
  ASSERT_TRUE(find("d/e/g"));
  EXPECT_EQ(find("d/e/g")->entry.content, sha256("two"));
  EXPECT_EQ(find("d/e/g")->item().depth, 2U);
  EXPECT_EQ(find("f")->entry.size_bytes, 3U);
  for (const char* absent : {"", "g", "d/g", "d/e/h", "f/x", "link/x", "d/e/", "/d"}) {
    EXPECT_FALSE(find(absent)) << absent;
  }
}

TEST(ForEachChunkIn, ReadsOnlyTheListNodesThatOverlap) {
  std::mt19937_64 random(5);
  SampleEntry tree = testing::sample_directory({{"long", {.content = testing::random_content(random, 64 * 1000)}}});
  Sample sample(tree);  // 1,000 chunks in 10 list nodes
  const auto found = must(find_entry({}, *sample.manifest, sample.manifest->top(), "long"));
  ASSERT_TRUE(found && found->entry.lists.size() == 10);

  class Counting final : public NodeSource {
   public:
    explicit Counting(NodeSource& inner) : inner_(inner) {}
    Result<ByteView> node(const Op& op, std::uint64_t ordinal, const Hash256& expected) override {
      asked.push_back(ordinal);
      return inner_.node(op, ordinal, expected);
    }
    std::vector<std::uint64_t> asked;

   private:
    NodeSource& inner_;
  } source(*sample.manifest);
  std::vector<std::uint64_t> offsets;
  must(for_each_chunk_in({}, source, found->item(), 64 * 299 + 63, 2,
                         [&](const model::Chunk&, std::uint64_t offset, std::uint64_t, std::uint32_t) -> Status {
                           offsets.push_back(offset);
                           return {};
                         }));
  EXPECT_EQ(offsets, (std::vector<std::uint64_t>{64 * 299, 64 * 300}));
  EXPECT_EQ(source.asked, (std::vector<std::uint64_t>{found->first_child + 2, found->first_child + 3}));
}

TEST(HostileTree, LyingStatsAreRefused) {
  NodesByHash nodes;
  model::Node inner;
  inner.entries = {file_entry("f", 10)};
  const model::TreeStats truth{1, 1, 1, 10};
  std::vector<model::TreeStats> lies(4, truth);
  lies[0].nodes = 2;
  lies[1].files = 0;
  lies[2].entries = 2;
  lies[3].bytes = 9;
  for (const model::TreeStats& lie : lies) {
    model::Node top;
    top.entries = {nested(EntryKind::directory, "d", nodes.add(inner), lie)};
    expect_refused(nodes, {nodes.add(top), 0, model::stats_of(top)}, "are not what its parent says");
  }
  model::Node top;
  top.entries = {nested(EntryKind::directory, "d", nodes.add(inner), truth)};
  must(read_through(nodes, {nodes.add(top), 0, model::stats_of(top)}));
}

TEST(HostileTree, SumsThatWrapRoundAreRefused) {
  model::Node node;
  model::TreeStats huge;
  huge.nodes = std::uint64_t{1} << 63;
  node.entries = {nested(EntryKind::directory, "a", sha256("a"), huge),
                  nested(EntryKind::directory, "b", sha256("b"), huge)};
  EXPECT_EQ(must_fail(check_stats(node, {1, 0, 2, 0})), Code::invalid);
}

TEST(HostileTree, ManyTimesSharedNodesAreRefusedBeforeTheyAreWalked) {
  NodesByHash nodes;
  model::Node node;
  node.entries = {file_entry("f")};
  model::TreeStats stats{1, 1, 1, 1};
  for (int level = 0; level < 40; ++level) {  // 2^40 nodes by 41 stored ones
    const Hash256 below = nodes.add(node);
    node.entries = {nested(EntryKind::directory, "a", below, stats), nested(EntryKind::directory, "b", below, stats)};
    stats = model::stats_of(node);
    if (stats.nodes > max_tree_nodes) break;
  }
  const NodeRef top{nodes.add(node), 0, stats};
  expect_refused(nodes, top, "nodes; at most 1,000,000,000 are accepted");
  EXPECT_EQ(nodes.asked, 0U);
}

TEST(HostileTree, NestingBeyondTheLimitIsRefused) {
  NodesByHash nodes;
  model::Node node;
  node.entries = {file_entry("f")};
  for (std::size_t depth = 0; depth < model::max_depth; ++depth) {
    model::Node above;
    above.entries = {nested(EntryKind::directory, "d", nodes.add(node), model::stats_of(node))};
    node = above;
  }
  must(read_through(nodes, {nodes.add(node), 0, model::stats_of(node)}));
  model::Node above;
  above.entries = {nested(EntryKind::directory, "d", nodes.add(node), model::stats_of(node))};
  expect_refused(nodes, {nodes.add(above), 0, model::stats_of(above)}, "nested more than 1024 deep");
}

TEST(HostileTree, TooLongPathsAreRefusedByTheDiff) {
  NodesByHash nodes;
  model::Node node;
  node.entries = {file_entry("f")};
  for (std::size_t bytes = 0; bytes < model::max_path_bytes; bytes += 201) {
    model::Node above;
    above.entries = {nested(EntryKind::directory, std::string(200, 'd'), nodes.add(node), model::stats_of(node))};
    node = above;
  }
  DiffIgnored visitor;
  const Status diffed =
      diff_trees({}, nullptr, {}, &nodes, NodeRef{nodes.add(node), 0, model::stats_of(node)}, visitor);
  EXPECT_EQ(must_fail(diffed), Code::invalid);
  EXPECT_THAT(diffed.error().describe(), HasSubstr("path is longer"));
}

struct Runs {
  NodesByHash nodes;
  NodeRef fan(std::vector<std::pair<std::string, std::vector<std::string>>> runs) {
    model::Node fan;
    for (const auto& [first, names] : runs) {
      model::Node run;
      for (const std::string& name : names) run.entries.push_back(file_entry(name));
      fan.entries.push_back(nested(EntryKind::run, first, nodes.add(run), model::stats_of(run)));
    }
    return {nodes.add(fan), 0, model::stats_of(fan)};
  }
};

TEST(HostileTree, RunsThatOverlapAreRefused) {
  Runs runs;
  must(read_through(runs.nodes, runs.fan({{"a", {"a", "b"}}, {"c", {"c"}}})));
  EXPECT_THAT(read_through(runs.nodes, runs.fan({{"a", {"a", "d"}}, {"c", {"c"}}})).error().describe(),
              HasSubstr("out of order"));
  EXPECT_THAT(read_through(runs.nodes, runs.fan({{"a", {"a", "c"}}, {"c", {"c"}}})).error().describe(),
              HasSubstr("out of order"));
  EXPECT_THAT(read_through(runs.nodes, runs.fan({{"a", {"a"}}, {"b", {"c"}}})).error().describe(),
              HasSubstr("does not begin with its first name"));
}

TEST(HostileTree, AFanBelowAFanIsRefused) {
  Runs runs;
  const NodeRef inner = runs.fan({{"a", {"a"}}, {"b", {"b"}}});
  model::Node fan;
  fan.entries = {nested(EntryKind::run, "a", inner.hash, *inner.stats),
                 nested(EntryKind::run, "b", inner.hash, *inner.stats)};
  expect_refused(runs.nodes, {runs.nodes.add(fan), 0, model::stats_of(fan)}, "split into runs again");
}

TEST(HostileTree, AListNodeWhereADirectoryShouldBeIsRefused) {
  NodesByHash nodes;
  const Hash256 list = nodes.add_list({{sha256("x"), 5}});
  model::Node top;
  top.entries = {nested(EntryKind::directory, "d", list, {1, 0, 0, 0})};
  expect_refused(nodes, {nodes.add(top), 0, model::stats_of(top)}, "not a directory node");
}

TEST(HostileTree, ListsThatLieAboutTheirChunksAreRefused) {
  NodesByHash nodes;
  std::vector<model::Chunk> chunks;
  for (int i = 0; i < 100; ++i) chunks.push_back({sha256(std::to_string(i)), 10});
  const Hash256 list = nodes.add_list(chunks);
  for (const model::ListRef& lie : {model::ListRef{list, 99, 1000}, model::ListRef{list, 100, 999},
                                    model::ListRef{list, 100, 1001}, model::ListRef{list, 101, 1000}}) {
    model::Node top;
    model::Entry file = file_entry("f", lie.bytes);
    file.lists = {lie};
    top.entries = {file};
    const NodeRef ref{nodes.add(top), 0, model::stats_of(top)};
    EXPECT_EQ(must_fail(for_each_node({}, nodes, ref, [](const WalkedNode&) { return Status{}; })), Code::invalid);
    const auto found = must(find_entry({}, nodes, ref, "f"));
    const Status read = for_each_chunk({}, nodes, found->item(), [](auto&&...) { return Status{}; });
    EXPECT_EQ(must_fail(read), Code::invalid);
    EXPECT_THAT(read.error().describe(), HasSubstr("as many chunks or bytes as its file says"));
  }
}

TEST(NodeWalks, EndWhenStopped) {
  std::mt19937_64 random(3);
  Sample sample(testing::random_tree(random, 50));
  std::stop_source stop;
  stop.request_stop();
  const Op stopped{.stop = stop.get_token()};
  EXPECT_EQ(must_fail(for_each_node(stopped, *sample.manifest, sample.manifest->top(),
                                    [](const WalkedNode&) { return Status{}; })),
            Code::cancelled);
  DiffIgnored visitor;
  EXPECT_EQ(must_fail(diff_trees(stopped, nullptr, {}, sample.manifest.get(), sample.manifest->top(), visitor)),
            Code::cancelled);
}

}  // namespace
}  // namespace duskline::release
