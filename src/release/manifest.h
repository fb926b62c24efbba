// The manifest object of a release (docs/formats/manifest.md): the signed root statement, an index, and segments of
// nodes in preorder, each with the places of the chunks that its nodes name. A target keeps the same format, without
// places, as its record of what it has installed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/op.h"
#include "disk/filesystem.h"
#include "model/place.h"
#include "model/release.h"
#include "pack/chunk_index.h"
#include "release/node_source.h"

namespace duskline::release {

// Bounds of the format.
inline constexpr std::uint64_t max_index_raw_bytes = 64 << 20;
inline constexpr std::uint64_t max_segments = 1 << 20;
inline constexpr std::uint64_t max_segment_nodes = 16384;
inline constexpr std::uint64_t max_segment_raw_bytes = 16 << 20;  // of nodes
inline constexpr std::uint64_t segment_target_bytes = 1 << 20;    // of nodes, raw, where a writer begins the next

struct SegmentInfo {
  std::uint64_t first_node = 0, nodes = 0;
  std::uint64_t offset_bytes = 0;  // in the object; the places follow the nodes
  std::uint32_t nodes_stored_bytes = 0, nodes_raw_bytes = 0;
  std::uint32_t places_stored_bytes = 0, places_raw_bytes = 0;  // 0 in a target's record
  [[nodiscard]] std::uint64_t stored_bytes() const { return std::uint64_t{nodes_stored_bytes} + places_stored_bytes; }
};

struct ManifestIndex {
  std::string envelope;    // as signed
  model::Release release;  // what it says
  model::ReleaseId id;
  std::vector<Hash256> packs;
  std::vector<SegmentInfo> segments;
  std::uint64_t index_bytes = 0;  // envelope and index together, at the object's start
  std::uint64_t total_bytes = 0;
  [[nodiscard]] bool has_places() const { return !segments.empty() && segments.front().places_raw_bytes > 0; }
};

// How long the index is, from the object's first header_bytes.
inline constexpr std::uint64_t header_bytes = 32;
[[nodiscard]] Result<std::uint64_t> index_size(ByteView header);

// From the first `index_bytes` (or more) of an object; checks every rule but signatures. The caller verifies `envelope`
// (model::verify_envelope) or that id is one it trusts.
[[nodiscard]] Result<ManifestIndex> decode_index(ByteView start);

// Where segments are read from: a local file, or a store behind a local file.
class SegmentSource {
 public:
  virtual ~SegmentSource() = default;
  // `out` becomes exactly the bytes asked for; Code::corrupt where the object ends before.
  virtual Status read(const Op&, std::uint64_t offset, std::uint64_t length, Bytes& out) = 0;
};
[[nodiscard]] std::unique_ptr<SegmentSource> file_segments(std::unique_ptr<disk::File> file);

struct NodePlaces {
  const model::FrameTable* table = nullptr;  // of the segment; valid until the next call
  std::span<const model::Place> places;      // of the node's chunks, holes left out
  std::uint64_t segment = 0;
};

// Nodes and places of one manifest. Keeps a few decoded segments (at most 8 MiB).
class Manifest final : public NodeSource {
 public:
  Manifest(ManifestIndex index, std::unique_ptr<SegmentSource> segments);
  ~Manifest() override;
  // A complete local file. Verifies that it is whole and consistent, not who signed it.
  [[nodiscard]] static Result<std::unique_ptr<Manifest>> open(std::unique_ptr<disk::File> file);

  [[nodiscard]] const ManifestIndex& index() const;
  [[nodiscard]] NodeRef top() const;
  Result<ByteView> node(const Op&, std::uint64_t ordinal, const Hash256& expected) override;
  [[nodiscard]] bool has_places() const { return index().has_places(); }
  // Hints from the store, to be checked by what they lead to. Every frame and pack number in them is in its table.
  Result<NodePlaces> places(const Op&, std::uint64_t ordinal);

 private:
  struct Segment;
  struct State;
  Result<Segment*> segment_of(const Op&, std::uint64_t ordinal);
  Status load_nodes(const Op&, Segment&);
  Status load_places(const Op&, Segment&);
  void evict();
  std::unique_ptr<State> state_;
};

// Adds every chunk of the manifest, with its place, to `index`.
[[nodiscard]] Status load_chunks(const Op&, Manifest&, pack::ChunkIndex& index);

// Collects nodes in any order with children before parents, in a temporary file, and then writes them as a manifest.
// Bounded memory: about 50 bytes a node.
class TreeSpool {
 public:
  explicit TreeSpool(std::unique_ptr<disk::File> scratch);
  ~TreeSpool();
  Result<Hash256> add(ByteView encoded_node);  // its hash; equal nodes are kept once

  // Writes the whole object to `out`: release statement (already sealed), index, segments in preorder from
  // release.tree. With `chunks`, places of all chunks (Code::internal if one is missing); without, a record without
  // places. May be called again.
  Result<ManifestIndex> write(const Op&, const model::Release& release, std::string envelope,
                              const pack::ChunkIndex* chunks, disk::File& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Writes a record (no places) node by node in preorder, for a target that makes its new tree from an old one.
class RecordWriter {
 public:
  RecordWriter(std::string envelope, std::unique_ptr<disk::File> out);
  ~RecordWriter();
  Status append(ByteView encoded_node);
  Status copy(const Op&, Manifest& from, NodeRef subtree, std::uint64_t nodes);  // verified on the way
  [[nodiscard]] std::uint64_t nodes() const;                                     // written so far
  Result<std::unique_ptr<Manifest>> finish();                                    // synced by the caller

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace duskline::release
