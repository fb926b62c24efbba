#include "release/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "disk/real_disk.h"
#include "release/remote.h"
#include "release/segment_writer.h"
#include "release/squeeze.h"
#include "testing/must.h"
#include "testing/sample_release.h"
#include "testing/scratch.h"

namespace duskline::release {
namespace {

using ::testing::HasSubstr;
using testing::must;
using testing::must_fail;
using testing::sample_directory;
using testing::sample_file;
using testing::SampleEntry;
using testing::SamplePlaces;

class ManifestTest : public ::testing::Test {
 protected:
  testing::Scratch folder_;
  std::unique_ptr<disk::Directory> directory_ = must(disk::open_real_disk()->open(folder_.path()));
  SigningKey key_ = must(SigningKey::generate());
  testing::SamplePublisher publisher_{*directory_, key_};

  Result<std::unique_ptr<Manifest>> open(ByteView object) { return Manifest::open(publisher_.file_of(object)); }
};

// Counts what is read of an object in memory.
class CountingSegments final : public SegmentSource {
 public:
  explicit CountingSegments(Bytes object) : object_(std::move(object)) {}
  Status read(const Op&, std::uint64_t offset, std::uint64_t length, Bytes& out) override {
    ++reads;
    const ByteView part = ByteView(object_).subspan(offset, length);
    out.assign(part.begin(), part.end());
    return {};
  }
  int reads = 0;

 private:
  Bytes object_;
};

// Every node's bytes, checked on the way.
Result<std::vector<Bytes>> all_nodes(Manifest& manifest) {
  std::vector<Bytes> nodes;
  DL_TRY(for_each_node({}, manifest, manifest.top(), [&](const WalkedNode& node) -> Status {
    nodes.emplace_back(node.encoded.begin(), node.encoded.end());
    return {};
  }));
  return nodes;
}

TEST_F(ManifestTest, PlacesLeadToWhereEachChunkLies) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto made = publisher_.publish(testing::random_tree(random, 200));
    const auto manifest = must(open(made.object));
    const pack::ChunkIndex& chunks = publisher_.packs().finish();
    std::uint64_t seen = 0;
    must(for_each_node({}, *manifest, manifest->top(), [&](const WalkedNode& node) -> Status {
      DL_ASSIGN(const NodePlaces places, manifest->places({}, node.ordinal));
      std::size_t at = 0;
      DL_TRY(for_each_place(node, [&](const model::Chunk& chunk) -> Status {
        const model::Place& place = places.places[at++];
        const model::Frame& frame = places.table->frames[place.frame];
        const auto known = chunks.find(chunk.hash);
        EXPECT_TRUE(known);
        EXPECT_EQ(place.offset_bytes, known->offset_bytes);
        EXPECT_EQ(frame.offset_bytes, chunks.frames()[known->frame].offset_bytes);
        EXPECT_EQ(manifest->index().packs[frame.pack], chunks.packs()[chunks.frames()[known->frame].pack]);
        ++seen;
        return {};
      }));
      EXPECT_EQ(at, places.places.size());
      return {};
    }));
    EXPECT_GT(seen, 100U);
  }
}

TEST_F(ManifestTest, ItemsSayWhereTheirPlacesBegin) {
  std::mt19937_64 random(8);
  const auto made = publisher_.publish(testing::random_tree(random, 200));
  const auto manifest = must(open(made.object));
  const pack::ChunkIndex& chunks = publisher_.packs().finish();
  const Op op;
  std::uint64_t seen = 0;
  const std::function<void(const NodeRef&)> check = [&](const NodeRef& top) {
    DirectoryCursor cursor(op, *manifest, top);
    while (const DirectoryCursor::Item* item = must(cursor.next())) {
      if (item->entry->kind == model::EntryKind::directory) check(item->directory());
      if (item->entry->kind != model::EntryKind::file) continue;
      must(
          for_each_chunk(op, *manifest, *item,
                         [&](const model::Chunk& chunk, std::uint64_t, std::uint64_t node, std::uint32_t at) -> Status {
                           if (chunk.is_hole()) return {};
                           DL_ASSIGN(const NodePlaces places, manifest->places(op, node));
                           EXPECT_LT(at, places.places.size());
                           EXPECT_EQ(places.places[at].offset_bytes, chunks.find(chunk.hash)->offset_bytes);
                           ++seen;
                           return {};
                         }));
    }
  };
  check(manifest->top());
  EXPECT_GT(seen, 100U);
}

