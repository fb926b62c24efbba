#include "release/delta_object.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "pack/frame.h"
#include "release/broken.h"
#include "release/squeeze.h"

namespace duskline::release {
namespace {

constexpr std::string_view magic = "duskline-delta-1\n";
constexpr std::uint64_t delta_header_bytes = magic.size() + 2 * sizeof(std::uint32_t);
constexpr std::uint64_t max_patches_bytes = std::uint64_t{1} << 40;
constexpr std::size_t hash_bytes = 32, key_bytes = 8;
constexpr int index_level = 9;  // written once, fetched by every target

Error too_long() {
  return {Code::too_large, "the delta's index would have more than 64 MiB: the releases have too little in common"};
}

Hash256 read_hash(ByteReader& read) {
  Hash256 hash;
  const ByteView bytes = read.raw(hash_bytes);
  std::copy(bytes.begin(), bytes.end(), hash.bytes.begin());
  return hash;
}

}  // namespace

struct DeltaWriter::State {
  model::ReleaseId from, to;
  std::string envelope;
  std::unique_ptr<disk::File> scratch;
  pack::FrameEncoder encoder{pack::Effort::fast};
  Squeezer squeezer{index_level};
  Bytes nodes, patch;
  std::uint64_t patch_bytes = 0;
  std::vector<Hash256> packs;
  std::map<Hash256, std::uint32_t> number_of_pack;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint32_t> frame_in_pack;  // by pack and offset
  model::FrameTable table;
  std::vector<model::Place> places;
  std::vector<std::uint64_t> keys;
  std::unordered_set<std::uint64_t> known;

  Status add_place(const Hash256& chunk, std::uint32_t frame, std::uint64_t offset) {
    if (!known.insert(chunk.prefix64()).second) return {};
    if (known.size() > max_delta_index_bytes / key_bytes) return too_long();
    places.push_back({frame, static_cast<std::uint32_t>(offset)});
    keys.push_back(chunk.prefix64());
    return {};
  }

  Result<std::uint32_t> add_frame(const model::Frame& frame) {
    if (table.frames.size() >= model::max_frames_per_table) return too_long();
    table.frames.push_back(frame);
    return static_cast<std::uint32_t>(table.frames.size() - 1);
  }

  std::uint32_t pack_number(const Hash256& pack) {
    const auto [at, is_new] = number_of_pack.try_emplace(pack, static_cast<std::uint32_t>(packs.size() + 1));
    if (is_new) packs.push_back(pack);
    return at->second;
  }

