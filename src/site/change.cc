#include "site/change.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "base/units.h"
#include "site/target.h"

namespace duskline::site {
namespace {

constexpr std::string_view magic = "DLCHNGE2";
constexpr std::string_view first_magic = "DLCHNGE1";  // without extended attributes
constexpr std::size_t header_bytes = 8 + 32;          // magic, release
constexpr std::size_t trailer_bytes = 8 + 32;         // count, SHA-256 of all before
constexpr std::size_t length_bytes = 4;               // on both sides of a record, so that it can be found from either
constexpr std::size_t max_attribute_list_bytes = model::max_attribute_bytes + (model::max_attributes + 1) * 8;
constexpr std::size_t max_record_bytes = 2 * model::max_path_bytes + max_attribute_list_bytes + 128;
constexpr std::size_t window_bytes = 128 << 10;

bool is_private(std::string_view path) {
  return model::same_when_folded(path.substr(0, path.find('/')), private_folder_name);
}

Status check_path(std::string_view path) {
  const auto refuse = [&](const char* why) {
    return Error{Code::invalid, "the path \"" + printable(path.substr(0, 200)) + "\" cannot be changed: " + why};
  };
  if (path.empty() || path.size() > model::max_path_bytes) return refuse("its length is not allowed");
  if (path.find('\0') != std::string_view::npos) return refuse("it holds a NUL");
  if (is_private(path)) return refuse("it lies in the private folder");
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, end - at);
    if (name.empty() || name == "." || name == ".." || name.size() > model::max_name_bytes) {
      return refuse("it has a component that names no entry");
    }
    at = end + 1;
  }
  return {};
}

Status check_change(const Change& change) {
  if (!(change.path.empty() && change.kind == Change::Kind::make_directory)) DL_TRY(check_path(change.path));
  if (change.attributes) DL_TRY(model::check_attributes(*change.attributes));
  if (change.kind == Change::Kind::make_hard_link) return check_path(change.other);
  if (change.kind == Change::Kind::make_symlink) {
    if (change.other.empty() || change.other.size() > model::max_link_bytes ||
        change.other.find('\0') != std::string::npos) {
      return Error{Code::invalid, "the target of the symlink \"" + printable(change.path) + "\" is not allowed"};
    }
  }
  return {};
}

void encode(const Change& change, Bytes& out) {
  ByteWriter w(out);
  w.u8(static_cast<std::uint8_t>(change.kind));
  w.text(change.path);
  w.text(change.other);
  w.varint(change.mode);
  w.zigzag(change.mtime_ns);
  w.u8(change.owner ? 1 : 0);
  if (change.owner) {
    w.varint(change.owner->uid);
    w.varint(change.owner->gid);
  }
  w.u8(change.attributes ? 1 : 0);
  if (change.attributes) {
    Bytes list;
    if (!change.attributes->empty()) model::encode_attributes(*change.attributes, list);
    w.text(text_of(list));
  }
  w.varint(change.seen.inode);
  w.varint(change.seen.size_bytes);
  w.zigzag(change.seen.mtime_ns);
  w.zigzag(change.seen.ctime_ns);
}

Error corrupt_list(const std::string& why) { return {Code::corrupt, "the list of changes cannot be used: " + why}; }

enum class Format : std::uint8_t { first, with_attributes };

Status decode_attributes(ByteReader& r, WantedAttributes& attributes) {
  const std::uint8_t has_attributes = r.u8();
  if (has_attributes > 1) r.fail();
  if (has_attributes == 0) return {};
  const std::string_view list = r.text(max_attribute_list_bytes);
  attributes.emplace();
  if (!r.ok() || list.empty()) return {};
  auto decoded = model::decode_attributes(bytes_of(list));
  if (!decoded) return corrupt_list(decoded.error().message);
  attributes = std::move(*decoded);
  return {};
}

