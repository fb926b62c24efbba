// Puts nodes into segments and segments into an object: what TreeSpool and RecordWriter share.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "disk/filesystem.h"
#include "model/place.h"
#include "release/manifest.h"
#include "release/squeeze.h"

namespace duskline::release {

enum class WithPlaces : std::uint8_t { no, yes };

// Segments are written from the start of `out` and moved behind the index once its size is known.
class SegmentWriter {
 public:
  SegmentWriter(disk::File& out, WithPlaces with_places, int level);
  // Nodes in preorder.
  Status add_node(ByteView encoded);
  // A place of the node added last. `key` is the same for the same frame; frame.pack counts as in finish().
  void add_place(std::uint32_t key, const model::Frame& frame, std::uint32_t offset_in_frame);
  [[nodiscard]] std::uint64_t nodes() const { return closed_nodes_ + segment_nodes_; }
  // Code::invalid where the nodes written are not as many as the release says.
  Result<ManifestIndex> finish(const model::Release& release, std::string envelope, std::vector<Hash256> packs);

 private:
  Status close_segment();
  Status put(ByteView raw, std::uint32_t& stored_bytes, std::uint32_t& raw_bytes);

  disk::File& out_;
  WithPlaces with_places_;
  Squeezer squeezer_;
  std::vector<SegmentInfo> segments_;
  std::uint64_t closed_nodes_ = 0, segment_nodes_ = 0, offset_ = 0;
  Bytes nodes_, raw_places_, squeezed_;
  // Of the segment being filled.
  std::vector<std::uint32_t> places_of_node_;
  std::unordered_map<std::uint32_t, std::uint32_t> frame_of_key_;
  model::FrameTable table_;
  std::vector<model::Place> places_;
};

// The object's start: header, envelope, index.
[[nodiscard]] Result<Bytes> encode_index(std::string_view envelope, const std::vector<Hash256>& packs,
                                         const std::vector<SegmentInfo>& segments);

// Moves the first `length` bytes of a file `by` bytes up.
[[nodiscard]] Status move_up(disk::File& file, std::uint64_t length, std::uint64_t by);

}  // namespace duskline::release
