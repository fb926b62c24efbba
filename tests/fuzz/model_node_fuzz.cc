// Directory nodes: what is taken is canonical, and its totals do not overflow.
#include "fuzz.h"
#include "model/tree.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  static model::Node node;  // reused, as readers do
  const ByteView in = fuzz::view(data, size);
  if (!model::decode_node(in, node)) return 0;
  Bytes again;
  model::encode_node(node, again);
  fuzz::require(again == Bytes(in.begin(), in.end()), "a node has one encoding");
  const model::TreeStats stats = model::stats_of(node);
  fuzz::require(stats.nodes >= 1 && stats.bytes <= model::max_tree_bytes, "totals are bounded");
  for (const model::Entry& entry : node.entries) {
    fuzz::require(bool(model::check_name(entry.name)), "names stay in their directory");
    std::uint64_t bytes = 0;
    model::for_each_chunk(entry, [&](const model::Chunk& chunk, std::uint64_t) { bytes += chunk.length_bytes; });
    fuzz::require(!entry.lists.empty() || bytes == entry.size_bytes, "chunks add up to the size");
  }
  return 0;
}
