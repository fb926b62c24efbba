#include "release/segment_writer.h"

#include <algorithm>
#include <utility>

#include "release/broken.h"

namespace duskline::release {

SegmentWriter::SegmentWriter(disk::File& out, WithPlaces with_places, int level)
    : out_(out), with_places_(with_places), squeezer_(level) {}

Status SegmentWriter::add_node(ByteView encoded) {
  if (encoded.size() > model::max_node_bytes) {
    return Error{Code::too_large, "a directory or chunk list takes more than 8 MiB in the manifest"};
  }
  const bool full = nodes_.size() + encoded.size() > segment_target_bytes || segment_nodes_ == max_segment_nodes;
  if (segment_nodes_ > 0 && full) DL_TRY(close_segment());
  ByteWriter write(nodes_);
  write.varint(encoded.size());
  write.raw(encoded);
  ++segment_nodes_;
  if (with_places_ == WithPlaces::yes) places_of_node_.push_back(0);
  return {};
}

void SegmentWriter::add_place(std::uint32_t key, const model::Frame& frame, std::uint32_t offset_in_frame) {
  const auto [at, is_new] = frame_of_key_.try_emplace(key, static_cast<std::uint32_t>(table_.frames.size()));
  if (is_new) table_.frames.push_back(frame);
  places_.push_back({at->second, offset_in_frame});
  ++places_of_node_.back();
}

Status SegmentWriter::put(ByteView raw, std::uint32_t& stored_bytes, std::uint32_t& raw_bytes) {
  squeezed_.clear();
  DL_ASSIGN(const std::size_t stored, squeezer_.squeeze(raw, squeezed_));
  DL_TRY(out_.write_at(offset_, squeezed_));
  offset_ += stored;
  stored_bytes = static_cast<std::uint32_t>(stored);
  raw_bytes = static_cast<std::uint32_t>(raw.size());
  return {};
}

Status SegmentWriter::close_segment() {
  SegmentInfo info{.first_node = closed_nodes_, .nodes = segment_nodes_, .offset_bytes = offset_};
  DL_TRY(put(nodes_, info.nodes_stored_bytes, info.nodes_raw_bytes));
  if (with_places_ == WithPlaces::yes) {
    raw_places_.clear();
    ByteWriter write(raw_places_);
    for (const std::uint32_t count : places_of_node_) write.varint(count);
    model::encode_places(table_, places_, raw_places_);
    DL_TRY(put(raw_places_, info.places_stored_bytes, info.places_raw_bytes));
  }
  segments_.push_back(info);
  closed_nodes_ += segment_nodes_;
  segment_nodes_ = 0;
  nodes_.clear();
  places_of_node_.clear();
  frame_of_key_.clear();
  table_.clear();
  places_.clear();
  return {};
}

Result<ManifestIndex> SegmentWriter::finish(const model::Release& release, std::string envelope,
                                            std::vector<Hash256> packs) {
  if (segment_nodes_ > 0) DL_TRY(close_segment());
  if (closed_nodes_ != release.stats.nodes) {
    return broken_manifest(std::to_string(closed_nodes_) + " nodes were written, but the release says " +
                           std::to_string(release.stats.nodes));
  }
  DL_ASSIGN(const Bytes start, encode_index(envelope, packs, segments_));
  const std::uint64_t segment_bytes = offset_;
  DL_TRY(move_up(out_, segment_bytes, start.size()));
  DL_TRY(out_.write_at(0, start));
  DL_TRY(out_.resize(start.size() + segment_bytes));
  return decode_index(start);
}

Status move_up(disk::File& file, std::uint64_t length, std::uint64_t by) {
  constexpr std::uint64_t piece_bytes = 1 << 20;
  Bytes piece(std::min(piece_bytes, length));
  for (std::uint64_t end = length; end > 0;) {
    const std::uint64_t count = std::min(piece_bytes, end);
    end -= count;
    const ByteSpan part = ByteSpan(piece).first(count);
    DL_ASSIGN(const std::size_t got, file.read_at(end, part));
    if (got != count) return Error{Code::corrupt, "a temporary file became shorter while it was written"};
    DL_TRY(file.write_at(end + by, part));
  }
  return {};
}

}  // namespace duskline::release
