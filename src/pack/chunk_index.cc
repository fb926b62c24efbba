#include "pack/chunk_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace duskline::pack {
namespace {

struct Key {
  std::uint64_t low = 0, high = 0;
  explicit Key(const Hash256& hash) {
    std::memcpy(&low, hash.bytes.data(), sizeof low);
    std::memcpy(&high, hash.bytes.data() + sizeof low, sizeof high);
  }
};

}  // namespace

std::uint32_t ChunkIndex::add_pack(const Hash256& hash) {
  const auto [found, added] = pack_numbers_.emplace(hash, static_cast<std::uint32_t>(packs_.size()));
  if (added) packs_.push_back(hash);
  return found->second;
}

std::uint32_t ChunkIndex::add_frame(const model::Frame& frame) {
  frames_.push_back(frame);
  return static_cast<std::uint32_t>(frames_.size() - 1);
}

bool ChunkIndex::add(const Hash256& chunk, ChunkPlace place) {
  Slot& slot = slot_for(chunk);
  if (slot.place.frame != no_frame) return false;
  slot.place = place;
  ++used_;
  return true;
}

void ChunkIndex::move(const Hash256& chunk, ChunkPlace place) {
  Slot& slot = slot_for(chunk);
  if (slot.place.frame == no_frame) ++used_;
  slot.place = place;
}

std::optional<ChunkPlace> ChunkIndex::find(const Hash256& chunk) const {
  if (slots_.empty()) return std::nullopt;
  const Key key(chunk);
  const Slot& slot = slots_[slot_of(key.low, key.high)];
  if (slot.place.frame == no_frame) return std::nullopt;
  return slot.place;
}

std::size_t ChunkIndex::slot_of(std::uint64_t key_low, std::uint64_t key_high) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = key_low & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.place.frame == no_frame || (slot.key_low == key_low && slot.key_high == key_high)) return at;
  }
}

ChunkIndex::Slot& ChunkIndex::slot_for(const Hash256& chunk) {
  if (slots_.empty() || used_ + 1 > slots_.size() / 8 * 7) grow();
  const Key key(chunk);
  Slot& slot = slots_[slot_of(key.low, key.high)];
  slot.key_low = key.low;
  slot.key_high = key.high;
  return slot;
}

void ChunkIndex::grow() {
  constexpr std::size_t first_size = 1024;  // a power of two, as ever after
  std::vector<Slot> old(std::max(first_size, slots_.size() * 2));
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.place.frame != no_frame) slots_[slot_of(slot.key_low, slot.key_high)] = slot;
  }
}

}  // namespace duskline::pack
