// Releases with heads for tests of the receiving side: honest ones from trees in memory, and hostile ones from nodes
// and places that no publisher would write. Header only, like sample_release.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "disk/real_disk.h"
#include "model/release.h"
#include "release/delta_object.h"
#include "release/segment_writer.h"
#include "store/object_store.h"
#include "testing/must.h"
#include "testing/sample_release.h"
#include "testing/scratch.h"

namespace duskline::testing {

// A chunk's place as a hostile manifest says it.
struct MadePlace {
  Hash256 pack;
  model::Frame frame;
  std::uint32_t offset = 0;
};

// A node as it shall stand in the manifest, with the places of its chunks.
struct MadeNode {
  Bytes encoded;
  std::vector<MadePlace> places;
};

[[nodiscard]] inline Bytes encoded(const model::Node& node) {
  Bytes bytes;
  model::encode_node(node, bytes);
  return bytes;
}

// A file entry of one chunk.
[[nodiscard]] inline model::Entry made_file(std::string name, std::string_view content) {
  model::Entry entry;
  entry.kind = model::EntryKind::file;
  entry.name = std::move(name);
  entry.mode = 0644;
  entry.mtime_ns = 1'700'000'000'000'000'000;
  entry.size_bytes = content.size();
  entry.content = sha256(content);
  return entry;
}

class ReleaseMaker {
 public:
  explicit ReleaseMaker(store::ObjectStore& store, SampleCut cut = {})
      : store_(store),
        key_(must(SigningKey::generate())),
        disk_(disk::open_real_disk()),
        folder_(must(disk_->open(scratch_.path()))),
        publisher_(*folder_, key_, &store, cut) {}

  [[nodiscard]] const SigningKey& key() const { return key_; }
  [[nodiscard]] const model::SetName& set() const { return publisher_.set(); }
  [[nodiscard]] model::ChannelName channel() const { return must(model::ChannelName::parse("live")); }
  [[nodiscard]] SamplePublisher& publisher() { return publisher_; }

  // Puts the release and moves the head to it.
  SampleRelease publish(const SampleEntry& tree, std::vector<model::DeltaRef> deltas = {}) {
    SampleRelease made = publisher_.publish(tree);
    put_head(made, std::move(deltas));
    return made;
  }

  // The same with a delta from `before`, a release of `old_tree`: files that are in both are patched as wholes, other
  // new chunks named where they lie in packs.
  SampleRelease publish_with_delta(const SampleEntry& old_tree, const SampleRelease& before, const SampleEntry& tree) {
    SampleRelease made = publisher_.publish(tree);
    const auto old_manifest = must(release::Manifest::open(publisher_.file_of(before.object)));
    const auto out_file = [&](const char* name) { return publisher_.new_file(name); };
    const auto new_manifest = must(release::Manifest::open([&] {
      auto file = out_file("to");
      must(file->write_at(0, made.object));
      return file;
    }()));
    release::DeltaWriter writer(before.index.id, made.index.id, made.envelope, out_file("delta scratch"));
    must(release::write_delta_nodes({}, *old_manifest, *new_manifest, writer));
    pack::FrameEncoder encoder(pack::Effort::normal);
    add_patches(writer, encoder, *new_manifest, new_manifest->top(), &old_tree, tree, "");
    const auto out = out_file("delta");
    const model::DeltaRef ref = must(writer.finish(*out));
    Bytes object(ref.total_bytes);
    must(out->read_at(0, object));
    put(model::delta_key(set(), before.index.id, made.index.id), object);
    put_head(made, {ref});
    return made;
  }

  // The same from nodes in preorder, whatever they say. The statement claims `stats`, and `tree` as its top; `change`
  // may make it claim more.
  SampleRelease publish_nodes(const std::vector<MadeNode>& nodes, model::TreeStats stats,
                              std::optional<Hash256> tree = {},
                              const std::function<void(model::Release&)>& change = {}) {
    SampleRelease made;
    made.release.realm = "default";
    made.release.set = set().text();
    made.release.number = 1000 + version_;
    made.release.tree = tree.value_or(sha256(nodes.front().encoded));
    made.release.stats = stats;
    if (change) change(made.release);
    made.envelope = must(model::seal(model::encode_release(made.release), key_));
    std::vector<Hash256> packs;
    const auto out = publisher_.new_file("hostile");
    release::SegmentWriter writer(*out, release::WithPlaces::yes, 1);
    std::uint32_t key = 0;
    for (const MadeNode& node : nodes) {
      must(writer.add_node(node.encoded));
      for (MadePlace place : node.places) {
        place.frame.pack = static_cast<std::uint32_t>(packs.size());
        packs.push_back(place.pack);
        writer.add_place(key++, place.frame, place.offset);
      }
    }
    made.index = must(writer.finish(made.release, made.envelope, packs));
    made.object.resize(must(out->stat()).size_bytes);
    must(out->read_at(0, made.object));
    put(model::release_key(set(), made.index.id), made.object);
    put_head(made);
    return made;
  }

