#include "objects/record.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace duskline::objects {
namespace {

constexpr std::string_view segment_magic = "duskline-log-1\n";  // and a zero byte
constexpr std::uint32_t record_magic = 0x31724C44;              // "DLr1"
constexpr std::size_t meta_hash_at = 24, body_hash_at = 32;
constexpr std::size_t window_bytes = 1 << 20;

std::uint64_t hash64(ByteView bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

struct Head {
  std::uint32_t magic = 0, meta_length = 0, body_length = 0, reserved = 0;
  std::uint64_t batch_start = 0, meta_hash = 0;
  Hash128 body_hash{};
};
Head read_head(ByteView bytes) {
  ByteReader in(bytes);
  Head head;
  head.magic = in.u32_fixed();
  head.meta_length = in.u32_fixed();
  head.body_length = in.u32_fixed();
  head.reserved = in.u32_fixed();
  head.batch_start = in.u64_fixed();
  head.meta_hash = in.u64_fixed();
  const ByteView hash = in.raw(sizeof head.body_hash);
  if (in.ok()) std::memcpy(head.body_hash.data(), hash.data(), hash.size());
  return head;
}
bool plausible(const Head& head) {
  return head.magic == record_magic && head.reserved == 0 && head.meta_length <= max_record_part_bytes &&
         head.body_length <= max_record_part_bytes && head.meta_length > 0;
}

// Covers the head but for this hash itself, and the meta.
std::uint64_t meta_hash_of(ByteView head, ByteView meta, std::uint64_t seed) {
  const std::uint64_t of_meta = hash64(meta, seed);
  const std::uint64_t before = hash64(head.first(meta_hash_at), of_meta);
  return hash64(head.subspan(body_hash_at, sizeof(Hash128)), before);
}

constexpr std::uint64_t padded(std::uint64_t length) { return (length + 7) / 8 * 8; }

}  // namespace

std::uint64_t seed_of(std::uint64_t store, std::uint64_t file, std::uint64_t offset) {
  const std::array<std::uint64_t, 3> parts{store, file, offset};
  return XXH3_64bits(parts.data(), sizeof parts);
}

Hash128 hash128(ByteView bytes, std::uint64_t seed) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed));
  Hash128 hash;
  std::memcpy(hash.data(), canonical.digest, hash.size());
  return hash;
}

Bytes encode_segment_header(const SegmentHeader& header) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.raw(bytes_of(segment_magic));
  out.u8(0);
  out.u64_fixed(header.store);
  out.u64_fixed(header.number);
  out.u64_fixed(header.previous_end);
  out.u64_fixed(header.next_sequence);
  out.u64_fixed(header.next_data);
  out.u64_fixed(hash64(bytes, 0));
  return bytes;
}

std::optional<SegmentHeader> decode_segment_header(ByteView bytes) {
  if (bytes.size() < segment_header_bytes) return std::nullopt;
  ByteReader in(bytes.first(segment_header_bytes));
  const std::string_view magic = text_of(in.raw(segment_magic.size()));
  if (magic != segment_magic || in.u8() != 0) return std::nullopt;
  SegmentHeader header;
  header.store = in.u64_fixed();
  header.number = in.u64_fixed();
  header.previous_end = in.u64_fixed();
  header.next_sequence = in.u64_fixed();
  header.next_data = in.u64_fixed();
  if (in.u64_fixed() != hash64(bytes.first(segment_header_bytes - 8), 0)) return std::nullopt;
  return header;
}

void append_record(Bytes& batch, std::uint64_t store, Position batch_start, ByteView body, ByteView meta) {
  const std::uint64_t offset = batch_start.offset + batch.size();
  const std::size_t at = batch.size();
  ByteWriter out(batch);
  out.u32_fixed(record_magic);
  out.u32_fixed(static_cast<std::uint32_t>(meta.size()));
  out.u32_fixed(static_cast<std::uint32_t>(body.size()));
  out.u32_fixed(0);
  out.u64_fixed(batch_start.offset);
  out.u64_fixed(0);
  out.raw(hash128(body, seed_of(store, batch_start.segment, body_offset(offset))));
  const std::uint64_t meta_hash =
      meta_hash_of(ByteView(batch).subspan(at, record_head_bytes), meta, seed_of(store, batch_start.segment, offset));
  for (std::size_t i = 0; i < 8; ++i) batch[at + meta_hash_at + i] = static_cast<std::uint8_t>(meta_hash >> (8 * i));
  out.raw(body);
  out.raw(meta);
  batch.resize(padded(batch.size()));
}

