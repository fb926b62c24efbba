#include "publish/journal.h"

#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace duskline::publish {
namespace {

constexpr std::string_view magic = "dlpacks1";
constexpr std::size_t record_header_bytes = 4 + 8;  // length, checksum
constexpr std::uint64_t max_record_bytes = 64 << 20;
constexpr std::uint64_t max_journal_bytes = 256 << 20;  // beyond it, the oldest runs' packs are uploaded again

void encode(const PackContents& contents, Bytes& out) {
  ByteWriter write(out);
  write.raw(contents.pack.bytes);
  write.varint(contents.size_bytes);
  write.varint(contents.frames.size());
  for (const model::Frame& frame : contents.frames) {
    write.varint(frame.offset_bytes);
    write.varint(frame.stored_bytes);
    write.varint(frame.raw_bytes);
    write.u8(static_cast<std::uint8_t>(frame.codec));
  }
  write.varint(contents.chunks.size());
  for (const PackContents::ChunkAt& at : contents.chunks) {
    write.raw(at.chunk.bytes);
    write.varint(at.frame);
    write.varint(at.offset_bytes);
  }
}

Hash256 read_hash(ByteReader& in) {
  Hash256 hash;
  std::ranges::copy(in.raw(hash.bytes.size()), hash.bytes.begin());
  return hash;
}

std::optional<PackContents> decode(ByteView bytes) {
  ByteReader in(bytes);
  PackContents contents;
  contents.pack = read_hash(in);
  contents.size_bytes = in.varint();
  const std::uint64_t frames = in.varint();
  if (!in.ok() || frames > in.left()) return std::nullopt;
  contents.frames.resize(static_cast<std::size_t>(frames));
  for (model::Frame& frame : contents.frames) {
    frame.offset_bytes = in.varint();
    frame.stored_bytes = in.varint();
    frame.raw_bytes = in.varint();
    frame.codec = in.u8() == static_cast<std::uint8_t>(model::Codec::zstd) ? model::Codec::zstd : model::Codec::raw;
  }
  const std::uint64_t chunks = in.varint();
  if (!in.ok() || chunks > in.left()) return std::nullopt;
  contents.chunks.resize(static_cast<std::size_t>(chunks));
  for (PackContents::ChunkAt& at : contents.chunks) {
    at.chunk = read_hash(in);
    at.frame = static_cast<std::uint32_t>(in.varint());
    at.offset_bytes = static_cast<std::uint32_t>(in.varint());
    if (at.frame >= contents.frames.size()) return std::nullopt;
  }
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return contents;
}

std::optional<PackContents> read_record(disk::File& file, std::uint64_t& at) {
  Bytes header(record_header_bytes);
  const auto got = file.read_at(at, header);
  if (!got || *got != header.size()) return std::nullopt;
  ByteReader in(header);
  const std::uint32_t length = in.u32_fixed();
  const std::uint64_t sum = in.u64_fixed();
  if (length > max_record_bytes || at + length > max_journal_bytes) return std::nullopt;
  Bytes body(length);
  const auto read = file.read_at(at + record_header_bytes, body);
  if (!read || *read != body.size() || XXH3_64bits(body.data(), body.size()) != sum) return std::nullopt;
  auto contents = decode(body);
  if (contents) at += record_header_bytes + length;  // else the next one written takes its place
  return contents;
}

bool begins_right(disk::File& file) {
  Bytes start(magic.size());
  const auto got = file.read_at(0, start);
  return got && *got == start.size() && text_of(start) == magic;
}

}  // namespace

Result<std::unique_ptr<PackJournal>> PackJournal::open(disk::Directory& folder, std::string_view name) {
  std::unique_ptr<PackJournal> journal(new PackJournal);
  journal->end_ = magic.size();
  auto existing = folder.open_write(name);
  if (existing && begins_right(**existing)) {
    journal->file_ = std::move(*existing);
    while (auto contents = read_record(*journal->file_, journal->end_))
      journal->earlier_.push_back(std::move(*contents));
    return journal;
  }
  DL_TRY(folder.remove_file(name, disk::Missing::is_absent));
  DL_ASSIGN(journal->file_, folder.create(name, 0600));
  DL_TRY(journal->file_->write_at(0, bytes_of(magic)));
  return journal;
}

Status PackJournal::append(const PackContents& contents) {
  Bytes body;
  encode(contents, body);
  if (body.size() > max_record_bytes || end_ + body.size() > max_journal_bytes) return {};
  Bytes record;
  ByteWriter write(record);
  write.u32_fixed(static_cast<std::uint32_t>(body.size()));
  write.u64_fixed(XXH3_64bits(body.data(), body.size()));
  write.raw(body);
  DL_TRY(file_->write_at(end_, record));
  end_ += record.size();
  return {};
}

}  // namespace duskline::publish
