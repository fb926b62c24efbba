// Delta objects. The first byte says what follows: 0 a whole object, 1 its raw index behind the signed statement, which
// is put in here, 2 the nodes of one, applied to a record of a directory with one file.
#include "fuzz.h"
#include "memory_file.h"
#include "release/delta_object.h"
#include "release/segment_writer.h"
#include "release/squeeze.h"

namespace duskline::fuzz {
namespace {

const SigningKey& key() {
  static const auto key = SigningKey::parse("duskline-ed25519-secret:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
  return *key;
}

model::Node one_file(const std::string& content) {
  model::Entry file;
  file.name = "f";
  file.size_bytes = content.size();
  file.content = sha256(content);
  model::Node node;
  node.entries = {file};
  return node;
}

struct Tree {
  Bytes node;
  model::Release release;
  std::string envelope;
};
Tree tree_of(const std::string& content, model::ReleaseNumber number) {
  Tree tree;
  const model::Node node = one_file(content);
  model::encode_node(node, tree.node);
  tree.release.realm = "default";
  tree.release.set = "fuzz";
  tree.release.number = number;
  tree.release.tree = sha256(tree.node);
  tree.release.stats = model::stats_of(node);
  tree.envelope = *model::seal(model::encode_release(tree.release), key());
  return tree;
}

void read_object(ByteView object) {
  const auto index = release::decode_delta_index(object);
  if (!index) return;
  require(index->index_bytes <= object.size() && index->total_bytes >= index->index_bytes,
          "the index is in the object");
  for (const auto& [chunk, place] : index->chunks)
    require(place.frame < index->table.frames.size(), "a place has a frame");
  for (const model::Frame& frame : index->table.frames) {
    require(frame.pack <= index->packs.size(), "a frame has a pack");
    const bool inside =
        frame.offset_bytes >= index->index_bytes && frame.offset_bytes + frame.stored_bytes <= index->total_bytes;
    require(frame.pack != 0 || inside, "a patch is in the object");
  }
}

void read_index(ByteView rest) {
  static const Tree to = tree_of("new", 2);
  Bytes raw, object, stored;
  ByteWriter write(raw);
  write.raw(sha256("from").bytes);
  write.raw(model::release_id(model::encode_release(to.release)).hash.bytes);
  write.text(to.envelope);
  write.raw(rest);
  require(release::Squeezer(1).squeeze(raw, stored).has_value(), "anything can be compressed");
  ByteWriter out(object);
  out.raw(bytes_of("duskline-delta-1\n"));
  out.u32_fixed(static_cast<std::uint32_t>(stored.size()));
  out.u32_fixed(static_cast<std::uint32_t>(raw.size()));
  out.raw(stored);
  read_object(object);
}

void apply_nodes(ByteView nodes) {
  static const Tree old_tree = tree_of("old", 1), new_tree = tree_of("new", 2);
  release::RecordWriter writer(old_tree.envelope, std::make_unique<MemoryFile>());
  require(writer.append(old_tree.node).has_value(), "a node is taken");
  const auto from = writer.finish();
  require(from.has_value(), "the old record is whole");
  release::DeltaIndex delta;
  delta.from = (*from)->index().id;
  delta.envelope = new_tree.envelope;
  delta.nodes.assign(nodes.begin(), nodes.end());
  const Op op;
  const auto made = release::apply_delta_nodes(op, **from, delta, new_tree.release, std::make_unique<MemoryFile>());
  if (!made) return;
  const auto node = (*made)->node(op, 0, new_tree.release.tree);
  require(node.has_value() && Bytes(node->begin(), node->end()) == new_tree.node, "only the right record is made");
}

}  // namespace
}  // namespace duskline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const ByteView in = fuzz::view(data, size);
  if (in.empty()) return 0;
  const ByteView rest = in.subspan(1);
  if (in.front() == 0) fuzz::read_object(rest);
  if (in.front() == 1) fuzz::read_index(rest);
  if (in.front() == 2) fuzz::apply_nodes(rest);
  return 0;
}
