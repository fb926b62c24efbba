// Manifests. The first byte says what follows: 0 a whole object, 1 the raw index, 2 the length of a segment's raw nodes
// (2 bytes), those, and its raw places. What is compressed or signed in an object is made so here, since no fuzzer
// gets through a hash.
#include <algorithm>

#include "fuzz.h"
#include "release/manifest.h"
#include "release/segment_writer.h"
#include "release/squeeze.h"

namespace duskline::fuzz {
namespace {

// What any other programmer's release looks like, but signed with a key that everybody knows.
const SigningKey& key() {
  static const auto key = SigningKey::parse("duskline-ed25519-secret:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
  return *key;
}

std::string envelope_of(const Hash256& tree, std::uint64_t nodes) {
  model::Release release;
  release.realm = "default";
  release.set = "fuzz";
  release.number = 1;
  release.tree = tree;
  release.stats = {nodes, 0, 0, 0};
  return *model::seal(model::encode_release(release), key());
}

class Memory final : public release::SegmentSource {
 public:
  explicit Memory(ByteView object) : object_(object) {}
  Status read(const Op&, std::uint64_t offset, std::uint64_t length, Bytes& out) override {
    require(offset <= object_.size() && length <= object_.size() - offset, "segments lie within the object");
    const ByteView part = object_.subspan(offset, length);
    out.assign(part.begin(), part.end());
    return {};
  }

 private:
  ByteView object_;
};

void check_index(const release::ManifestIndex& index) {
  std::uint64_t nodes = 0, end = index.index_bytes;
  for (const release::SegmentInfo& segment : index.segments) {
    require(segment.first_node == nodes && segment.offset_bytes == end, "segments follow one another");
    require(segment.nodes > 0 && segment.nodes_raw_bytes <= release::max_segment_raw_bytes, "segments are bounded");
    require((segment.places_raw_bytes > 0) == index.has_places(), "all segments have places, or none");
    nodes += segment.nodes;
    end += segment.stored_bytes();
  }
  require(nodes == index.release.stats.nodes && end == index.total_bytes, "sums hold");
}

void read_object(ByteView object) {
  auto index = release::decode_index(object);
  if (!index) return;
  check_index(*index);
  if (index->total_bytes != object.size()) return;
  const bool places = index->has_places();
  const std::uint64_t nodes = std::min<std::uint64_t>(index->release.stats.nodes, 64);
  const std::size_t packs = index->packs.size();
  release::Manifest manifest(std::move(*index), std::make_unique<Memory>(object));
  const Op op;
  (void)release::for_each_node(op, manifest, manifest.top(), [](const release::WalkedNode&) {
    return Status{};
  }).has_value();
  pack::ChunkIndex chunks;
  if (places) (void)release::load_chunks(op, manifest, chunks).has_value();
  for (std::uint64_t ordinal = 0; places && ordinal < nodes; ++ordinal) {
    const auto found = manifest.places(op, ordinal);
    if (!found) continue;
    for (const model::Place& place : found->places) {
      require(place.frame < found->table->frames.size(), "a place has a frame");
      require(found->table->frames[place.frame].pack < packs, "a frame has a pack");
    }
  }
}

Bytes squeezed(ByteView raw) {
  Bytes stored;
  require(release::Squeezer(1).squeeze(raw, stored).has_value(), "anything can be compressed");
  return stored;
}

void read_index(ByteView raw) {
  static const std::string envelope = envelope_of(sha256("tree"), 3);
  const Bytes stored = squeezed(raw);
  Bytes object;
  ByteWriter write(object);
  write.raw(bytes_of("duskline-manifest-1\n"));
  write.u32_fixed(static_cast<std::uint32_t>(envelope.size()));
  write.u32_fixed(static_cast<std::uint32_t>(stored.size()));
  write.u32_fixed(static_cast<std::uint32_t>(raw.size()));
  write.raw(bytes_of(envelope));
  write.raw(stored);
  read_object(object);
}

void read_segment(ByteReader read) {
  const std::size_t low = read.u8();
  const std::size_t node_bytes = std::min(low | std::size_t{read.u8()} << 8, read.left());
  const ByteView nodes = read.raw(node_bytes);
  const ByteView places = read.raw(read.left());
  if (nodes.empty() || places.empty()) return;
  ByteReader first(nodes);
  const std::uint64_t length = std::min<std::uint64_t>(first.varint(), first.left());
  const Bytes stored_nodes = squeezed(nodes), stored_places = squeezed(places);
  release::SegmentInfo info;
  info.nodes = 1;
  info.nodes_raw_bytes = static_cast<std::uint32_t>(nodes.size());
  info.places_raw_bytes = static_cast<std::uint32_t>(places.size());
  info.nodes_stored_bytes = static_cast<std::uint32_t>(stored_nodes.size());
  info.places_stored_bytes = static_cast<std::uint32_t>(stored_places.size());
  auto object = release::encode_index(envelope_of(sha256(first.raw(length)), 1), {sha256("pack")}, {info});
  object->insert(object->end(), stored_nodes.begin(), stored_nodes.end());
  object->insert(object->end(), stored_places.begin(), stored_places.end());
  read_object(*object);
}

}  // namespace
}  // namespace duskline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const ByteView in = fuzz::view(data, size);
  if (in.empty()) return 0;
  const ByteView rest = in.subspan(1);
  if (in.front() == 0) fuzz::read_object(rest);
  if (in.front() == 1 && !rest.empty()) fuzz::read_index(rest);
  if (in.front() == 2) fuzz::read_segment(ByteReader(rest));
  return 0;
}