Status decode(ByteView in, Format format, Change& change) {
  ByteReader r(in);
  const std::uint8_t kind = r.u8();
  if (kind < 1 || kind > static_cast<std::uint8_t>(Change::Kind::remove_directory)) r.fail();
  change.kind = static_cast<Change::Kind>(kind);
  change.path = r.text(model::max_path_bytes);
  change.other = r.text(model::max_path_bytes);
  const std::uint64_t mode = r.varint();
  change.mtime_ns = r.zigzag();
  change.owner.reset();
  std::uint64_t uid = 0, gid = 0;
  const std::uint8_t has_owner = r.u8();
  if (has_owner == 1) {
    uid = r.varint();
    gid = r.varint();
    change.owner = model::Owner{static_cast<std::uint32_t>(uid), static_cast<std::uint32_t>(gid)};
  }
  change.attributes.reset();
  if (format == Format::with_attributes) DL_TRY(decode_attributes(r, change.attributes));
  change.seen.inode = r.varint();
  change.seen.size_bytes = r.varint();
  change.seen.mtime_ns = r.zigzag();
  change.seen.ctime_ns = r.zigzag();
  if (!r.ok() || !r.at_end() || has_owner > 1 || mode > 07777 || uid > UINT32_MAX || gid > UINT32_MAX) {
    return corrupt_list("a record breaks the format");
  }
  change.mode = static_cast<std::uint32_t>(mode);
  return check_change(change);
}

}  // namespace

FileStamp saw(const disk::Stat& stat) {
  FileStamp seen = stamp_of(stat);
  if (stat.links > 1) seen.ctime_ns = 0;
  return seen;
}

bool is_as_seen(const disk::Stat& now, const FileStamp& seen) {
  if (now.inode != seen.inode || now.size_bytes != seen.size_bytes || now.mtime_ns != seen.mtime_ns) return false;
  return seen.ctime_ns == 0 || now.links > 1 || now.ctime_ns == seen.ctime_ns;
}

struct ChangeWriter::State {
  std::unique_ptr<disk::File> out;
  std::uint64_t offset = 0, count = 0;
  Bytes buffer, record;
  Sha256 hash;

  Status flush() {
    hash.update(buffer);
    DL_TRY(out->write_at(offset, buffer));
    offset += buffer.size();
    buffer.clear();
    return {};
  }
};

ChangeWriter::ChangeWriter(std::unique_ptr<disk::File> out, const model::ReleaseId& to)
    : state_(std::make_unique<State>()) {
  state_->out = std::move(out);
  ByteWriter w(state_->buffer);
  w.raw(bytes_of(magic));
  w.raw(to.hash.bytes);
}

ChangeWriter::~ChangeWriter() = default;

Status ChangeWriter::add(const Change& change) {
  DL_TRY(check_change(change));
  State& s = *state_;
  s.record.clear();
  encode(change, s.record);
  ByteWriter w(s.buffer);
  w.u32_fixed(static_cast<std::uint32_t>(s.record.size()));
  w.raw(s.record);
  w.u32_fixed(static_cast<std::uint32_t>(s.record.size()));
  ++s.count;
  if (s.buffer.size() >= window_bytes) return s.flush();
  return {};
}

Status ChangeWriter::finish() {
  State& s = *state_;
  ByteWriter(s.buffer).u64_fixed(s.count);
  DL_TRY(s.flush());
  DL_TRY(s.out->write_at(s.offset, s.hash.finish().bytes));
  return s.out->sync();
}

std::uint64_t ChangeWriter::count() const { return state_->count; }

struct ChangeList::State {
  std::unique_ptr<disk::File> file;
  Format format = Format::with_attributes;
  model::ReleaseId to;
  std::uint64_t count = 0;
  std::uint64_t end = 0;  // of the records
  std::uint64_t at = 0;   // between two records
  Bytes window;
  std::uint64_t window_at = 0;
  Change change;

  enum class Towards : std::uint8_t { end, start };

  // The bytes at [offset, offset + length), with as much as the window takes in the direction of reading.
  Result<ByteView> bytes(std::uint64_t offset, std::size_t length, Towards direction) {
    if (offset < header_bytes || offset + length > end) return corrupt_list("a record lies outside of it");
    if (offset < window_at || offset + length > window_at + window.size()) {
      const std::uint64_t size = std::max<std::uint64_t>(window_bytes, length);
      std::uint64_t from = offset;
      if (direction == Towards::start) {
        from = std::max<std::uint64_t>(header_bytes, offset + length > size ? offset + length - size : 0);
      }
      window.resize(std::min(size, end - from));
      window_at = from;
      DL_ASSIGN(const std::size_t got, file->read_at(from, window));
      if (got != window.size()) return corrupt_list("it became shorter while it was read");
    }
    return ByteView(window).subspan(offset - window_at, length);
  }

