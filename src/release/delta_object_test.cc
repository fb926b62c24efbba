#include "release/delta_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "disk/real_disk.h"
#include "pack/frame.h"
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
using testing::SampleRelease;

const Op op;

Result<std::vector<Bytes>> all_nodes(Manifest& manifest) {
  std::vector<Bytes> nodes;
  DL_TRY(for_each_node(op, manifest, manifest.top(), [&](const WalkedNode& node) -> Status {
    nodes.emplace_back(node.encoded.begin(), node.encoded.end());
    return {};
  }));
  return nodes;
}

Bytes contents(disk::File& file) {
  Bytes bytes(must(file.stat()).size_bytes);
  must(file.read_at(0, bytes));
  return bytes;
}

class DeltaTest : public ::testing::Test {
 protected:
  testing::Scratch folder_;
  std::unique_ptr<disk::Directory> directory_ = must(disk::open_real_disk()->open(folder_.path()));
  SigningKey key_ = must(SigningKey::generate());

  std::unique_ptr<Manifest> open(testing::SamplePublisher& publisher, const SampleRelease& made) {
    return must(Manifest::open(publisher.file_of(made.object)));
  }
  static DeltaWriter writer_for(testing::SamplePublisher& publisher, const SampleRelease& from,
                                const SampleRelease& to) {
    return {from.index.id, to.index.id, to.envelope, publisher.new_file("patches")};
  }
  static Bytes finish(testing::SamplePublisher& publisher, DeltaWriter& writer) {
    const auto out = publisher.new_file("delta");
    const model::DeltaRef ref = must(writer.finish(*out));
    Bytes object = contents(*out);
    EXPECT_EQ(ref.total_bytes, object.size());
    EXPECT_EQ(must(decode_delta_index(object)).index_bytes, ref.index_bytes);
    return object;
  }
  // The delta with nodes alone.
  Bytes delta_of(testing::SamplePublisher& publisher, const SampleRelease& from, const SampleRelease& to) {
    DeltaWriter writer = writer_for(publisher, from, to);
    const auto old_tree = open(publisher, from), new_tree = open(publisher, to);
    must(write_delta_nodes(op, *old_tree, *new_tree, writer));
    return finish(publisher, writer);
  }
  Result<std::unique_ptr<Manifest>> apply(testing::SamplePublisher& publisher, Manifest& from, ByteView delta,
                                          const model::Release& to) {
    DL_ASSIGN(const DeltaIndex index, decode_delta_index(delta));
    return apply_delta_nodes(op, from, index, to, publisher.new_file("record"));
  }
  // Applied to the old record, it gives the new one, node by node. Its size.
  std::uint64_t expect_right(testing::SamplePublisher& publisher, const SampleRelease& from, const SampleRelease& to) {
    const Bytes delta = delta_of(publisher, from, to);
    const auto old_tree = open(publisher, from), new_tree = open(publisher, to);
    const auto made = must(apply(publisher, *old_tree, delta, to.release));
    EXPECT_EQ(must(all_nodes(*made)), must(all_nodes(*new_tree)));
    EXPECT_EQ(made->index().id, to.index.id);
    EXPECT_FALSE(made->has_places());
    return delta.size();
  }
};

TEST_F(DeltaTest, RandomChangesGiveTheNewRecord) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    testing::SampleCut cut;
    cut.run_entries = seed % 3 == 0 ? 16384 : 2 + seed % 6;
    cut.list_chunks = 30 + random() % 100;
    testing::SamplePublisher publisher(*directory_, key_, nullptr, cut);
    const SampleEntry before = testing::random_tree(random, 150);
    SampleEntry after = before;
    testing::mutate_tree(random, after, 1 + static_cast<int>(seed * 2));
    const auto from = publisher.publish(before, SamplePlaces::no), to = publisher.publish(after, SamplePlaces::no);
    expect_right(publisher, from, to);
    expect_right(publisher, to, from);
  }
}

