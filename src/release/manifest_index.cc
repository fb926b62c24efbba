// The start of a manifest object: header, envelope, index (docs/formats/manifest.md).
#include <algorithm>
#include <string_view>
#include <utility>

#include "release/broken.h"
#include "release/manifest.h"
#include "release/segment_writer.h"
#include "release/squeeze.h"

namespace duskline::release {
namespace {

constexpr std::string_view magic = "duskline-manifest-1\n";
static_assert(magic.size() + 3 * sizeof(std::uint32_t) == header_bytes);

constexpr int index_level = 3;
constexpr std::uint8_t with_places = 1;  // the only flag
constexpr std::size_t hash_bytes = 32;
constexpr std::size_t least_segment_bytes = 3;  // in the index
constexpr std::uint64_t squeezed_slack = 1024;  // beyond 1/128 of the raw size, what zstd may add

struct Header {
  std::uint32_t envelope_bytes = 0, stored_bytes = 0, raw_bytes = 0;
  [[nodiscard]] std::uint64_t index_bytes() const { return header_bytes + envelope_bytes + stored_bytes; }
};

bool fits_raw(std::uint64_t stored, std::uint64_t raw) {
  return stored > 0 && stored <= raw + raw / 128 + squeezed_slack;
}

Result<Header> decode_header(ByteView start) {
  if (start.size() < header_bytes) return broken_manifest("it is shorter than its header");
  if (text_of(start.first(magic.size())) != magic) {
    return broken_manifest("it does not begin with \"duskline-manifest-1\"");
  }
  ByteReader read(start.subspan(magic.size()));
  Header header;
  header.envelope_bytes = read.u32_fixed();
  header.stored_bytes = read.u32_fixed();
  header.raw_bytes = read.u32_fixed();
  if (header.envelope_bytes == 0 || header.envelope_bytes > model::max_signed_bytes) {
    return broken_manifest("its signed statement has no or more than 64 KiB");
  }
  if (header.raw_bytes == 0 || header.raw_bytes > max_index_raw_bytes) {
    return broken_manifest("its index has no or more than 64 MiB");
  }
  if (!fits_raw(header.stored_bytes, header.raw_bytes)) {
    return broken_manifest("its index has a stored size that does not fit its raw size");
  }
  return header;
}

Status decode_packs(ByteReader& read, bool places, std::vector<Hash256>& packs) {
  const std::uint64_t count = read.varint();
  if (!read.ok() || count > read.left() / hash_bytes) return broken_manifest("its table of packs is cut short");
  if (count > 0 && !places) return broken_manifest("it lists packs, but no places in them");
  packs.resize(static_cast<std::size_t>(count));
  for (Hash256& pack : packs) {
    const ByteView bytes = read.raw(hash_bytes);
    std::copy(bytes.begin(), bytes.end(), pack.bytes.begin());
  }
  return {};
}

// What a segment's places can take at most: every place is of a chunk whose hash is in the nodes, and has one frame.
std::uint64_t most_places_bytes(const SegmentInfo& segment) {
  return 2 * std::uint64_t{segment.nodes_raw_bytes} + 8 * segment.nodes + 64;
}

Status decode_segment(ByteReader& read, bool places, SegmentInfo& segment) {
  segment.nodes = read.varint();
  const std::uint64_t stored = read.varint();
  const std::uint64_t raw = read.varint();
  const std::uint64_t places_stored = places ? read.varint() : 0;
  const std::uint64_t places_raw = places ? read.varint() : 0;
  if (!read.ok()) return broken_manifest("its table of segments is cut short");
  if (segment.nodes == 0 || segment.nodes > max_segment_nodes) {
    return broken_manifest("a segment has no or more than " + std::to_string(max_segment_nodes) + " nodes");
  }
  if (raw < segment.nodes || raw > max_segment_raw_bytes) {
    return broken_manifest("a segment has more than 16 MiB of nodes, or fewer bytes than nodes");
  }
  if (!fits_raw(stored, raw)) return broken_manifest("a segment has a stored size that does not fit its raw size");
  segment.nodes_stored_bytes = static_cast<std::uint32_t>(stored);
  segment.nodes_raw_bytes = static_cast<std::uint32_t>(raw);
  if (!places) return {};
  if (places_raw < segment.nodes || places_raw > most_places_bytes(segment)) {
    return broken_manifest("a segment's places do not fit its nodes");
  }
  if (!fits_raw(places_stored, places_raw)) {
    return broken_manifest("a segment's places have a stored size that does not fit their raw size");
  }
  segment.places_stored_bytes = static_cast<std::uint32_t>(places_stored);
  segment.places_raw_bytes = static_cast<std::uint32_t>(places_raw);
  return {};
}

// Segments lie one after another behind the index, and their nodes one after another: neither is written down.
Status decode_segments(ByteReader& read, bool places, ManifestIndex& index) {
  const std::uint64_t count = read.varint();
  if (!read.ok() || count > read.left() / least_segment_bytes) {
    return broken_manifest("its table of segments is cut short");
  }
  if (count == 0 || count > max_segments) return broken_manifest("it has no or more than 1,048,576 segments");
  index.segments.resize(static_cast<std::size_t>(count));
  index.total_bytes = index.index_bytes;
  std::uint64_t nodes = 0;
  for (SegmentInfo& segment : index.segments) {
    DL_TRY(decode_segment(read, places, segment));
    segment.first_node = nodes;
    segment.offset_bytes = index.total_bytes;
    nodes += segment.nodes;
    index.total_bytes += segment.stored_bytes();
  }
  if (!read.at_end()) return broken_manifest("bytes are left over after its index");
  if (nodes != index.release.stats.nodes) {
    return broken_manifest("its segments hold " + std::to_string(nodes) + " nodes, but the signed statement says " +
                           std::to_string(index.release.stats.nodes));
  }
  return {};
}

}  // namespace

Result<std::uint64_t> index_size(ByteView start) {
  DL_ASSIGN(const Header header, decode_header(start));
  return header.index_bytes();
}

Result<ManifestIndex> decode_index(ByteView start) {
  DL_ASSIGN(const Header header, decode_header(start));
  if (start.size() < header.index_bytes()) return broken_manifest("it ends within its index");
  ManifestIndex index;
  index.index_bytes = header.index_bytes();
  const ByteView envelope = start.subspan(header_bytes, header.envelope_bytes);
  index.envelope = text_of(envelope);
  DL_ASSIGN(const model::SignedBytes statement, model::open_envelope(envelope));
  DL_ASSIGN(index.release, model::decode_release(statement.payload));
  index.id = model::release_id(statement.payload);
  DL_TRY(check_limits(index.release.stats));

  Bytes raw;
  const ByteView stored = start.subspan(header_bytes + header.envelope_bytes, header.stored_bytes);
  DL_TRY(unsqueeze(stored, header.raw_bytes, "the manifest's index", raw));
  ByteReader read(raw);
  const std::uint8_t flags = read.u8();
  if ((flags & ~with_places) != 0) return broken_manifest("it has flags that this version does not know");
  const bool places = flags == with_places;
  DL_TRY(decode_packs(read, places, index.packs));
  DL_TRY(decode_segments(read, places, index));
  return index;
}

Result<Bytes> encode_index(std::string_view envelope, const std::vector<Hash256>& packs,
                           const std::vector<SegmentInfo>& segments) {
  Bytes raw;
  ByteWriter write(raw);
  const bool places = !segments.empty() && segments.front().places_raw_bytes > 0;
  write.u8(places ? with_places : 0);
  write.varint(packs.size());
  for (const Hash256& pack : packs) write.raw(pack.bytes);
  write.varint(segments.size());
  for (const SegmentInfo& segment : segments) {
    write.varint(segment.nodes);
    write.varint(segment.nodes_stored_bytes);
    write.varint(segment.nodes_raw_bytes);
    if (!places) continue;
    write.varint(segment.places_stored_bytes);
    write.varint(segment.places_raw_bytes);
  }
  if (raw.size() > max_index_raw_bytes || segments.size() > max_segments) {
    return Error{Code::too_large, "the release needs a manifest index of more than 64 MiB: split the set"};
  }
  Bytes stored;
  DL_TRY(Squeezer(index_level).squeeze(raw, stored));
  Bytes start;
  ByteWriter out(start);
  out.raw(bytes_of(magic));
  out.u32_fixed(static_cast<std::uint32_t>(envelope.size()));
  out.u32_fixed(static_cast<std::uint32_t>(stored.size()));
  out.u32_fixed(static_cast<std::uint32_t>(raw.size()));
  out.raw(bytes_of(envelope));
  out.raw(stored);
  return start;
}

}  // namespace duskline::release