  Result<std::size_t> record_length(std::uint64_t offset, Towards direction) {
    DL_ASSIGN(const ByteView field, bytes(offset, length_bytes, direction));
    const std::size_t length = ByteReader(field).u32_fixed();
    if (length > max_record_bytes) return corrupt_list("a record is too long");
    return length;
  }
};

ChangeList::ChangeList() : state_(std::make_unique<State>()) {}
ChangeList::ChangeList(ChangeList&&) noexcept = default;
ChangeList& ChangeList::operator=(ChangeList&&) noexcept = default;
ChangeList::~ChangeList() = default;

Result<ChangeList> ChangeList::open(std::unique_ptr<disk::File> file) {
  DL_ASSIGN(const disk::Stat stat, file->stat());
  if (stat.size_bytes < header_bytes + trailer_bytes) return corrupt_list("it is too short");
  const std::uint64_t hashed = stat.size_bytes - 32;
  Sha256 hash;
  Bytes buffer(window_bytes);
  ChangeList list;
  State& s = *list.state_;
  for (std::uint64_t at = 0; at < hashed;) {
    const ByteSpan part(buffer.data(), std::min<std::uint64_t>(buffer.size(), hashed - at));
    DL_ASSIGN(const std::size_t got, file->read_at(at, part));
    if (got != part.size()) return corrupt_list("it became shorter while it was read");
    if (at == 0) {
      const std::string_view found = text_of(part.first(magic.size()));
      if (found == first_magic) s.format = Format::first;
      if (found != magic && found != first_magic) return corrupt_list("it is not one, or of another format");
      std::copy_n(part.begin() + magic.size(), s.to.hash.bytes.size(), s.to.hash.bytes.begin());
    }
    hash.update(part);
    at += got;
  }
  Hash256 promised;
  DL_ASSIGN(const std::size_t got, file->read_at(hashed, promised.bytes));
  if (got != promised.bytes.size() || hash.finish() != promised) return corrupt_list("its checksum does not fit");
  s.end = stat.size_bytes - trailer_bytes;
  Bytes count(8);
  DL_ASSIGN(const std::size_t count_got, file->read_at(s.end, count));
  if (count_got != count.size()) return corrupt_list("it became shorter while it was read");
  s.count = ByteReader(count).u64_fixed();
  s.file = std::move(file);

  list.rewind();
  std::uint64_t found = 0;
  for (;; ++found) {
    DL_ASSIGN(const Change* change, list.next());
    if (change == nullptr) break;
  }
  if (found != s.count) return corrupt_list("its count does not fit");
  list.rewind();
  return list;
}

const model::ReleaseId& ChangeList::to() const { return state_->to; }
std::uint64_t ChangeList::count() const { return state_->count; }
void ChangeList::rewind() { state_->at = header_bytes; }
void ChangeList::rewind_end() { state_->at = state_->end; }

Result<const Change*> ChangeList::next() {
  State& s = *state_;
  if (s.at == s.end) return nullptr;
  DL_ASSIGN(const std::size_t length, s.record_length(s.at, State::Towards::end));
  DL_ASSIGN(const ByteView all, s.bytes(s.at, length + 2 * length_bytes, State::Towards::end));
  DL_TRY(decode(all.subspan(length_bytes, length), s.format, s.change));
  if (ByteReader(all.last(length_bytes)).u32_fixed() != length) return corrupt_list("a record's lengths differ");
  s.at += all.size();
  return &s.change;
}

Result<const Change*> ChangeList::previous() {
  State& s = *state_;
  if (s.at == header_bytes) return nullptr;
  DL_ASSIGN(const std::size_t length, s.record_length(s.at - length_bytes, State::Towards::start));
  if (s.at < header_bytes + length + 2 * length_bytes) return corrupt_list("a record lies outside of it");
  const std::uint64_t start = s.at - length - 2 * length_bytes;
  DL_ASSIGN(const ByteView all, s.bytes(start, length + 2 * length_bytes, State::Towards::start));
  DL_TRY(decode(all.subspan(length_bytes, length), s.format, s.change));
  s.at = start;
  return &s.change;
}

}  // namespace duskline::site
