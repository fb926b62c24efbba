// Deltas: what a target that has the earlier release makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pack/frame.h"
#include "publish/publish.h"
#include "publish/test_kit.h"
#include "release/delta_object.h"

namespace duskline::publish {
namespace {

// Lines of words, so that there is something to compress and to patch.
std::string prose(std::mt19937_64& random, std::size_t size) {
  std::string text;
  while (text.size() < size) text += "word" + std::to_string(random() % 5000) + (random() % 9 == 0 ? "\n" : " ");
  text.resize(size);
  return text;
}

class DeltaTest : public ::testing::Test {
 protected:
  // Makes every chunk of the head's release that the delta from `from` gives a place for, by that place and the old
  // tree, and checks its hash; the tree itself from the delta's nodes.
  void expect_delta_serves(const model::ReleaseId& from, const SeenTree& old_tree) {
    const model::ReleaseId to = kit.head()->head.release;
    const store::Key key(model::delta_key(kit.options.set, from, to));
    const Bytes object = must(store::get_all(*kit.store, {}, key, 1 << 30));
    const release::DeltaIndex index = must(release::decode_delta_index(object));
    const auto before = kit.manifest(from);
    const auto after = kit.manifest(to);
    const auto record = must(release::apply_delta_nodes({}, *before, index, after->index().release,
                                                        must(kit.work->create("applied" + from.hex(), 0600))));
    EXPECT_EQ(record->index().id, to);
    pack::ChunkIndex known, wanted;
    must(release::load_chunks({}, *before, known));
    must(release::for_each_node({}, *after, after->top(), [&](const release::WalkedNode& node) {
      return release::for_each_place(node, [&](const model::Chunk& chunk) -> Status {
        if (!wanted.add(chunk.hash, {})) return {};
        const model::Place* place = index.find(chunk.hash);
        EXPECT_EQ(place == nullptr, known.find(chunk.hash).has_value());
        if (place != nullptr) expect_chunk(index, object, *place, chunk, old_tree);
        return {};
      });
    }));
  }
  void expect_chunk(const release::DeltaIndex& index, const Bytes& object, const model::Place& place,
                    const model::Chunk& chunk, const SeenTree& old_tree) {
    const model::Frame& frame = index.table.frames.at(place.frame);
    Bytes pack;
    if (frame.pack != 0) {
      const store::Key key(model::pack_key(kit.options.set, index.packs.at(frame.pack - 1)));
      pack = must(store::get_all(*kit.store, {}, key, 1 << 30));
      ++from_packs;
    } else {
      ++from_patches;
    }
    const ByteView stored = ByteView(frame.pack != 0 ? pack : object).subspan(frame.offset_bytes, frame.stored_bytes);
    ByteView base;
    if (frame.codec == model::Codec::zstd_patch) {
      const model::BaseRange& range = index.table.bases.at(frame.base);
      base = bytes_of(old_tree.at(range.path).content).subspan(range.offset_bytes, range.length_bytes);
    }
    Bytes raw;
    must(decoder.decode(frame.codec, stored, frame.raw_bytes, base, raw));
    EXPECT_EQ(sha256(ByteView(raw).subspan(place.offset_bytes, chunk.length_bytes)), chunk.hash);
  }
  PublishKit kit;
  pack::FrameDecoder decoder;
  std::mt19937_64 random{11};
  int from_packs = 0, from_patches = 0;
};

TEST_F(DeltaTest, SmallFilesArePatchedAgainstThemselves) {
  for (int i = 0; i < 40; ++i) kit.write("f" + std::to_string(i), prose(random, 20'000));
  const PublishResult first = kit.publish();
  const SeenTree old_tree = tree_on_disk(kit.source());
  for (int i = 0; i < 40; i += 2) {
    const std::string name = "f" + std::to_string(i);
    std::string text = old_tree.at(name).content;
    text.replace(5000, 10, "another text");
    kit.write(name, text);
  }
  kit.write("new", prose(random, 3000));
  const PublishResult second = kit.publish();
  ASSERT_EQ(kit.head()->head.deltas.size(), 1U);
  EXPECT_EQ(kit.head()->head.deltas.front(), second.smallest_delta);
  EXPECT_LT(second.delta_bytes, 8000U) << "patches of 20 edits, and the new file";
  expect_delta_serves(first.id, old_tree);
  EXPECT_GT(from_patches, 20);
}

TEST_F(DeltaTest, LongFilesArePatchedRunByRun) {
  std::string image = random_text(random, 30'000'000);
  kit.write("image", image);
  const PublishResult first = kit.publish();
  const SeenTree old_tree = tree_on_disk(kit.source());
  for (std::size_t at = 1'000'000; at < image.size(); at += 3'000'000)
    image.replace(at, 4096, random_text(random, 4096));
  image.insert(15'000'000, random_text(random, 10'000));
  kit.write("image", image);
  const PublishResult second = kit.publish();
  EXPECT_LT(second.delta_bytes, 10U * 4096 + 10'000 + 12'000) << "hardly more than what is new";
  expect_delta_serves(first.id, old_tree);
}

TEST_F(DeltaTest, ARenamedVersionIsPatchedAgainstTheOldOne) {
  for (int i = 0; i < 10; ++i) kit.write("lib/6.1.0-28/kernel/mod" + std::to_string(i) + ".ko", prose(random, 100'000));
  const PublishResult first = kit.publish();
  const SeenTree old_tree = tree_on_disk(kit.source());
  std::filesystem::rename(kit.source("lib/6.1.0-28"), kit.source("lib/6.1.0-31"));
  for (int i = 0; i < 10; ++i) {
    const std::string name = "/kernel/mod" + std::to_string(i) + ".ko";
    std::string text = old_tree.at("lib/6.1.0-28" + name).content;
    text.replace(0, 5, "31111");
    kit.write("lib/6.1.0-31" + name, text);
  }
  const PublishResult second = kit.publish();
  EXPECT_LT(second.delta_bytes, 4000U);
  expect_delta_serves(first.id, old_tree);
}

TEST_F(DeltaTest, WhatCannotBePatchedStaysInThePacks) {
  kit.write("a", random_text(random, 50'000));
  kit.write("b", "same");
  const PublishResult first = kit.publish();
  const SeenTree old_tree = tree_on_disk(kit.source());
  kit.write("a", random_text(random, 50'000));
  kit.write("c", random_text(random, 500'000));
  const PublishResult second = kit.publish();
  EXPECT_LT(second.delta_bytes, 2000U);
  expect_delta_serves(first.id, old_tree);
  EXPECT_EQ(from_patches, 0);
}

TEST_F(DeltaTest, TheReleaseBeforeTheLastIsServedToo) {
  std::string text = prose(random, 200'000);
  kit.write("a", text);
  std::vector<model::ReleaseId> ids;
  std::vector<SeenTree> trees;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(kit.publish().id);
    trees.push_back(tree_on_disk(kit.source()));
    text.replace(static_cast<std::size_t>(i) * 50'000, 20, "and once more changed");
    kit.write("a", text);
  }
  const auto head = kit.head()->head;
  ASSERT_EQ(head.deltas.size(), 2U);
  EXPECT_EQ(head.deltas[0].from, ids[2]);
  EXPECT_EQ(head.deltas[1].from, ids[1]);
  expect_delta_serves(ids[2], trees[2]);
  expect_delta_serves(ids[1], trees[1]);
  kit.lose_cache();
  const PublishResult last = kit.publish();
  EXPECT_EQ(kit.head()->head.deltas.size(), 2U) << "earlier manifests come from the store";
  EXPECT_LT(last.delta_bytes, 4000U);
}

TEST_F(DeltaTest, NoneAreMadeWhereNoneAreWanted) {
  kit.write("a", prose(random, 20'000));
  kit.publish();
  kit.options.delta_bases = 0;
  kit.write("a", prose(random, 20'000));
  EXPECT_EQ(kit.publish().delta_bytes, 0U);
  EXPECT_THAT(kit.keys("set/delta/"), ::testing::IsEmpty());
}

TEST_F(DeltaTest, OldContentThatIsGoneIsNoObstacle) {
  kit.write("a", prose(random, 20'000));
  kit.publish();
  for (const std::string& pack : kit.keys("set/pack/")) {
    const store::Key key(pack);
    must(kit.store->remove({}, std::span(&key, 1)));
  }
  kit.write("a", prose(random, 20'000));
  const PublishResult result = kit.publish();
  EXPECT_EQ(result.outcome, PublishResult::Outcome::published);
  EXPECT_EQ(kit.tree_in_store(result.id), tree_on_disk(kit.source()));
}

}  // namespace
}  // namespace duskline::publish
