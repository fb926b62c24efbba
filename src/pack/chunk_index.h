// Which chunks a store holds, and where: what publish deduplicates against. Compact: about 40 bytes a chunk.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "model/place.h"

namespace duskline::pack {

// Like model::Frame and Place, with packs and frames numbered over the whole index.
struct ChunkPlace {
  std::uint32_t frame = 0;         // index into frames()
  std::uint32_t offset_bytes = 0;  // in the frame's decoded bytes
  bool operator==(const ChunkPlace&) const = default;
};

// Not for concurrent use; callers lock.
class ChunkIndex {
 public:
  std::uint32_t add_pack(const Hash256& hash);         // the index of a known pack, or a new one
  std::uint32_t add_frame(const model::Frame& frame);  // frame.pack is an index of this table
  // Keeps the first place of a chunk; false if it had one.
  bool add(const Hash256& chunk, ChunkPlace place);
  [[nodiscard]] std::optional<ChunkPlace> find(const Hash256& chunk) const;
  // For a chunk that was claimed before its frame existed (see publish): replaces its place. A chunk that is not there
  // is added.
  void move(const Hash256& chunk, ChunkPlace place);

  [[nodiscard]] const std::vector<model::Frame>& frames() const { return frames_; }
  [[nodiscard]] const std::vector<Hash256>& packs() const { return packs_; }
  [[nodiscard]] std::size_t size() const { return used_; }

 private:
  static constexpr std::uint32_t no_frame = UINT32_MAX;
  struct Slot {
    std::uint64_t key_low = 0, key_high = 0;  // 128 bits of the hash
    ChunkPlace place{no_frame, 0};
  };
  [[nodiscard]] std::size_t slot_of(std::uint64_t key_low, std::uint64_t key_high) const;  // its own, or a free one
  Slot& slot_for(const Hash256& chunk);
  void grow();
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  std::vector<model::Frame> frames_;
  std::vector<Hash256> packs_;
  std::unordered_map<Hash256, std::uint32_t> pack_numbers_;
};

}  // namespace duskline::pack
