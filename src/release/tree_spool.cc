#include <algorithm>
#include <utility>

#include "release/manifest.h"
#include "release/segment_writer.h"

namespace duskline::release {
namespace {

constexpr std::size_t write_buffer_bytes = 256 << 10;
constexpr std::uint64_t read_window_bytes = 256 << 10;
constexpr int manifest_level = 3;

struct Spot {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
};

// Node hash -> where it lies in the spool. 128 bits of the hash are kept; what is read back is hashed again.
class SpotTable {
 public:
  // The spot of `hash`, to be filled in by the caller where it is new.
  std::pair<Spot*, bool> insert(const Hash256& hash) {
    if ((used_ + 1) * 4 > slots_.size() * 3) grow();
    Slot& slot = slots_[find_slot(hash.prefix64(), second64(hash))];
    const bool is_new = slot.spot.length == 0;
    if (is_new) {
      slot.low = hash.prefix64();
      slot.high = second64(hash);
      ++used_;
    }
    return {&slot.spot, is_new};
  }
  [[nodiscard]] const Spot* find(const Hash256& hash) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[find_slot(hash.prefix64(), second64(hash))];
    return slot.spot.length == 0 ? nullptr : &slot.spot;
  }

 private:
  struct Slot {
    std::uint64_t low = 0, high = 0;
    Spot spot;  // length 0: free
  };
  static std::uint64_t second64(const Hash256& hash) {
    std::uint64_t value;
    std::memcpy(&value, hash.bytes.data() + 8, sizeof value);
    return value;
  }
  [[nodiscard]] std::size_t find_slot(std::uint64_t low, std::uint64_t high) const {
    std::size_t at = low & (slots_.size() - 1);
    while (slots_[at].spot.length != 0 && (slots_[at].low != low || slots_[at].high != high)) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }
  void grow() {
    constexpr std::size_t first_slots = 1024;
    std::vector<Slot> old(std::max(first_slots, slots_.size() * 2));
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.spot.length != 0) slots_[find_slot(slot.low, slot.high)] = slot;
    }
  }
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

// Reads nodes back by hash. Nodes of one subtree lie near each other, so a window serves many.
class SpoolSource final : public NodeSource {
 public:
  SpoolSource(disk::File& file, const SpotTable& spots, std::uint64_t spool_bytes)
      : file_(file), spots_(spots), spool_bytes_(spool_bytes) {}

  Result<ByteView> node(const Op&, std::uint64_t, const Hash256& expected) override {
    const Spot* spot = spots_.find(expected);
    if (spot == nullptr) {
      return Error{Code::internal, "node " + expected.short_hex() + " of the new release was never added"};
    }
    if (spot->offset < window_begin_ || spot->offset + spot->length > window_begin_ + window_.size()) {
      DL_TRY(load_window(*spot));
    }
    const ByteView encoded = ByteView(window_).subspan(spot->offset - window_begin_, spot->length);
    if (sha256(encoded) != expected) {
      return Error{Code::corrupt, "the temporary file of the new release's tree was changed while in use"};
    }
    return encoded;
  }

 private:
  // Parents lie behind their children, so the window reaches back.
  Status load_window(const Spot& spot) {
    const std::uint64_t end = std::min(spool_bytes_, spot.offset + spot.length + read_window_bytes / 4);
    window_begin_ = std::min(spot.offset, end - std::min(end, read_window_bytes));
    window_.resize(end - window_begin_);
    DL_ASSIGN(const std::size_t got, file_.read_at(window_begin_, window_));
    if (got != window_.size()) {
      window_.clear();
      return Error{Code::corrupt, "the temporary file of the new release's tree was cut short while in use"};
    }
    return {};
  }

  disk::File& file_;
  const SpotTable& spots_;
  std::uint64_t spool_bytes_;
  std::uint64_t window_begin_ = 0;
  Bytes window_;
};

// Numbers the packs that a release uses in the order it meets them.
class UsedPacks {
 public:
  explicit UsedPacks(const pack::ChunkIndex& chunks) : chunks_(chunks), number_(chunks.packs().size(), unused) {}
  std::uint32_t number(std::uint32_t pack) {
    if (number_[pack] == unused) {
      number_[pack] = static_cast<std::uint32_t>(packs_.size());
      packs_.push_back(chunks_.packs()[pack]);
    }
    return number_[pack];
  }
  [[nodiscard]] std::vector<Hash256> take() { return std::move(packs_); }

 private:
  static constexpr std::uint32_t unused = UINT32_MAX;
  const pack::ChunkIndex& chunks_;
  std::vector<std::uint32_t> number_;
  std::vector<Hash256> packs_;
};

Status add_places(const WalkedNode& node, const pack::ChunkIndex& chunks, UsedPacks& packs, SegmentWriter& writer) {
  return for_each_place(node, [&](const model::Chunk& chunk) -> Status {
    const auto at = chunks.find(chunk.hash);
    if (!at) {
      return Error{Code::internal, "chunk " + chunk.hash.short_hex() + " of the new release lies in no pack"};
    }
    model::Frame frame = chunks.frames()[at->frame];
    frame.pack = packs.number(frame.pack);
    writer.add_place(at->frame, frame, at->offset_bytes);
    return {};
  });
}

}  // namespace

struct TreeSpool::State {
  std::unique_ptr<disk::File> file;
  SpotTable spots;
  Bytes buffer;
  std::uint64_t flushed = 0;

  Status flush() {
    DL_TRY(file->write_at(flushed, buffer));
    flushed += buffer.size();
    buffer.clear();
    return {};
  }
};

TreeSpool::TreeSpool(std::unique_ptr<disk::File> scratch) : state_(std::make_unique<State>()) {
  state_->file = std::move(scratch);
}

TreeSpool::~TreeSpool() = default;

Result<Hash256> TreeSpool::add(ByteView encoded_node) {
  if (encoded_node.empty() || encoded_node.size() > model::max_node_bytes) {
    return Error{Code::too_large, "a directory or chunk list takes more than 8 MiB in the manifest"};
  }
  const Hash256 hash = sha256(encoded_node);
  const auto [spot, is_new] = state_->spots.insert(hash);
  if (!is_new) return hash;
  *spot = {state_->flushed + state_->buffer.size(), static_cast<std::uint32_t>(encoded_node.size())};
  state_->buffer.insert(state_->buffer.end(), encoded_node.begin(), encoded_node.end());
  if (state_->buffer.size() >= write_buffer_bytes) DL_TRY(state_->flush());
  return hash;
}

Result<ManifestIndex> TreeSpool::write(const Op& op, const model::Release& release, std::string envelope,
                                       const pack::ChunkIndex* chunks, disk::File& out) {
  DL_TRY(state_->flush());
  SpoolSource source(*state_->file, state_->spots, state_->flushed);
  SegmentWriter writer(out, chunks != nullptr ? WithPlaces::yes : WithPlaces::no, manifest_level);
  std::optional<UsedPacks> packs;
  if (chunks != nullptr) packs.emplace(*chunks);
  DL_TRY(for_each_node(op, source, {release.tree, 0, release.stats}, [&](const WalkedNode& node) -> Status {
    DL_TRY(writer.add_node(node.encoded));
    return chunks != nullptr ? add_places(node, *chunks, *packs, writer) : Status{};
  }));
  return writer.finish(release, std::move(envelope), packs ? packs->take() : std::vector<Hash256>{});
}

}  // namespace duskline::release
