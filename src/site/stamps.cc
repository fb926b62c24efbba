#include "site/stamps.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/hash.h"

namespace duskline::site {
namespace {

constexpr std::string_view magic = "DLSTAMP1";
constexpr std::size_t header_bytes = 8 + 32 + 32;  // magic, release, hash of the subtree's path
constexpr std::size_t trailer_bytes = 32;          // SHA-256 of all before
constexpr std::size_t buffer_bytes = 64 << 10;
static_assert(buffer_bytes % stamp_bytes == 0);

Bytes encode_header(const model::ReleaseId& id, std::string_view only) {
  Bytes header;
  ByteWriter out(header);
  out.raw(bytes_of(magic));
  out.raw(id.hash.bytes);
  out.raw(sha256(only).bytes);
  return header;
}

Error corrupt_stamps(const std::string& why) {
  return {Code::corrupt, "the stamps of the installed files cannot be used: " + why};
}

}  // namespace

FileStamp stamp_of(const disk::Stat& stat) { return {stat.inode, stat.size_bytes, stat.mtime_ns, stat.ctime_ns}; }

struct StampWriter::State {
  std::unique_ptr<disk::File> out;
  std::uint64_t offset = 0, count = 0;
  Bytes buffer;
  Sha256 hash;

  Status flush() {
    hash.update(buffer);
    DL_TRY(out->write_at(offset, buffer));
    offset += buffer.size();
    buffer.clear();
    return {};
  }
};

StampWriter::StampWriter(std::unique_ptr<disk::File> out, const model::ReleaseId& id, std::string_view only)
    : state_(std::make_unique<State>()) {
  state_->out = std::move(out);
  state_->buffer.reserve(buffer_bytes);
  state_->buffer = encode_header(id, only);
}

StampWriter::StampWriter(StampWriter&&) noexcept = default;
StampWriter& StampWriter::operator=(StampWriter&&) noexcept = default;
StampWriter::~StampWriter() = default;

Status StampWriter::add(const FileStamp& stamp) {
  ByteWriter out(state_->buffer);
  out.u64_fixed(stamp.inode);
  out.u64_fixed(stamp.size_bytes);
  out.u64_fixed(static_cast<std::uint64_t>(stamp.mtime_ns));
  out.u64_fixed(static_cast<std::uint64_t>(stamp.ctime_ns));
  ++state_->count;
  if (state_->buffer.size() + stamp_bytes > buffer_bytes) return state_->flush();
  return {};
}

Status StampWriter::finish() {
  DL_TRY(state_->flush());
  return state_->out->write_at(state_->offset, state_->hash.finish().bytes);
}

std::uint64_t StampWriter::count() const { return state_->count; }

struct StampReader::State {
  std::unique_ptr<disk::File> file;
  std::uint64_t count = 0, at = 0;  // in records
  Bytes buffer;
  std::uint64_t buffer_first = 0, buffer_count = 0;  // which records the buffer holds

  Status fill() {
    const std::uint64_t wanted = std::min<std::uint64_t>(count - at, buffer_bytes / stamp_bytes);
    buffer.resize(wanted * stamp_bytes);
    DL_ASSIGN(const std::size_t got, file->read_at(header_bytes + at * stamp_bytes, buffer));
    if (got != buffer.size()) return corrupt_stamps("the file became shorter while it was read");
    buffer_first = at;
    buffer_count = wanted;
    return {};
  }
};

StampReader::StampReader() : state_(std::make_unique<State>()) {}
StampReader::StampReader(StampReader&&) noexcept = default;
StampReader& StampReader::operator=(StampReader&&) noexcept = default;
StampReader::~StampReader() = default;

Result<StampReader> StampReader::open(std::unique_ptr<disk::File> file, const model::ReleaseId& id,
                                      std::string_view only) {
  DL_ASSIGN(const disk::Stat stat, file->stat());
  if (stat.size_bytes < header_bytes + trailer_bytes ||
      (stat.size_bytes - header_bytes - trailer_bytes) % stamp_bytes != 0) {
    return corrupt_stamps("the file has an impossible length");
  }
  const std::uint64_t body_end = stat.size_bytes - trailer_bytes;
  Sha256 hash;
  Bytes buffer(buffer_bytes);
  for (std::uint64_t at = 0; at < body_end;) {
    const ByteSpan part(buffer.data(), std::min<std::uint64_t>(buffer_bytes, body_end - at));
    DL_ASSIGN(const std::size_t got, file->read_at(at, part));
    if (got != part.size()) return corrupt_stamps("the file became shorter while it was read");
    if (at == 0 && !std::ranges::equal(part.first(header_bytes), encode_header(id, only))) {
      return corrupt_stamps("they are of another release, subtree or format");
    }
    hash.update(part);
    at += got;
  }
  Hash256 promised;
  DL_ASSIGN(const std::size_t got, file->read_at(body_end, promised.bytes));
  if (got != trailer_bytes || hash.finish() != promised) return corrupt_stamps("their checksum does not fit");
  StampReader reader;
  reader.state_->file = std::move(file);
  reader.state_->count = (body_end - header_bytes) / stamp_bytes;
  return reader;
}

std::uint64_t StampReader::count() const { return state_->count; }

Result<FileStamp> StampReader::next() {
  State& s = *state_;
  if (s.at >= s.count) return corrupt_stamps("there are fewer than the release has files");
  if (s.at < s.buffer_first || s.at >= s.buffer_first + s.buffer_count) DL_TRY(s.fill());
  ByteReader in(ByteView(s.buffer).subspan((s.at - s.buffer_first) * stamp_bytes, stamp_bytes));
  ++s.at;
  FileStamp stamp;
  stamp.inode = in.u64_fixed();
  stamp.size_bytes = in.u64_fixed();
  stamp.mtime_ns = static_cast<std::int64_t>(in.u64_fixed());
  stamp.ctime_ns = static_cast<std::int64_t>(in.u64_fixed());
  return stamp;
}

void StampReader::skip(std::uint64_t files) {
  state_->at = files > state_->count - state_->at ? state_->count : state_->at + files;
}

}  // namespace duskline::site