TEST_F(ManifestTest, LoadedChunksAreThoseThatWerePublished) {
  std::mt19937_64 random(7);
  const SampleEntry tree = testing::random_tree(random, 300);
  const auto made = publisher_.publish(tree);
  const auto manifest = must(open(made.object));
  pack::ChunkIndex loaded;
  must(load_chunks({}, *manifest, loaded));
  must(load_chunks({}, *manifest, loaded));  // again: nothing new
  const pack::ChunkIndex& chunks = publisher_.packs().finish();
  EXPECT_EQ(loaded.size(), chunks.size());
  EXPECT_LE(loaded.frames().size(), chunks.frames().size());
  // What was loaded serves to write the same release again, byte for byte but for nothing.
  testing::SamplePublisher again(*directory_, key_);
  TreeSpool spool(again.new_file("spool"));
  must(for_each_node({}, *manifest, manifest->top(), [&](const WalkedNode& node) -> Status {
    DL_TRY(spool.add(node.encoded));
    return {};
  }));
  const auto out = again.new_file("out");
  must(spool.write({}, made.release, made.envelope, &loaded, *out));
  Bytes written(made.object.size());
  must(out->read_at(0, written));
  EXPECT_EQ(written, made.object);
}

TEST_F(ManifestTest, AMissingChunkIsNotPassedOver) {
  TreeSpool spool(publisher_.new_file("spool"));
  model::Node node;
  model::Entry file;
  file.name = "f";
  file.size_bytes = 3;
  file.content = sha256("abc");
  node.entries = {file};
  Bytes encoded;
  model::encode_node(node, encoded);
  model::Release release;
  release.realm = "default";
  release.set = "s";
  release.number = 1;
  release.tree = must(spool.add(encoded));
  release.stats = model::stats_of(node);
  const std::string envelope = must(model::seal(model::encode_release(release), key_));
  const pack::ChunkIndex none;
  const auto out = publisher_.new_file("out");
  EXPECT_EQ(must_fail(spool.write({}, release, envelope, &none, *out)), Code::internal);
  must(spool.write({}, release, envelope, nullptr, *out));
}

TEST_F(ManifestTest, ARecordHasTheSameNodesAndNoPlaces) {
  std::mt19937_64 random(3);
  const SampleEntry tree = testing::random_tree(random, 200);
  const auto full = must(open(publisher_.publish(tree).object));
  const auto record = must(open(publisher_.publish(tree, SamplePlaces::no).object));
  EXPECT_TRUE(full->has_places());
  EXPECT_FALSE(record->has_places());
  EXPECT_EQ(must(all_nodes(*full)), must(all_nodes(*record)));
  EXPECT_EQ(must_fail(record->places({}, 0)), Code::internal);
  pack::ChunkIndex index;
  EXPECT_FALSE(load_chunks({}, *record, index));
}