bool body_matches(ByteView head_and_body, std::uint64_t store, std::uint64_t segment, std::uint64_t body_at) {
  const Head head = read_head(head_and_body.first(record_head_bytes));
  const ByteView body = head_and_body.subspan(record_head_bytes);
  return plausible(head) && head.body_length == body.size() &&
         head.body_hash == hash128(body, seed_of(store, segment, body_at));
}

Result<SegmentReader> SegmentReader::open(Files& files, const std::string& path, std::uint64_t store,
                                          std::uint64_t number) {
  SegmentReader reader(files, path, store, number);
  DL_ASSIGN(reader.fd_, files.open(path, O_RDONLY));
  DL_ASSIGN(reader.size_, Files::size_of(reader.fd_.get(), path));
  if (reader.size_ < segment_header_bytes) return reader;
  DL_ASSIGN(const ByteView start, reader.need(0, segment_header_bytes));
  reader.header_ = decode_segment_header(start);
  if (reader.header_ && (reader.header_->store != store || reader.header_->number != number)) reader.header_.reset();
  return reader;
}

Result<ByteView> SegmentReader::need(std::uint64_t offset, std::size_t length) {
  if (offset < window_at_ || offset + length > window_at_ + window_.size()) {
    window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(std::max(length, window_bytes), size_ - offset)));
    window_at_ = offset;
    const auto got = past_cache_ ? files_->read_past_cache(fd_.get(), path_, offset, window_)
                                 : files_->read_at(fd_.get(), path_, offset, window_);
    if (!got || *got != window_.size()) {
      window_.clear();
      if (!got) return got.error();
      return Error(Code::io, "read " + path_ + ": it became shorter while it was read");
    }
  }
  return ByteView(window_).subspan(static_cast<std::size_t>(offset - window_at_), length);
}

Result<std::optional<RecordView>> SegmentReader::record_at(std::uint64_t offset) {
  const std::optional<RecordView> none;
  if (offset < segment_header_bytes || offset + record_head_bytes > size_) return none;
  DL_ASSIGN(const ByteView start, need(offset, record_head_bytes));
  const Head head = read_head(start);
  const std::uint64_t end = offset + padded(record_head_bytes + std::uint64_t{head.meta_length} + head.body_length);
  if (!plausible(head) || end > size_ || head.batch_start > offset) return none;
  DL_ASSIGN(const ByteView whole, need(offset, static_cast<std::size_t>(end - offset)));
  RecordView view;
  view.offset = offset;
  view.end = end;
  view.batch_start = head.batch_start;
  view.body = whole.subspan(record_head_bytes, head.body_length);
  view.meta = whole.subspan(record_head_bytes + head.body_length, head.meta_length);
  const std::uint64_t seed = seed_of(store_, number_, offset);
  if (head.meta_hash != meta_hash_of(whole.first(record_head_bytes), view.meta, seed)) return none;
  const std::uint64_t body_seed = seed_of(store_, number_, body_offset(offset));
  if (head.body_hash != hash128(view.body, body_seed)) return none;
  return std::optional(view);
}

Result<std::optional<RecordView>> SegmentReader::search(std::uint64_t offset) {
  for (offset = padded(offset); offset + record_head_bytes <= size_; offset += 8) {
    DL_ASSIGN(const ByteView start, need(offset, record_head_bytes));
    if (read_head(start).magic != record_magic) continue;
    DL_ASSIGN(const auto found, record_at(offset));
    if (found) return found;
  }
  return std::optional<RecordView>();
}

Result<std::uint64_t> SegmentReader::scan(std::uint64_t offset, const See& see) {
  for (;;) {
    DL_ASSIGN(const auto record, record_at(offset));
    if (!record) return offset;
    DL_TRY(see(*record));
    offset = record->end;
  }
}

Result<bool> SegmentReader::was_synced(std::uint64_t offset) {
  std::uint64_t at = offset + 8;
  for (;;) {
    DL_ASSIGN(const auto later, search(at));
    if (!later) return false;
    if (later->batch_start > offset) return true;
    at = later->end;
  }
}

}  // namespace duskline::objects
