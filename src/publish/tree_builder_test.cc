#include "publish/tree_builder.h"

#include <gtest/gtest.h>

#include "publish/test_kit.h"

namespace duskline::publish {
namespace {

model::Entry file(std::string name) {
  model::Entry entry;
  entry.name = std::move(name);
  entry.mode = 0644;
  entry.content = sha256(std::string_view());
  return entry;
}

model::Entry directory(std::string name) {
  model::Entry entry;
  entry.kind = model::EntryKind::directory;
  entry.name = std::move(name);
  entry.mode = 0755;
  return entry;
}

std::string padded(int number) {
  const std::string digits = std::to_string(number);
  return std::string(8 - digits.size(), '0') + digits;
}

class TreeBuilderTest : public ::testing::Test {
 protected:
  // Writes the tree as a record and gives back the paths in it, read through all checks.
  std::vector<std::string> paths(const model::Entry& top) {
    model::Release release;
    release.realm = "default";
    release.set = "set";
    release.number = 1;
    release.tree = top.node;
    release.stats = top.stats;
    auto out = must(folder->create("record" + std::to_string(++files), 0600));
    must(spool.write({}, release, must(model::seal(model::encode_release(release), key)), nullptr, *out));
    const auto manifest = must(release::Manifest::open(std::move(out)));
    std::vector<std::string> found;
    list(*manifest, manifest->top(), "", found);
    return found;
  }
  void list(release::Manifest& of, const release::NodeRef& node, const std::string& below,
            std::vector<std::string>& found) {
    const Op op;
    release::DirectoryCursor cursor(op, of, node);
    while (const auto* item = must(cursor.next())) {
      found.push_back(below + item->entry->name);
      if (item->entry->kind != model::EntryKind::directory) continue;
      const std::string path = found.back() + "/";
      list(of, item->directory(), path, found);
    }
  }
  testing::Scratch scratch;
  std::unique_ptr<disk::Filesystem> disk = disk::open_real_disk();
  std::unique_ptr<disk::Directory> folder = must(disk->open(scratch.path()));
  SigningKey key = must(SigningKey::generate());
  release::TreeSpool spool{must(folder->create("spool", 0600))};
  int files = 0;
};

TEST_F(TreeBuilderTest, NestsAndCounts) {
  TreeBuilder builder(spool);
  builder.enter(directory(""));
  must(builder.add(file("a")));
  builder.enter(directory("b"));
  must(builder.add(file("c")));
  builder.enter(directory("empty"));
  must(builder.leave());
  must(builder.leave());
  must(builder.add(file("d")));
  must(builder.leave());
  EXPECT_EQ(builder.top().stats, (model::TreeStats{3, 3, 5, 0}));
  EXPECT_EQ(paths(builder.top()), (std::vector<std::string>{"a", "b", "b/c", "b/empty", "d"}));
}

TEST_F(TreeBuilderTest, SplitsByCountAndByBytesAndNeverIntoOneRun) {
  struct Case {
    int entries;
    std::size_t attribute_bytes;
  };
  // The last ones lie around the bound on bytes, where a lone run would be left over.
  for (const Case& size : {Case{16384, 0}, Case{16385, 0}, Case{40'000, 0}, Case{200, 40'000}, Case{5, 1'000'000},
                           Case{105, 40'000}, Case{104, 40'000}, Case{106, 40'000}}) {
    TreeBuilder builder(spool);
    builder.enter(directory(""));
    std::vector<std::string> expected;
    for (int i = 0; i < size.entries; ++i) {
      model::Entry entry = file(padded(i));
      if (size.attribute_bytes > 0) entry.attributes = {{"user.x", Bytes(size.attribute_bytes, 7)}};
      expected.push_back(entry.name);
      must(builder.add(std::move(entry)));
    }
    must(builder.leave());
    EXPECT_EQ(builder.top().stats.entries, static_cast<std::uint64_t>(size.entries));
    EXPECT_EQ(paths(builder.top()), expected);
  }
}

TEST_F(TreeBuilderTest, OneNewNameChangesFewNodes) {
  const auto build = [&](int skipped) {
    TreeBuilder builder(spool);
    builder.enter(directory(""));
    for (int i = 0; i < 60'000; ++i) {
      if (i != skipped) must(builder.add(file(padded(i))));
    }
    must(builder.leave());
    return builder.top();
  };
  const auto runs = [&](const model::Entry& top) {
    model::Release release;
    release.realm = "default";
    release.set = "set";
    release.number = 1;
    release.tree = top.node;
    release.stats = top.stats;
    auto out = must(folder->create("record" + std::to_string(++files), 0600));
    must(spool.write({}, release, must(model::seal(model::encode_release(release), key)), nullptr, *out));
    const auto manifest = must(release::Manifest::open(std::move(out)));
    std::vector<Hash256> nodes;
    must(release::for_each_node({}, *manifest, manifest->top(), [&](const release::WalkedNode& node) -> Status {
      nodes.push_back(sha256(node.encoded));
      return {};
    }));
    std::sort(nodes.begin(), nodes.end());
    return nodes;
  };
  const auto all = runs(build(-1)), less = runs(build(30'000));
  std::vector<Hash256> common;
  std::set_intersection(all.begin(), all.end(), less.begin(), less.end(), std::back_inserter(common));
  EXPECT_GE(common.size() + 3, all.size());
}

TEST_F(TreeBuilderTest, ChunkListsAreInlineUntilTheyAreLong) {
  for (const int count : {0, 1, 64, 65, 300, 20'000}) {
    ChunkList list;
    model::Entry entry;
    for (int i = 0; i < count; ++i) must(list.add({sha256(std::to_string(i)), 1000}, spool));
    must(list.finish(spool, entry));
    EXPECT_EQ(entry.chunks.size(), count <= 64 ? static_cast<std::size_t>(count) : 0);
    std::uint64_t chunks = entry.chunks.size();
    for (const model::ListRef& ref : entry.lists) chunks += ref.chunks;
    EXPECT_EQ(chunks, static_cast<std::uint64_t>(count));
  }
  ChunkList holes;
  model::Entry entry;
  must(holes.add({{}, 10}, spool));
  must(holes.add({{}, 20}, spool));
  must(holes.finish(spool, entry));
  ASSERT_EQ(entry.chunks.size(), 1U);
  EXPECT_EQ(entry.chunks.front().length_bytes, 30U);
}

}  // namespace
}  // namespace duskline::publish