TEST_F(ManifestTest, ALargeDirectoryIsReadInRunsAndItsSegmentsOnce) {
  SampleEntry tree = sample_directory();
  std::mt19937_64 random(11);
  for (int i = 0; i < 50'000; ++i) tree.children["file-" + std::to_string(i)] = sample_file(std::to_string(i));
  for (int i = 0; i < 30; ++i) {
    tree.children["long-" + std::to_string(i)] = {.content = testing::random_content(random, 64 * 500)};
  }
  testing::SampleCut cut;
  cut.run_entries = 1500;
  cut.frame_bytes = 100'000;
  cut.pack_bytes = 1'000'000;
  testing::SamplePublisher publisher(*directory_, key_, nullptr, cut);
  const auto made = publisher.publish(tree);
  ASSERT_GE(made.index.segments.size(), 3U);

  auto segments = std::make_unique<CountingSegments>(made.object);
  const CountingSegments& counted = *segments;
  Manifest manifest(decode_index(made.object).value(), std::move(segments));
  const Op op;
  DirectoryCursor cursor(op, manifest, manifest.top());
  auto expected = tree.children.begin();
  while (const DirectoryCursor::Item* item = must(cursor.next())) {
    ASSERT_EQ(item->entry->name, expected->first);
    ++expected;
    must(
        for_each_chunk(op, manifest, *item, [&](const model::Chunk&, std::uint64_t, std::uint64_t node, std::uint32_t) {
          return manifest.places(op, node).has_value() ? Status{} : Status{Error{}};
        }));
  }
  EXPECT_EQ(expected, tree.children.end());
  EXPECT_EQ(counted.reads, 2 * static_cast<int>(made.index.segments.size())) << "nodes and places of each, once";
}

TEST_F(ManifestTest, DecodedSegmentsAreBounded) {
  SampleEntry tree = sample_directory();
  std::mt19937_64 random(12);
  // List nodes of 1 MiB of hashes, a segment each.
  for (int i = 0; i < 12; ++i) {
    tree.children["long-" + std::to_string(i)] = {.content = testing::random_content(random, std::size_t{31} << 10)};
  }
  testing::SampleCut cut;
  cut.chunk_bytes = 1;
  cut.list_chunks = 16384;
  testing::SamplePublisher publisher(*directory_, key_, nullptr, cut);
  const auto made = publisher.publish(tree, SamplePlaces::no);
  ASSERT_GE(made.index.segments.size(), 12U);
  auto segments = std::make_unique<CountingSegments>(made.object);
  const CountingSegments& counted = *segments;
  Manifest manifest(decode_index(made.object).value(), std::move(segments));
  must(all_nodes(manifest));
  must(all_nodes(manifest));
  // Were they all kept, the second walk would read nothing.
  EXPECT_GE(counted.reads, 2 * static_cast<int>(made.index.segments.size()) - 9);
}

TEST_F(ManifestTest, EqualSubtreesAreWrittenAtEachPlace) {
  std::mt19937_64 random(21);
  const SampleEntry shared = testing::random_tree(random, 30);
  const SampleEntry tree = sample_directory({{"a", shared}, {"b", shared}, {"c", sample_directory({{"a", shared}})}});
  const auto made = publisher_.publish(tree);
  const auto manifest = must(open(made.object));
  const auto nodes = must(all_nodes(*manifest));
  EXPECT_EQ(nodes.size(), made.release.stats.nodes);
  const auto a = must(find_entry({}, *manifest, manifest->top(), "a"));
  const auto b = must(find_entry({}, *manifest, manifest->top(), "b"));
  EXPECT_EQ(a->entry.node, b->entry.node);
  EXPECT_NE(a->first_child, b->first_child);
}

TEST_F(ManifestTest, AWrongHashOrOrdinalIsRefused) {
  std::mt19937_64 random(2);
  const auto manifest = must(open(publisher_.publish(testing::random_tree(random, 50)).object));
  const NodeRef top = manifest->top();
  must(manifest->node({}, 0, top.hash));
  EXPECT_EQ(must_fail(manifest->node({}, 0, sha256("other"))), Code::corrupt);
  EXPECT_EQ(must_fail(manifest->node({}, 1, top.hash)), Code::corrupt);
  EXPECT_EQ(must_fail(manifest->node({}, top.stats->nodes, top.hash)), Code::invalid);
  EXPECT_EQ(must_fail(manifest->node({}, UINT64_MAX, top.hash)), Code::invalid);
  must(manifest->node({}, 0, top.hash));
}

// Whatever byte is changed: either something is refused, or what is read is what was written (zstd has bits that mean
// nothing, and the places are hints that are proved by the chunks they lead to).
TEST_F(ManifestTest, NoDamagedByteGoesUnnoticed) {
  std::mt19937_64 random(31);
  const SampleEntry tree =
      sample_directory({{"d", sample_directory({{"e", sample_directory()}, {"f", sample_file("1")}})},
                        {"g", sample_file("2")},
                        {"long", {.content = testing::random_content(random, std::size_t{64} * 70)}}});
  const auto made = publisher_.publish(tree);
  const auto nodes = must(all_nodes(*must(open(made.object))));
  const std::vector<PublicKey> trusted = {key_.public_key()};
  const auto is_noticed = [&](const Bytes& damaged) {
    auto index = decode_index(damaged);
    if (!index || index->total_bytes != damaged.size()) return true;
    if (!check_statement(*index, publisher_.set(), made.index.id, trusted)) return true;
    Manifest manifest(std::move(*index), std::make_unique<CountingSegments>(damaged));
    const auto read = all_nodes(manifest);
    EXPECT_TRUE(!read || *read == nodes);
    return !read;
  };
  const std::uint64_t nodes_end =
      made.index.segments.front().offset_bytes + made.index.segments.front().nodes_stored_bytes;
  std::uint64_t unnoticed = 0;
  for (std::uint64_t at = 0; at < made.object.size(); ++at) {
    Bytes damaged = made.object;
    damaged[at] ^= static_cast<std::uint8_t>(1U << (at % 8));
    const bool noticed = is_noticed(damaged);
    EXPECT_TRUE(noticed || at >= header_bytes + made.envelope.size()) << "header or statement, byte " << at;
    if (at < nodes_end && !noticed) ++unnoticed;
  }
  const std::uint64_t hints = made.index.packs.size() * 32;  // the packs' names
  EXPECT_LE(unnoticed, hints + nodes_end / 100) << "of " << nodes_end;
}

TEST_F(ManifestTest, ATruncatedOrLongerFileIsRefused) {
  std::mt19937_64 random(31);
  const auto made = publisher_.publish(testing::random_tree(random, 20));
  for (std::uint64_t length = 0; length < made.object.size(); length += 1 + length / 16) {
    EXPECT_EQ(must_fail(open(ByteView(made.object).first(length))), Code::invalid) << length;
  }
  Bytes longer = made.object;
  longer.push_back(0);
  EXPECT_EQ(must_fail(open(longer)), Code::invalid);
}

class IndexRules : public ManifestTest {
 protected:
  testing::SampleRelease made_ = publisher_.publish(sample_directory({{"f", sample_file("x")}}));

  // An object's start around hand-made index bytes.
  Bytes start_of(ByteView raw, std::uint32_t claimed_raw) {
    Bytes stored;
    must(Squeezer(1).squeeze(raw, stored));
    Bytes start;
    ByteWriter write(start);
    write.raw(bytes_of("duskline-manifest-1\n"));
    write.u32_fixed(static_cast<std::uint32_t>(made_.envelope.size()));
    write.u32_fixed(static_cast<std::uint32_t>(stored.size()));
    write.u32_fixed(claimed_raw);
    write.raw(bytes_of(made_.envelope));
    write.raw(stored);
    return start;
  }
  // numbers -> varints.
  Bytes start_of(const std::vector<std::uint64_t>& numbers) {
    Bytes raw;
    ByteWriter write(raw);
    for (const std::uint64_t number : numbers) write.varint(number);
    return start_of(raw, static_cast<std::uint32_t>(raw.size()));
  }
  void expect_refused(const Bytes& start, const std::string& words) {
    const auto index = decode_index(start);
    ASSERT_FALSE(index) << words;
    EXPECT_EQ(index.error().code, Code::invalid);
    EXPECT_THAT(index.error().describe(), HasSubstr(words));
  }
};

TEST_F(IndexRules, EachHasItsMessage) {
  // flags, packs, segments, then for each: nodes, stored, raw, places stored, places raw
  must(decode_index(start_of({1, 0, 1, 1, 20, 30, 20, 30})));
  must(decode_index(start_of({0, 0, 1, 1, 20, 30})));
  expect_refused(start_of({2, 0, 1, 1, 20, 30}), "flags that this version does not know");
  expect_refused(start_of({0, 1, 1, 1, 20, 30}), "table of packs is cut short");
  expect_refused(start_of({1, 1ULL << 60, 1, 1, 20, 30}), "table of packs is cut short");
  expect_refused(start_of({0, 0}), "table of segments is cut short");
  expect_refused(start_of({0, 0, 1ULL << 60, 1, 20, 30}), "table of segments is cut short");
  expect_refused(start_of({0, 0, 0}), "no or more than 1,048,576 segments");
  expect_refused(start_of({0, 0, 1, 0, 20, 30}), "a segment has no or more than 16384 nodes");
  expect_refused(start_of({0, 0, 1, 16385, 20, 30000}), "a segment has no or more than 16384 nodes");
  expect_refused(start_of({0, 0, 1, 2, 20, 1}), "more than 16 MiB of nodes, or fewer bytes than nodes");
  expect_refused(start_of({0, 0, 1, 1, 20, (16U << 20) + 1}), "more than 16 MiB of nodes, or fewer bytes than nodes");
  expect_refused(start_of({0, 0, 1, 1, 0, 30}), "a segment has a stored size that does not fit");
  expect_refused(start_of({0, 0, 1, 1, 30 + 1025, 30}), "a segment has a stored size that does not fit");
  expect_refused(start_of({1, 0, 1, 1, 20, 30, 20, 0}), "a segment's places do not fit its nodes");
  expect_refused(start_of({1, 0, 1, 1, 20, 30, 20, 133}), "a segment's places do not fit its nodes");
  expect_refused(start_of({1, 0, 1, 1, 20, 30, 0, 30}), "a segment's places have a stored size that does not fit");
  expect_refused(start_of({0, 0, 1, 1, 20, 30, 0}), "bytes are left over after its index");
  expect_refused(start_of({0, 0, 1, 2, 20, 30}), "its segments hold 2 nodes, but the signed statement says 1");
  Bytes pack_without_places = {0, 1};
  pack_without_places.resize(34 + 4, 1);
  expect_refused(start_of(pack_without_places, 38), "it lists packs, but no places");
}

TEST_F(IndexRules, TheHeaderHasItsOwn) {
  const Bytes good = start_of({0, 0, 1, 1, 20, 30});
  const auto with = [&](std::size_t at, std::uint32_t value) {
    Bytes start = good;
    for (std::size_t i = 0; i < 4; ++i) start[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    return start;
  };
  constexpr std::size_t envelope = 20, stored = 24, raw = 28;
  expect_refused(Bytes(good.begin(), good.begin() + 31), "shorter than its header");
  expect_refused(with(0, 0), "does not begin with \"duskline-manifest-1\"");
  expect_refused(with(envelope, 0), "signed statement has no or more than 64 KiB");
  expect_refused(with(envelope, 65537), "signed statement has no or more than 64 KiB");
  expect_refused(with(raw, 0), "its index has no or more than 64 MiB");
  expect_refused(with(raw, (64 << 20) + 1), "its index has no or more than 64 MiB");
  expect_refused(with(stored, 0), "its index has a stored size that does not fit");
  expect_refused(with(stored, 5000), "its index has a stored size that does not fit");
  expect_refused(Bytes(good.begin(), good.end() - 1), "ends within its index");
  EXPECT_EQ(must_fail(decode_index(with(raw, 7))), Code::corrupt) << "a length that zstd does not confirm";
  EXPECT_EQ(must_fail(decode_index(with(raw, 64 << 20))), Code::corrupt);
}

TEST_F(IndexRules, AbsurdTotalsOfASignedReleaseAreRefused) {
  for (int field = 0; field < 4; ++field) {
    model::Release release = made_.release;
    if (field == 0) release.stats.nodes = max_tree_nodes + 1;
    if (field == 1) release.stats.entries = max_tree_entries + 1;
    if (field == 2) release.stats.files = release.stats.entries + 1;
    if (field == 3) release.stats.nodes = 0;
    made_.envelope = must(model::seal(model::encode_release(release), key_));
    EXPECT_EQ(must_fail(decode_index(start_of({0, 0, 1, 1, 20, 30}))), Code::invalid) << field;
  }
}

TEST_F(ManifestTest, SegmentsWithHostileInsidesAreRefused) {
  const auto made = publisher_.publish(sample_directory({{"f", sample_file("x")}}));
  const auto open_with = [&](ByteView nodes, ByteView places) {
    Bytes stored_nodes, stored_places, object;
    must(Squeezer(1).squeeze(nodes, stored_nodes));
    must(Squeezer(1).squeeze(places, stored_places));
    SegmentInfo info;
    info.nodes = 1;
    info.nodes_stored_bytes = static_cast<std::uint32_t>(stored_nodes.size());
    info.nodes_raw_bytes = static_cast<std::uint32_t>(nodes.size());
    info.places_stored_bytes = static_cast<std::uint32_t>(stored_places.size());
    info.places_raw_bytes = static_cast<std::uint32_t>(places.size());
    object = must(encode_index(made.envelope, made.index.packs, {info}));
    object.insert(object.end(), stored_nodes.begin(), stored_nodes.end());
    object.insert(object.end(), stored_places.begin(), stored_places.end());
    return must(open(object));
  };
  const auto refused = [&](auto&& result, const std::string& words) {
    ASSERT_FALSE(result) << words;
    EXPECT_THAT(result.error().describe(), HasSubstr(words));
  };
  const Hash256 top = made.release.tree;
  const Bytes one_place = {1, 0, 0, 0};  // one place for the node, empty tables
  const Bytes no_place = {0, 0, 0, 0};
  Bytes cut_short = {40, 1, 2, 3}, left_over = {1, 7, 7}, no_node = {0};
  refused(open_with(cut_short, no_place)->node({}, 0, top), "a node is longer than its segment");
  refused(open_with(left_over, no_place)->node({}, 0, top), "bytes are left over in a segment");
  refused(open_with(no_node, no_place)->node({}, 0, top), "a node is longer than its segment");
  Bytes node = {40};
  node.resize(41, 1);
  refused(open_with(node, one_place)->places({}, 0), "places are not as many");
  refused(open_with(node, Bytes{2, 0, 0, 0})->places({}, 0), "more places than its nodes can have chunks");
  refused(open_with(node, Bytes{0, 1, 0, 1, 'a', 0, 1, 0, 0})->places({}, 0), "patches are not allowed");
  EXPECT_TRUE(open_with(node, no_place)->places({}, 0));
}

TEST_F(ManifestTest, ARecordWriterCopiesVerifiedSubtreesOnly) {
  std::mt19937_64 random(41);
  const SampleEntry tree = testing::random_tree(random, 100);
  const auto made = publisher_.publish(tree, SamplePlaces::no);
  const auto from = must(open(made.object));
  {
    RecordWriter writer(made.envelope, publisher_.new_file("record"));
    must(writer.copy({}, *from, from->top(), made.release.stats.nodes));
    EXPECT_EQ(must(all_nodes(*must(writer.finish()))), must(all_nodes(*from)));
  }
  {
    RecordWriter writer(made.envelope, publisher_.new_file("record"));
    NodeRef wrong = from->top();
    wrong.hash = sha256("other");
    EXPECT_EQ(must_fail(writer.copy({}, *from, wrong, made.release.stats.nodes)), Code::corrupt);
  }
  {
    RecordWriter writer(made.envelope, publisher_.new_file("record"));
    EXPECT_EQ(must_fail(writer.copy({}, *from, from->top(), made.release.stats.nodes + 1)), Code::invalid);
  }
  {
    RecordWriter writer(made.envelope, publisher_.new_file("record"));
    must(writer.append(must(all_nodes(*from)).front()));
    EXPECT_EQ(must_fail(writer.finish()), Code::invalid) << "nodes are missing";
  }
}

TEST_F(ManifestTest, ASpoolWithoutANodeThatIsNeededSaysSo) {
  std::mt19937_64 random(42);
  const auto made = publisher_.publish(testing::random_tree(random, 30), SamplePlaces::no);
  const auto nodes = must(all_nodes(*must(open(made.object))));
  TreeSpool spool(publisher_.new_file("spool"));
  for (std::size_t i = 0; i + 1 < nodes.size(); ++i) must(spool.add(nodes[i]));
  const auto out = publisher_.new_file("out");
  EXPECT_EQ(must_fail(spool.write({}, made.release, made.envelope, nullptr, *out)), Code::internal);
  must(spool.add(nodes.back()));
  must(spool.write({}, made.release, made.envelope, nullptr, *out));
}

}  // namespace
}  // namespace duskline::release