TEST_F(DeltaTest, UnrelatedTreesAndEmptyOnesWorkToo) {
  std::mt19937_64 random(77);
  testing::SamplePublisher publisher(*directory_, key_);
  const auto a = publisher.publish(testing::random_tree(random, 100));
  const auto b = publisher.publish(testing::random_tree(random, 100));
  const auto nothing = publisher.publish(sample_directory());
  expect_right(publisher, a, b);
  expect_right(publisher, a, nothing);
  expect_right(publisher, nothing, a);
}

TEST_F(DeltaTest, AnEqualTreeUnderANewNumberTakesNoNodes) {
  std::mt19937_64 random(78);
  const SampleEntry tree = testing::random_tree(random, 500);
  testing::SamplePublisher publisher(*directory_, key_);
  const auto from = publisher.publish(tree), to = publisher.publish(tree);
  ASSERT_NE(from.index.id, to.index.id);
  EXPECT_LT(expect_right(publisher, from, to), 1200U);
}

TEST_F(DeltaTest, AFanThatAppearsOrShiftsKeepsWhatIsEqualBelow) {
  SampleEntry before = sample_directory();
  std::mt19937_64 random(79);
  for (int i = 0; i < 300; ++i) {
    before.children["d" + std::to_string(i)] = sample_directory({{"f", testing::random_file(random)}});
  }
  SampleEntry shifted = before;
  shifted.children["a"] = sample_file("first of all: every cut moves by one");
  testing::SampleCut flat, runs;
  runs.run_entries = 10;
  testing::SamplePublisher publisher(*directory_, key_, nullptr, flat), in_runs(*directory_, key_, nullptr, runs);
  const auto from = publisher.publish(before, SamplePlaces::no);
  const auto fan = in_runs.publish(before, SamplePlaces::no), moved = in_runs.publish(shifted, SamplePlaces::no);
  expect_right(publisher, from, fan);
  expect_right(publisher, fan, from);
  const auto index = must(decode_delta_index(delta_of(publisher, fan, moved)));
  expect_right(publisher, fan, moved);
  EXPECT_LT(index.nodes.size(), 6000U) << "300 directories below are not sent again";
}

