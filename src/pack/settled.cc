#include "pack/settled.h"

namespace duskline::pack {
namespace {

// What a zstd frame consists of (RFC 8878).
struct FrameParts {
  std::size_t incompressible_bytes = 0;  // literals and blocks stored as they are
  std::size_t matches = 0;
};

// Skips the frame header: magic number, descriptor, window, content size.
void skip_header(ByteReader& read) {
  constexpr std::size_t magic_bytes = 4;
  constexpr std::uint8_t single_segment = 0x20;
  read.raw(magic_bytes);
  const std::uint8_t descriptor = read.u8();
  const bool single = (descriptor & single_segment) != 0;
  const unsigned size_flag = descriptor >> 6;
  const std::size_t content_size_bytes = size_flag == 0 ? (single ? 1 : 0) : std::size_t{1} << size_flag;
  read.raw((single ? 0 : 1) + content_size_bytes);
}

std::size_t u24(ByteReader& read) {
  const std::size_t low = read.u8();
  const std::size_t middle = read.u8();
  return low | middle << 8 | std::size_t{read.u8()} << 16;
}

// Skips a literals section; adds to `parts` what it holds as it is.
void read_literals(ByteReader& read, FrameParts& parts) {
  enum LiteralsType : std::uint8_t { raw = 0, rle = 1 };
  const std::uint8_t first = read.u8();
  const unsigned type = first & 3U, form = first >> 2 & 3U;
  if (type == raw || type == rle) {
    std::size_t size = first >> 3;  // forms 0 and 2
    if (form == 1) size = first >> 4 | std::size_t{read.u8()} << 4;
    if (form == 3) {
      size = first >> 4 | std::size_t{read.u8()} << 4;
      size |= std::size_t{read.u8()} << 12;
    }
    read.raw(type == raw ? size : 1);
    if (type == raw) parts.incompressible_bytes += size;
    return;
  }
  // Two sizes of 10, 10, 14 or 18 bits after four bits of type and form; the second is the stored one.
  const unsigned header_bytes = form < 2 ? 3 : form + 2;
  const unsigned bits = form < 2 ? 10 : form * 4 + 6;
  std::uint64_t header = first;
  for (unsigned i = 1; i < header_bytes; ++i) header |= std::uint64_t{read.u8()} << (8 * i);
  read.raw(static_cast<std::size_t>(header >> (4 + bits) & ((std::uint64_t{1} << bits) - 1)));
}

std::size_t read_match_count(ByteReader& read) {
  const std::size_t first = read.u8();
  if (first < 128) return first;
  const std::size_t second = read.u8();
  if (first < 255) return (first - 128) << 8 | second;
  return (second | std::size_t{read.u8()} << 8) + 0x7f00;
}

FrameParts parts_of(ByteView frame) {
  enum BlockType : std::uint8_t { raw = 0, rle = 1 };
  FrameParts parts;
  ByteReader read(frame);
  skip_header(read);
  for (bool last = false; !last && read.ok();) {
    const std::size_t header = u24(read);
    last = (header & 1) != 0;
    const std::size_t type = header >> 1 & 3, size = header >> 3;
    if (type == raw) parts.incompressible_bytes += size;
    ByteReader block(read.raw(type == rle ? 1 : size));
    if (type == raw || type == rle) continue;
    read_literals(block, parts);
    parts.matches += read_match_count(block);
  }
  return parts;
}

}  // namespace

bool is_settled(ByteView patch, std::size_t raw_bytes) {
  constexpr std::size_t tiny_bytes = 64, tiny_part = 2000;  // a search over `raw` would save some bytes in a thousand
  constexpr std::size_t long_stretch_bytes = 128;           // on average, between matches
  if (patch.size() <= tiny_bytes + raw_bytes / tiny_part) return true;
  const FrameParts parts = parts_of(patch);
  return parts.incompressible_bytes >= patch.size() / 4 * 3 &&
         parts.incompressible_bytes / (parts.matches + 1) >= long_stretch_bytes;
}

}  // namespace duskline::pack
