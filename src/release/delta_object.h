// The delta object between two releases (docs/formats/delta.md): an index that holds everything a target that has
// `from` needs to know of `to`, then patches. Disposable: a target can always do without. Nothing in it is trusted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/op.h"
#include "disk/filesystem.h"
#include "model/place.h"
#include "model/release.h"
#include "release/manifest.h"

namespace duskline::release {

inline constexpr std::uint64_t max_delta_index_bytes = 64 << 20;  // raw or stored

// What the index says, decoded.
struct DeltaIndex {
  model::ReleaseId from, to;
  std::string envelope;        // of `to`
  std::vector<Hash256> packs;  // frame.pack n > 0 is packs[n-1]; 0 is the delta object
  // Frame offsets count from the object's start, in the delta object too. A patch has zstd_patch as its codec, or zstd
  // where it needs no base.
  model::FrameTable table;
  // Chunks of `to` that are nowhere in `from`: the first 8 bytes of the hash -> where it lies (a patch, or a pack).
  std::unordered_map<std::uint64_t, model::Place> chunks;
  std::uint64_t index_bytes = 0, total_bytes = 0;
  // Encoded nodes of `to`, in preorder, that are not at the same path in `from`; patched ones still as patches.
  Bytes nodes;
  [[nodiscard]] const model::Place* find(const Hash256& chunk) const {
    const auto at = chunks.find(chunk.prefix64());
    return at == chunks.end() ? nullptr : &at->second;
  }
};

// Builds the object. Order of calls: nodes in preorder as write_delta_nodes meets them, then chunks.
class DeltaWriter {
 public:
  DeltaWriter(model::ReleaseId from, model::ReleaseId to, std::string envelope, std::unique_ptr<disk::File> scratch);
  ~DeltaWriter();
  // `before` is the old node at the same place (or the old file's list nodes joined, at most 8 MiB), to patch from; may
  // be empty. Code::too_large once the index would be too long: there can be no delta then.
  Status add_node(ByteView before, ByteView after);
  // A patch (pack::FrameEncoder::encode_patch) that makes consecutive chunks of a file of `to`. A base of length 0:
  // made without one, and at most model::max_frame_raw_bytes.
  Status add_patch(const model::BaseRange& base, ByteView stored, std::uint64_t raw_bytes,
                   std::span<const model::Chunk> chunks);
  // A chunk that is cheaper from its pack. frame.pack is not looked at.
  Status add_pack_place(const Hash256& chunk, const Hash256& pack, const model::Frame& frame,
                        std::uint32_t offset_in_frame);
  [[nodiscard]] std::uint64_t patch_bytes() const;
  // Writes the object to `out`.
  Result<model::DeltaRef> finish(disk::File& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// From the first index_bytes (or more) of an object; checks every rule but signatures: the caller verifies `envelope`.
[[nodiscard]] Result<DeltaIndex> decode_delta_index(ByteView start);

// Makes the target's record of `to` from that of `from` and the delta's nodes. Every node is checked by its hash.
// Code::corrupt where the local record or the delta is damaged: the manifest serves then.
[[nodiscard]] Result<std::unique_ptr<Manifest>> apply_delta_nodes(const Op&, Manifest& from, const DeltaIndex& delta,
                                                                  const model::Release& to,
                                                                  std::unique_ptr<disk::File> out);

// The publisher's half: calls writer.add_node for every node of `to` that is not at the same place in `from`.
[[nodiscard]] Status write_delta_nodes(const Op&, Manifest& from, Manifest& to, DeltaWriter& writer);

}  // namespace duskline::release
