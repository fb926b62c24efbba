#include "model/place.h"

#include <algorithm>

#include "model/tree.h"

namespace duskline::model {
namespace {

constexpr std::uint64_t max_object_bytes = std::uint64_t{1} << 40;
constexpr std::size_t max_path_bytes_together = 64 << 20;
constexpr std::size_t least_base_bytes = 4, least_frame_bytes = 5, least_place_bytes = 2;

Error broken(const char* rule) { return {Code::invalid, std::string("table of places: ") + rule}; }

void encode_bases(const std::vector<BaseRange>& bases, ByteWriter& write) {
  write.varint(bases.size());
  std::string_view last;
  for (const BaseRange& base : bases) {
    const auto most = static_cast<std::ptrdiff_t>(std::min(last.size(), base.path.size()));
    const auto shared = std::mismatch(last.begin(), last.begin() + most, base.path.begin()).first - last.begin();
    write.varint(static_cast<std::uint64_t>(shared));
    write.text(std::string_view(base.path).substr(static_cast<std::size_t>(shared)));
    write.varint(base.offset_bytes);
    write.varint(base.length_bytes);
    last = base.path;
  }
}

Status decode_bases(ByteReader& read, std::vector<BaseRange>& bases) {
  const std::uint64_t count = read.varint();
  if (count > max_frames_per_table || count > read.left() / least_base_bytes) return broken("too many bases");
  bases.resize(static_cast<std::size_t>(count));
  std::string_view last;
  std::size_t together = 0;  // paths share prefixes: a short table could name very long ones
  for (BaseRange& base : bases) {
    const std::uint64_t shared = read.varint();
    const std::string_view rest = read.text(max_path_bytes);
    base.offset_bytes = read.varint();
    base.length_bytes = read.varint();
    if (!read.ok() || shared > last.size()) return broken("cut short");
    together += static_cast<std::size_t>(shared) + rest.size();
    if (together > max_path_bytes_together) return broken("too many long paths");
    base.path.assign(last.substr(0, static_cast<std::size_t>(shared))).append(rest);
    DL_TRY(check_path(base.path));
    if (base.length_bytes == 0 || base.length_bytes > max_patch_raw_bytes || base.offset_bytes > max_file_bytes) {
      return broken("a base of absurd size");
    }
    last = base.path;
  }
  return {};
}

// Frames mostly follow one another in one pack, so an offset is told from where the last frame ended.
struct FrameContext {
  std::uint32_t pack = 0;
  std::uint64_t end_bytes = 0;
  [[nodiscard]] std::uint64_t expected(std::uint32_t of_pack) const { return of_pack == pack ? end_bytes : 0; }
};

void encode_frame(const Frame& frame, FrameContext& context, ByteWriter& write) {
  write.u8(static_cast<std::uint8_t>(frame.codec));
  write.zigzag(static_cast<std::int64_t>(frame.pack) - static_cast<std::int64_t>(context.pack));
  write.zigzag(static_cast<std::int64_t>(frame.offset_bytes - context.expected(frame.pack)));
  write.varint(frame.stored_bytes);
  write.varint(frame.raw_bytes);
  if (frame.codec == Codec::zstd_patch) write.varint(frame.base);
  context = {frame.pack, frame.offset_bytes + frame.stored_bytes};
}

Status check_frame(const Frame& frame) {
  const std::uint64_t most_raw = frame.codec == Codec::zstd_patch ? max_patch_raw_bytes : max_frame_raw_bytes;
  if (frame.raw_bytes == 0 || frame.raw_bytes > most_raw) return broken("a frame of absurd size");
  const std::uint64_t most_stored = frame.raw_bytes + frame.raw_bytes / 256 + 64;  // as zstd may grow data
  const bool right_stored = frame.codec == Codec::raw ? frame.stored_bytes == frame.raw_bytes
                                                      : frame.stored_bytes > 0 && frame.stored_bytes <= most_stored;
  if (!right_stored) return broken("a frame whose stored size does not fit its raw size");
  if (frame.offset_bytes > max_object_bytes) return broken("a frame beyond any object's end");
  return {};
}

Status decode_frame(ByteReader& read, std::uint32_t pack_count, std::size_t base_count, FrameContext& context,
                    Frame& frame) {
  const std::uint8_t codec = read.u8();
  const std::uint64_t pack = context.pack + static_cast<std::uint64_t>(read.zigzag());
  const auto offset = static_cast<std::uint64_t>(read.zigzag());
  if (!read.ok()) return broken("cut short");
  if (codec > static_cast<std::uint8_t>(Codec::zstd_patch)) return broken("a frame of an unknown codec");
  if (pack >= pack_count) return broken("a frame in a pack that is not listed");
  frame.codec = static_cast<Codec>(codec);
  frame.pack = static_cast<std::uint32_t>(pack);
  frame.offset_bytes = context.expected(frame.pack) + offset;
  frame.stored_bytes = read.varint();
  frame.raw_bytes = read.varint();
  DL_TRY(check_frame(frame));
  const std::uint64_t base = frame.codec == Codec::zstd_patch ? read.varint() : 0;
  if (frame.codec == Codec::zstd_patch && base >= base_count) return broken("a patch with a base that is not listed");
  frame.base = static_cast<std::uint32_t>(base);
  context = {frame.pack, frame.offset_bytes + frame.stored_bytes};
  return {};
}

Status decode_frames(ByteReader& read, std::uint32_t pack_count, FrameTable& table) {
  const std::uint64_t count = read.varint();
  if (count > max_frames_per_table || count > read.left() / least_frame_bytes) return broken("too many frames");
  table.frames.resize(static_cast<std::size_t>(count));
  FrameContext context;
  for (Frame& frame : table.frames) DL_TRY(decode_frame(read, pack_count, table.bases.size(), context, frame));
  return {};
}

}  // namespace

void encode_places(const FrameTable& table, const std::vector<Place>& places, Bytes& out) {
  ByteWriter write(out);
  encode_bases(table.bases, write);
  write.varint(table.frames.size());
  FrameContext context;
  for (const Frame& frame : table.frames) encode_frame(frame, context, write);
  write.varint(places.size());
  Place last;
  for (const Place& place : places) {
    write.zigzag(static_cast<std::int64_t>(place.frame) - static_cast<std::int64_t>(last.frame));
    const std::int64_t from = place.frame == last.frame ? last.offset_bytes : 0;
    write.zigzag(static_cast<std::int64_t>(place.offset_bytes) - from);
    last = place;
  }
}

Status decode_places(ByteView in, std::uint32_t pack_count, FrameTable& table, std::vector<Place>& places) {
  ByteReader read(in);
  DL_TRY(decode_bases(read, table.bases));
  DL_TRY(decode_frames(read, pack_count, table));
  const std::uint64_t count = read.varint();
  if (count > read.left() / least_place_bytes) return broken("more places than bytes");
  places.resize(static_cast<std::size_t>(count));
  Place last;
  for (Place& place : places) {
    const std::uint64_t frame = last.frame + static_cast<std::uint64_t>(read.zigzag());
    const std::uint64_t from = frame == last.frame ? last.offset_bytes : 0;
    const std::uint64_t offset = from + static_cast<std::uint64_t>(read.zigzag());
    if (!read.ok() || frame >= table.frames.size() || offset >= table.frames[frame].raw_bytes) {
      return broken("a place outside its frame");
    }
    place = {static_cast<std::uint32_t>(frame), static_cast<std::uint32_t>(offset)};
    last = place;
  }
  if (!read.ok() || !read.at_end()) return broken("cut short, or bytes left over");
  return {};
}

}  // namespace duskline::model
