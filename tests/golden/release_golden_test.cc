// Manifest and delta objects as they were once stored: they must be read for ever. What is written today may differ in
// how it is compressed, so that only what it decodes to is compared.
#include <gtest/gtest.h>

#include "disk/real_disk.h"
#include "golden.h"
#include "release/delta_object.h"
#include "testing/sample_release.h"
#include "testing/scratch.h"

namespace duskline::release {
namespace {

using testing::must;
using testing::sample_directory;
using testing::sample_file;
using testing::SampleEntry;
using testing::SampleRelease;

const Op op;

bool regenerates() { return std::getenv("DUSKLINE_REGENERATE_GOLDEN") != nullptr; }

void keep(const std::string& name, ByteView bytes) {
  if (regenerates()) golden::expect_stored(name, bytes);
}

Bytes pattern(std::size_t bytes, std::uint32_t seed) {
  Bytes content(bytes);
  for (auto& byte : content) byte = static_cast<std::uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
  return content;
}

// Runs, list nodes, holes, a link, an empty directory.
SampleEntry old_tree() {
  SampleEntry sparse = {.content = pattern(200, 1)};
  sparse.content.resize(1000);
  SampleEntry tree = sample_directory({{"empty", sample_directory()},
                                       {"long", {.content = pattern(64 * 150, 2)}},
                                       {"sparse", sparse},
                                       {"usr", sample_directory({{"f", sample_file("one")}})}});
  for (int i = 0; i < 20; ++i) tree.children["file " + std::to_string(i)] = sample_file(std::to_string(i));
  tree.children["link"] = {.kind = model::EntryKind::symlink, .mode = 0, .target = "usr/f"};
  return tree;
}
SampleEntry new_tree() {
  SampleEntry tree = old_tree();
  tree.children["usr"].children["f"] = sample_file("two");
  tree.children["usr"].children["new"] = sample_directory({{"g", sample_file("three")}});
  tree.children["long"].content[64 * 20] ^= 1;
  tree.children.erase("file 7");
  return tree;
}

class ReleaseGolden : public ::testing::Test {
 protected:
  static testing::SampleCut cut() {
    testing::SampleCut cut;
    cut.run_entries = 10;
    return cut;
  }
  testing::Scratch folder_;
  std::unique_ptr<disk::Directory> directory_ = must(disk::open_real_disk()->open(folder_.path()));
  SigningKey key_ = must(SigningKey::parse("duskline-ed25519-secret:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"));
  testing::SamplePublisher publisher_{*directory_, key_, nullptr, cut()};
  SampleRelease from_ = publisher_.publish(old_tree()), to_ = publisher_.publish(new_tree());

  std::unique_ptr<Manifest> open(ByteView object) { return must(Manifest::open(publisher_.file_of(object))); }

  // Nodes and, where there are any, places, as one text.
  static std::string read(Manifest& manifest) {
    std::string text;
    must(for_each_node(op, manifest, manifest.top(), [&](const WalkedNode& node) -> Status {
      text += std::to_string(node.ordinal) + " " + to_hex(node.encoded) + "\n";
      if (!manifest.has_places()) return {};
      DL_ASSIGN(const NodePlaces places, manifest.places(op, node.ordinal));
      for (const model::Place& place : places.places) {
        const model::Frame& frame = places.table->frames[place.frame];
        text += manifest.index().packs[frame.pack].hex() + " " + std::to_string(frame.offset_bytes) + " " +
                std::to_string(frame.stored_bytes) + " " + std::to_string(frame.raw_bytes) + " " +
                std::to_string(place.offset_bytes) + "\n";
      }
      return {};
    }));
    return text;
  }
};

TEST_F(ReleaseGolden, AManifestIsReadAsEver) {
  keep("manifest", from_.object);
  const auto stored = open(golden::stored("manifest")), today = open(from_.object);
  EXPECT_EQ(stored->index().id, today->index().id);
  EXPECT_EQ(stored->index().envelope, from_.envelope);
  EXPECT_TRUE(stored->has_places());
  EXPECT_EQ(read(*stored), read(*today));
}

TEST_F(ReleaseGolden, ATargetsRecordIsReadAsEver) {
  RecordWriter writer(from_.envelope, publisher_.new_file("record"));
  const auto manifest = open(from_.object);
  must(writer.copy(op, *manifest, manifest->top(), from_.release.stats.nodes));
  const auto today = must(writer.finish());
  if (regenerates()) {
    Bytes object(today->index().total_bytes);
    must(must(directory_->open_read("record"))->read_at(0, object));
    keep("record", object);
  }
  const auto stored = open(golden::stored("record"));
  EXPECT_FALSE(stored->has_places());
  EXPECT_EQ(stored->index().id, today->index().id);
  EXPECT_EQ(read(*stored), read(*today));
}

TEST_F(ReleaseGolden, ADeltaIsReadAsEver) {
  const auto from = open(from_.object), to = open(to_.object);
  DeltaWriter writer(from_.index.id, to_.index.id, to_.envelope, publisher_.new_file("patches"));
  must(write_delta_nodes(op, *from, *to, writer));
  const Bytes patch = pattern(100, 3);
  must(writer.add_patch({"long", 1000, 2000}, patch, 64, std::vector<model::Chunk>{{sha256("chunk"), 64}}));
  model::Frame frame{.offset_bytes = 10, .stored_bytes = 20, .raw_bytes = 20};
  must(writer.add_pack_place(sha256("three"), sha256("pack"), frame, 15));
  const auto out = publisher_.new_file("delta");
  const model::DeltaRef ref = must(writer.finish(*out));
  Bytes today(ref.total_bytes);
  must(out->read_at(0, today));
  keep("delta", today);

  const Bytes stored = golden::stored("delta");
  const DeltaIndex was = must(decode_delta_index(stored)), is = must(decode_delta_index(today));
  EXPECT_EQ(was.from, is.from);
  EXPECT_EQ(was.to, is.to);
  EXPECT_EQ(was.envelope, is.envelope);
  EXPECT_EQ(was.packs, is.packs);
  EXPECT_EQ(was.table.bases, is.table.bases);
  EXPECT_EQ(was.chunks, is.chunks);
  EXPECT_EQ(was.total_bytes, stored.size());
  const model::Frame& patched = was.table.frames[was.find(sha256("chunk"))->frame];
  const ByteView found = ByteView(stored).subspan(patched.offset_bytes, patched.stored_bytes);
  EXPECT_EQ(Bytes(found.begin(), found.end()), patch);
  const auto made = must(apply_delta_nodes(op, *from, was, to_.release, publisher_.new_file("made")));
  RecordWriter record(to_.envelope, publisher_.new_file("record"));
  must(record.copy(op, *to, to->top(), to_.release.stats.nodes));
  EXPECT_EQ(read(*made), read(*must(record.finish())));
}

}  // namespace
}  // namespace duskline::release