  // A pack of these bytes, and where each text lies in it, uncompressed.
  std::vector<MadePlace> put_pack(const std::vector<std::string>& texts) {
    std::string bytes;
    std::vector<MadePlace> places;
    for (const std::string& text : texts) {
      MadePlace place;
      place.frame.offset_bytes = bytes.size();
      place.frame.stored_bytes = place.frame.raw_bytes = text.size();
      places.push_back(place);
      bytes += text;
    }
    for (MadePlace& place : places) place.pack = sha256(bytes);
    put(model::pack_key(set(), sha256(bytes)), bytes_of(bytes));
    return places;
  }

  [[nodiscard]] model::Head next_head(const SampleRelease& made) {
    model::Head head;
    head.realm = "default";
    head.set = set().text();
    head.channel = channel().text();
    head.version = ++version_;
    head.release = made.index.id;
    head.number = made.release.number;
    head.published = made.release.published;
    head.signed_at = now_;
    head.expires = now_ + std::chrono::days(30);
    head.previous = previous_;
    head.manifest_bytes = made.object.size();
    head.manifest_index_bytes = made.index.index_bytes;
    return head;
  }
  void put_head(const SampleRelease& made, std::vector<model::DeltaRef> deltas = {}) {
    model::Head head = next_head(made);
    head.deltas = std::move(deltas);
    put_head(head, key_);
  }
  void put_head(const model::Head& head, const Signer& signer) {
    const std::string envelope = must(model::seal(model::encode_head(head), signer));
    previous_ = sha256(envelope);
    put(model::head_key(set(), channel()), bytes_of(envelope));
  }
  void put(const std::string& key, ByteView bytes) { must(store::put_all(store_, {}, store::Key(key), bytes, {})); }

 private:
  void add_patches(release::DeltaWriter& writer, pack::FrameEncoder& encoder, release::Manifest& manifest,
                   const release::NodeRef& top, const SampleEntry* old_tree, const SampleEntry& tree,
                   const std::string& above) {
    const Op op;
    release::DirectoryCursor cursor(op, manifest, top);
    while (const auto* item = must(cursor.next())) {
      const std::string path = above + item->entry->name;
      const SampleEntry& now = tree.children.at(item->entry->name);
      const SampleEntry* old = nullptr;
      if (old_tree != nullptr) {
        const auto found = old_tree->children.find(item->entry->name);
        if (found != old_tree->children.end() && found->second.kind == now.kind) old = &found->second;
      }
      if (item->entry->kind == model::EntryKind::directory) {
        add_patches(writer, encoder, manifest, item->directory(), old, now, path + "/");
      } else if (item->entry->kind == model::EntryKind::file && !(old != nullptr && old->content == now.content)) {
        add_file_patches(writer, encoder, manifest, *item, old, now, path);
      }
    }
  }

  void add_file_patches(release::DeltaWriter& writer, pack::FrameEncoder& encoder, release::Manifest& manifest,
                        const release::DirectoryCursor::Item& item, const SampleEntry* old, const SampleEntry& now,
                        const std::string& path) {
    std::vector<model::Chunk> chunks;
    bool has_holes = false;
    must(release::for_each_chunk({}, manifest, item, [&](const model::Chunk& chunk, auto, auto, auto) -> Status {
      has_holes = has_holes || chunk.is_hole();
      chunks.push_back(chunk);
      return {};
    }));
    if (old != nullptr && !old->content.empty() && !has_holes && !chunks.empty()) {
      Bytes patch;
      encoder.encode_patch(old->content, now.content, patch);
      must(writer.add_patch({path, 0, old->content.size()}, patch, now.content.size(), chunks));
      return;
    }
    pack::ChunkIndex& index = publisher_.packs().finish();
    for (const model::Chunk& chunk : chunks) {
      if (chunk.is_hole()) continue;
      const auto place = index.find(chunk.hash).value();
      const model::Frame& frame = index.frames()[place.frame];
      must(writer.add_pack_place(chunk.hash, index.packs()[frame.pack], frame, place.offset_bytes));
    }
  }

  store::ObjectStore& store_;
  SigningKey key_;
  Scratch scratch_;
  std::unique_ptr<disk::Filesystem> disk_;
  std::unique_ptr<disk::Directory> folder_;
  SamplePublisher publisher_;
  std::uint64_t version_ = 0;
  Hash256 previous_;
  const WallTime now_{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}};
};

}  // namespace duskline::testing