// The list of a file of 1 GiB: 16,000 chunks, of which two are new.
TEST_F(DeltaTest, ASmallEditInALongListIsASmallPatch) {
  std::mt19937_64 random(80);
  testing::SampleCut cut;
  cut.list_chunks = 4000;
  testing::SamplePublisher publisher(*directory_, key_, nullptr, cut);
  SampleEntry tree = sample_directory({{"image", {.content = testing::random_content(random, 64 * 16'000)}}});
  const auto from = publisher.publish(tree, SamplePlaces::no);
  tree.children["image"].content[64 * 5'000] ^= 1;
  tree.children["image"].content[64 * 5'100] ^= 1;
  const auto to = publisher.publish(tree, SamplePlaces::no);
  EXPECT_LT(expect_right(publisher, from, to), 2000U);
}

TEST_F(DeltaTest, ChunksAreFoundInPatchesAndPacks) {
  std::mt19937_64 random(81);
  testing::SamplePublisher publisher(*directory_, key_);
  const auto from = publisher.publish(sample_directory({{"f", sample_file("1")}}));
  const auto to = publisher.publish(sample_directory({{"f", sample_file("2")}}));
  DeltaWriter writer = writer_for(publisher, from, to);

  const Bytes base = testing::random_content(random, 100'000);
  Bytes edited(base.begin() + 1000, base.begin() + 61'000);
  edited[30'000] ^= 1;
  Bytes patch, plain;
  pack::FrameEncoder encoder(pack::Effort::fast);
  encoder.encode_patch(ByteView(base).first(80'000), edited, patch);
  const std::vector<model::Chunk> chunks = {{sha256(ByteView(edited).first(20'000)), 20'000},
                                            {sha256(ByteView(edited).subspan(20'000)), 40'000}};
  must(writer.add_patch({"dir/old", 500, 80'000}, patch, edited.size(), chunks));
  const Bytes fresh(5000, 'x');
  encoder.encode_patch({}, fresh, plain);
  must(writer.add_patch({}, plain, fresh.size(), std::vector<model::Chunk>{{sha256(fresh), fresh.size()}}));
  const Hash256 pack_a = sha256("pack a"), pack_b = sha256("pack b");
  model::Frame frame;
  frame.offset_bytes = 777;
  frame.stored_bytes = frame.raw_bytes = 300;
  must(writer.add_pack_place(sha256("one"), pack_a, frame, 10));
  must(writer.add_pack_place(sha256("two"), pack_a, frame, 20));
  must(writer.add_pack_place(sha256("three"), pack_b, frame, 30));
  must(writer.add_pack_place(chunks[0].hash, pack_b, frame, 40));  // known already: the first place stays
  EXPECT_EQ(writer.patch_bytes(), patch.size() + plain.size());

  const Bytes object = finish(publisher, writer);
  const DeltaIndex index = must(decode_delta_index(object));
  EXPECT_EQ(index.from, from.index.id);
  EXPECT_EQ(index.to, to.index.id);
  EXPECT_EQ(index.envelope, to.envelope);
  EXPECT_EQ(index.chunks.size(), 6U);
  EXPECT_EQ(index.table.frames.size(), 4U) << "two chunks share a frame";
  EXPECT_EQ(index.find(sha256("absent")), nullptr);

  const model::Place second = *index.find(chunks[1].hash);
  EXPECT_EQ(second.offset_bytes, 20'000U);
  const model::Frame& how = index.table.frames[second.frame];
  EXPECT_EQ(how.codec, model::Codec::zstd_patch);
  EXPECT_EQ(index.table.bases[how.base], (model::BaseRange{"dir/old", 500, 80'000}));
  pack::FrameDecoder decoder;
  Bytes raw;
  const ByteView stored = ByteView(object).subspan(how.offset_bytes, how.stored_bytes);
  must(decoder.decode(how.codec, stored, how.raw_bytes, ByteView(base).first(80'000), raw));
  EXPECT_EQ(raw, edited);

  const model::Frame& without = index.table.frames[index.find(sha256(fresh))->frame];
  EXPECT_EQ(without.codec, model::Codec::zstd);
  must(decoder.decode(without.codec, ByteView(object).subspan(without.offset_bytes, without.stored_bytes),
                      without.raw_bytes, {}, raw));
  EXPECT_EQ(raw, fresh);

  const model::Place three = *index.find(sha256("three"));
  EXPECT_EQ(index.packs.at(index.table.frames[three.frame].pack - 1), pack_b);
  EXPECT_EQ(index.table.frames[three.frame].offset_bytes, 777U) << "packs have their own offsets";
}

TEST_F(DeltaTest, AHoleOrTooMuchInAPatchIsABug) {
  testing::SamplePublisher publisher(*directory_, key_);
  const auto made = publisher.publish(sample_directory());
  DeltaWriter writer = writer_for(publisher, made, made);
  const std::vector<model::Chunk> hole = {{Hash256{}, 10}}, more = {{sha256("x"), 11}};
  EXPECT_EQ(must_fail(writer.add_patch({"f", 0, 1}, Bytes(5), 10, hole)), Code::internal);
  EXPECT_EQ(must_fail(writer.add_patch({"f", 0, 1}, Bytes(5), 10, more)), Code::internal);
}

TEST_F(DeltaTest, ADeltaOfOtherReleasesIsRefused) {
  testing::SamplePublisher publisher(*directory_, key_);
  const auto a = publisher.publish(sample_directory({{"f", sample_file("1")}}));
  const auto b = publisher.publish(sample_directory({{"f", sample_file("2")}}));
  const auto c = publisher.publish(sample_directory({{"f", sample_file("3")}}));
  const Bytes delta = delta_of(publisher, a, b);
  const auto wrong_from = apply(publisher, *open(publisher, c), delta, b.release);
  EXPECT_EQ(must_fail(wrong_from), Code::invalid);
  EXPECT_THAT(wrong_from.error().describe(), HasSubstr("it starts from release " + a.index.id.short_hex()));
  const auto wrong_to = apply(publisher, *open(publisher, a), delta, c.release);
  EXPECT_EQ(must_fail(wrong_to), Code::invalid);
  EXPECT_THAT(wrong_to.error().describe(), HasSubstr("it leads to another release"));
}

TEST_F(DeltaTest, ADamagedLocalRecordIsSaidToBeDamaged) {
  std::mt19937_64 random(82);
  testing::SamplePublisher publisher(*directory_, key_);
  SampleEntry tree = testing::random_tree(random, 100);
  const auto from = publisher.publish(tree, SamplePlaces::no);
  tree.children["new"] = sample_file("1");
  const auto to = publisher.publish(tree, SamplePlaces::no);
  const Bytes delta = delta_of(publisher, from, to);
  SampleRelease damaged = from;
  damaged.object[damaged.object.size() / 2] ^= 4;
  EXPECT_EQ(must_fail(apply(publisher, *open(publisher, damaged), delta, to.release)), Code::corrupt);
}

TEST_F(DeltaTest, NoDamagedByteGivesAWrongRecord) {
  std::mt19937_64 random(83);
  testing::SamplePublisher publisher(*directory_, key_);
  SampleEntry tree = sample_directory({{"d", sample_directory({{"f", sample_file("1")}, {"g", sample_file("2")}})},
                                       {"long", {.content = testing::random_content(random, 64 * 70)}}});
  const auto from = publisher.publish(tree, SamplePlaces::no);
  tree.children["d"].children["f"] = sample_file("3");
  tree.children["long"].content[100] ^= 1;
  tree.children["new"] = sample_directory({{"f", sample_file("4")}});
  const auto to = publisher.publish(tree, SamplePlaces::no);
  const Bytes delta = delta_of(publisher, from, to);
  const auto expected = must(all_nodes(*open(publisher, to)));
  const auto old_tree = open(publisher, from);
  int refused = 0;
  for (std::size_t at = 0; at < delta.size(); ++at) {
    Bytes damaged = delta;
    damaged[at] ^= static_cast<std::uint8_t>(1U << (at % 8));
    const auto made = apply(publisher, *old_tree, damaged, to.release);
    refused += made ? 0 : 1;
    if (made) {
      EXPECT_EQ(must(all_nodes(**made)), expected) << at;
    }
  }
  EXPECT_GT(refused, static_cast<int>(delta.size() / 2));  // the rest are places, which are hints
  for (std::size_t length = 0; length < delta.size(); length += 1 + length / 20) {
    EXPECT_FALSE(decode_delta_index(ByteView(delta).first(length))) << length;
  }
}

TEST_F(DeltaTest, TooManyOrTooFewNodesAreRefused) {
  testing::SamplePublisher publisher(*directory_, key_);
  const auto from = publisher.publish(sample_directory({{"f", sample_file("1")}}));
  const auto to = publisher.publish(sample_directory({{"f", sample_file("2")}}));
  const auto node = must(all_nodes(*open(publisher, to))).front();
  for (const int count : {0, 1, 2}) {
    DeltaWriter writer = writer_for(publisher, from, to);
    for (int i = 0; i < count; ++i) must(writer.add_node({}, node));
    const auto made = apply(publisher, *open(publisher, from), finish(publisher, writer), to.release);
    EXPECT_EQ(made.has_value(), count == 1);
    EXPECT_TRUE(made || made.error().code == Code::invalid);
  }
}

// Index bytes made by hand.
class DeltaRules : public DeltaTest {
 protected:
  testing::SamplePublisher publisher_{*directory_, key_};
  SampleRelease made_ = publisher_.publish(sample_directory({{"f", sample_file("1")}}));

  struct Parts {
    Hash256 to;
    std::string envelope;
    std::uint64_t patch_bytes = 100, packs = 0;
    Bytes places = {0, 0, 0};  // no bases, frames, places
    std::uint64_t places_bytes = 3;
    std::vector<std::uint64_t> keys;
  };
  Parts parts() { return {.to = made_.index.id.hash, .envelope = made_.envelope}; }
  static Bytes object_of(const Parts& parts) {
    Bytes raw, stored, object;
    ByteWriter write(raw);
    write.raw(sha256("from").bytes);
    write.raw(parts.to.bytes);
    write.text(parts.envelope);
    write.varint(parts.patch_bytes);
    write.varint(parts.packs);
    write.varint(parts.places_bytes);
    write.raw(parts.places);
    for (const std::uint64_t key : parts.keys) write.u64_fixed(key);
    must(Squeezer(1).squeeze(raw, stored));
    ByteWriter out(object);
    out.raw(bytes_of("duskline-delta-1\n"));
    out.u32_fixed(static_cast<std::uint32_t>(stored.size()));
    out.u32_fixed(static_cast<std::uint32_t>(raw.size()));
    out.raw(stored);
    return object;
  }
  static void expect_refused(const Bytes& object, const std::string& words) {
    const auto index = decode_delta_index(object);
    ASSERT_FALSE(index) << words;
    EXPECT_EQ(index.error().code, Code::invalid);
    EXPECT_THAT(index.error().describe(), HasSubstr(words));
  }
  static Bytes places_of(const model::Frame& frame, const std::vector<model::Place>& places) {
    Bytes encoded;
    model::FrameTable table;
    table.frames = {frame};
    if (frame.codec == model::Codec::zstd_patch) table.bases = {{"f", 0, 10}};
    model::encode_places(table, places, encoded);
    return encoded;
  }
};

TEST_F(DeltaRules, EachHasItsMessage) {
  must(decode_delta_index(object_of(parts())));
  Parts bad = parts();
  bad.to = sha256("other");
  expect_refused(object_of(bad), "the signed statement in it is not that of the release it leads to");
  bad = parts();
  bad.packs = 5;
  expect_refused(object_of(bad), "table of packs is cut short");
  bad = parts();
  bad.patch_bytes = (std::uint64_t{1} << 40) + 1;
  expect_refused(object_of(bad), "patches of absurd size");
  bad = parts();
  bad.places_bytes = 1000;
  expect_refused(object_of(bad), "places are cut short");

  model::Frame frame{.offset_bytes = 50, .stored_bytes = 51, .raw_bytes = 51};
  const auto with = [&](const std::vector<model::Place>& places, std::vector<std::uint64_t> keys) {
    bad = parts();
    bad.places = places_of(frame, places);
    bad.places_bytes = bad.places.size();
    bad.keys = std::move(keys);
    return object_of(bad);
  };
  expect_refused(with({}, {}), "a patch reaches beyond its end");
  frame.stored_bytes = frame.raw_bytes = 50;
  must(decode_delta_index(with({{0, 0}}, {7})));
  expect_refused(with({{0, 0}}, {}), "fewer chunks than places");
  expect_refused(with({{0, 0}, {0, 1}}, {7, 7}), "it names one chunk twice");
  frame.pack = 1;
  expect_refused(with({}, {}), "in a pack that is not listed");
}

TEST_F(DeltaRules, AHeaderThatLiesIsRefused) {
  const Bytes good = object_of(parts());
  const auto with = [&](std::size_t at, std::uint32_t value) {
    Bytes object = good;
    for (std::size_t i = 0; i < 4; ++i) object[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    return object;
  };
  constexpr std::size_t stored = 17, raw = 21;
  expect_refused(with(0, 1), "does not begin with \"duskline-delta-1\"");
  expect_refused(with(stored, 0), "no or more than 64 MiB");
  expect_refused(with(stored, (64 << 20) + 1), "no or more than 64 MiB");
  expect_refused(with(stored, 1 << 20), "ends within its index");
  expect_refused(with(raw, (64 << 20) + 1), "no or more than 64 MiB");
  expect_refused(Bytes(good.begin(), good.begin() + 10), "shorter than its header");
  EXPECT_EQ(must_fail(decode_delta_index(with(raw, 64 << 20))), Code::corrupt);
}

}  // namespace
}  // namespace duskline::release