  [[nodiscard]] Bytes encode() const {
    Bytes raw, encoded_places;
    model::encode_places(table, places, encoded_places);
    ByteWriter write(raw);
    write.raw(from.hash.bytes);
    write.raw(to.hash.bytes);
    write.text(envelope);
    write.varint(patch_bytes);
    write.varint(packs.size());
    for (const Hash256& pack : packs) write.raw(pack.bytes);
    write.varint(encoded_places.size());
    write.raw(encoded_places);
    for (const std::uint64_t key : keys) write.u64_fixed(key);
    write.raw(nodes);
    return raw;
  }
};

DeltaWriter::DeltaWriter(model::ReleaseId from, model::ReleaseId to, std::string envelope,
                         std::unique_ptr<disk::File> scratch)
    : state_(std::make_unique<State>()) {
  state_->from = from;
  state_->to = to;
  state_->envelope = std::move(envelope);
  state_->scratch = std::move(scratch);
}

DeltaWriter::~DeltaWriter() = default;

Status DeltaWriter::add_node(ByteView before, ByteView after) {
  State& state = *state_;
  ByteWriter write(state.nodes);
  write.varint(after.size());
  state.patch.clear();
  if (!before.empty()) state.encoder.encode_patch(before, after, state.patch);
  const bool pays = !before.empty() && state.patch.size() < after.size();
  write.varint(pays ? state.patch.size() : 0);
  write.raw(pays ? ByteView(state.patch) : after);
  if (state.nodes.size() > max_delta_index_bytes) return too_long();
  return {};
}

Status DeltaWriter::add_patch(const model::BaseRange& base, ByteView stored, std::uint64_t raw_bytes,
                              std::span<const model::Chunk> chunks) {
  State& state = *state_;
  model::Frame frame;
  frame.offset_bytes = state.patch_bytes;
  frame.stored_bytes = stored.size();
  frame.raw_bytes = raw_bytes;
  frame.codec = model::Codec::zstd;
  if (base.length_bytes != 0) {
    frame.codec = model::Codec::zstd_patch;
    frame.base = static_cast<std::uint32_t>(state.table.bases.size());
    state.table.bases.push_back(base);
  }
  DL_TRY(state.scratch->write_at(state.patch_bytes, stored));
  state.patch_bytes += stored.size();
  DL_ASSIGN(const std::uint32_t number, state.add_frame(frame));
  std::uint64_t offset = 0;
  for (const model::Chunk& chunk : chunks) {
    if (chunk.is_hole() || chunk.length_bytes > raw_bytes - offset) {
      return Error{Code::internal, "a patch was to make a hole, or more than it holds"};
    }
    DL_TRY(state.add_place(chunk.hash, number, offset));
    offset += chunk.length_bytes;
  }
  return {};
}

Status DeltaWriter::add_pack_place(const Hash256& chunk, const Hash256& pack, const model::Frame& frame,
                                   std::uint32_t offset_in_frame) {
  State& state = *state_;
  model::Frame numbered = frame;
  numbered.pack = state.pack_number(pack);
  const auto [at, is_new] = state.frame_in_pack.try_emplace({numbered.pack, numbered.offset_bytes}, 0);
  if (is_new) {
    DL_ASSIGN(at->second, state.add_frame(numbered));
  }
  return state.add_place(chunk, at->second, offset_in_frame);
}

std::uint64_t DeltaWriter::patch_bytes() const { return state_->patch_bytes; }

Result<model::DeltaRef> DeltaWriter::finish(disk::File& out) {
  State& state = *state_;
  const Bytes raw = state.encode();
  Bytes stored;
  DL_TRY(state.squeezer.squeeze(raw, stored));
  if (raw.size() > max_delta_index_bytes || stored.size() > max_delta_index_bytes) return too_long();
  Bytes start;
  ByteWriter write(start);
  write.raw(bytes_of(magic));
  write.u32_fixed(static_cast<std::uint32_t>(stored.size()));
  write.u32_fixed(static_cast<std::uint32_t>(raw.size()));
  write.raw(stored);
  DL_TRY(out.write_at(0, start));

  constexpr std::uint64_t piece_bytes = 1 << 20;
  Bytes piece(std::min(piece_bytes, state.patch_bytes));
  for (std::uint64_t at = 0; at < state.patch_bytes; at += piece.size()) {
    piece.resize(std::min(piece_bytes, state.patch_bytes - at));
    DL_ASSIGN(const std::size_t got, state.scratch->read_at(at, piece));
    if (got != piece.size()) return Error{Code::corrupt, "the temporary file of a delta was cut short while in use"};
    DL_TRY(out.write_at(start.size() + at, piece));
  }
  return model::DeltaRef{state.from, start.size(), start.size() + state.patch_bytes};
}

namespace {

// The places are those of the keys, one each, in order.
Status decode_chunks(ByteReader& read, DeltaIndex& index, std::uint64_t patch_bytes) {
  const std::uint64_t places_bytes = read.varint();
  if (!read.ok() || places_bytes > read.left()) return broken_delta("its places are cut short");
  const ByteView encoded = read.raw(places_bytes);
  std::vector<model::Place> places;
  DL_TRY(model::decode_places(encoded, static_cast<std::uint32_t>(index.packs.size() + 1), index.table, places));
  for (model::Frame& frame : index.table.frames) {
    if (frame.pack != 0) {
      if (frame.codec == model::Codec::zstd_patch) return broken_delta("a patch lies in a pack");
      continue;
    }
    if (frame.stored_bytes > patch_bytes || frame.offset_bytes > patch_bytes - frame.stored_bytes) {
      return broken_delta("a patch reaches beyond its end");
    }
    frame.offset_bytes += index.index_bytes;
  }
  if (places.size() > read.left() / key_bytes) return broken_delta("it has fewer chunks than places");
  index.chunks.reserve(places.size());
  for (const model::Place& place : places) {
    if (!index.chunks.try_emplace(read.u64_fixed(), place).second) return broken_delta("it names one chunk twice");
  }
  return {};
}

Status decode_body(ByteReader& read, DeltaIndex& index) {
  index.from.hash = read_hash(read);
  index.to.hash = read_hash(read);
  index.envelope = read.text(model::max_signed_bytes);
  const std::uint64_t patch_bytes = read.varint();
  const std::uint64_t packs = read.varint();
  if (!read.ok() || packs > read.left() / hash_bytes) return broken_delta("its table of packs is cut short");
  if (patch_bytes > max_patches_bytes) return broken_delta("it claims patches of absurd size");
  index.total_bytes = index.index_bytes + patch_bytes;
  index.packs.reserve(packs);
  for (std::uint64_t i = 0; i < packs; ++i) index.packs.push_back(read_hash(read));
  DL_ASSIGN(const model::SignedBytes statement, model::open_envelope(bytes_of(index.envelope)));
  if (model::release_id(statement.payload) != index.to) {
    return broken_delta("the signed statement in it is not that of the release it leads to");
  }
  DL_TRY(decode_chunks(read, index, patch_bytes));
  const ByteView nodes = read.raw(read.left());
  index.nodes.assign(nodes.begin(), nodes.end());
  return {};
}

}  // namespace

Result<DeltaIndex> decode_delta_index(ByteView start) {
  if (start.size() < delta_header_bytes) return broken_delta("it is shorter than its header");
  if (text_of(start.first(magic.size())) != magic) return broken_delta("it does not begin with \"duskline-delta-1\"");
  ByteReader header(start.subspan(magic.size()));
  const std::uint64_t stored_bytes = header.u32_fixed();
  const std::uint64_t raw_bytes = header.u32_fixed();
  if (stored_bytes == 0 || stored_bytes > max_delta_index_bytes || raw_bytes == 0 ||
      raw_bytes > max_delta_index_bytes) {
    return broken_delta("its index has no or more than 64 MiB");
  }
  if (header.left() < stored_bytes) return broken_delta("it ends within its index");
  Bytes raw;
  DL_TRY(unsqueeze(header.raw(stored_bytes), raw_bytes, "the delta's index", raw));
  DeltaIndex index;
  index.index_bytes = delta_header_bytes + stored_bytes;
  ByteReader read(raw);
  DL_TRY(decode_body(read, index));
  return index;
}

}  // namespace duskline::release
