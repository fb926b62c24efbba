#include "sync/record_file.h"

#include <algorithm>

#include "base/hash.h"

namespace duskline::sync {
namespace {

constexpr std::string_view magic = "duskline sync records 1\n";
constexpr std::size_t block_bytes = 64 << 10, max_block_bytes = 1 << 20;
constexpr std::size_t max_path_bytes = 64 << 10, max_etag_bytes = 1024;
constexpr std::size_t block_head_bytes = 12;  // length, checksum
constexpr std::size_t md5_digits = 32;

enum Flag : std::uint8_t { source_settled = 1, destination_settled = 2, has_source = 4, has_destination = 8 };
enum class StampForm : std::uint8_t { file, md5, text };

std::uint64_t checksum(ByteView bytes) { return sha256(bytes).prefix64(); }

bool is_empty(const Stamp& stamp) { return stamp == Stamp{}; }

void put_stamp(ByteWriter& out, const Stamp& stamp) {
  out.varint(stamp.size_bytes);
  if (stamp.etag.empty()) {
    out.u8(static_cast<std::uint8_t>(StampForm::file));
    out.zigzag(stamp.mtime_ns);
    out.zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(stamp.ctime_ns) -
                                         static_cast<std::uint64_t>(stamp.mtime_ns)));
    out.varint(stamp.inode);
    out.varint(stamp.mode);
    return;
  }
  if (stamp.etag.size() == md5_digits && form_of(stamp.etag).is_md5) {
    out.u8(static_cast<std::uint8_t>(StampForm::md5));
    out.raw(*from_hex(stamp.etag));
  } else {
    out.u8(static_cast<std::uint8_t>(StampForm::text));
    out.text(stamp.etag);
  }
  out.zigzag(stamp.modified_ns);
}

char hex_digit(unsigned value) { return static_cast<char>(value < 10 ? '0' + value : 'a' + value - 10); }

void get_stamp(ByteReader& in, Stamp& stamp) {
  stamp.size_bytes = in.varint();
  const auto form = static_cast<StampForm>(in.u8());
  stamp.etag.clear();
  stamp.mtime_ns = stamp.ctime_ns = stamp.modified_ns = 0;
  stamp.inode = 0;
  stamp.mode = 0;
  if (form == StampForm::file) {
    stamp.mtime_ns = in.zigzag();
    stamp.ctime_ns =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(stamp.mtime_ns) + static_cast<std::uint64_t>(in.zigzag()));
    stamp.inode = in.varint();
    stamp.mode = static_cast<std::uint32_t>(in.varint());
    return;
  }
  if (form == StampForm::md5) {
    for (const std::uint8_t byte : in.raw(md5_digits / 2)) {
      stamp.etag += hex_digit(byte >> 4U);
      stamp.etag += hex_digit(byte & 15U);
    }
  } else if (form == StampForm::text) {
    stamp.etag = in.text(max_etag_bytes);
  } else {
    in.fail();
  }
  stamp.modified_ns = in.zigzag();
}

Bytes header_of(std::string_view pair) {
  Bytes header(magic.begin(), magic.end());
  ByteWriter out(header);
  out.raw(sha256(pair).bytes);
  return header;
}

}  // namespace

Result<std::unique_ptr<RecordWriter>> RecordWriter::create(disk::Directory& folder, const std::string& name,
                                                           std::string_view pair) {
  DL_TRY(folder.remove_file(name, disk::Missing::is_absent));
  DL_ASSIGN(auto file, folder.create(name, 0600));
  std::unique_ptr<RecordWriter> writer(new RecordWriter(std::move(file)));
  const Bytes header = header_of(pair);
  DL_TRY(writer->file_->write_at(0, header));
  writer->at_ = header.size();
  return writer;
}

Status RecordWriter::append(const Record& record) {
  ++count_;
  if (block_.empty()) {
    block_.resize(block_head_bytes);
    last_path_.clear();
  }
  const auto [left, right] = std::ranges::mismatch(last_path_, record.path);
  const auto shared = static_cast<std::size_t>(left - last_path_.begin());
  ByteWriter out(block_);
  out.varint(shared);
  out.text(std::string_view(record.path).substr(shared));
  const bool with_source = !is_empty(record.source), with_destination = !is_empty(record.destination);
  out.u8(static_cast<std::uint8_t>(record.action));
  out.u8(static_cast<std::uint8_t>((record.source_settled ? Flag::source_settled : 0) |
                                   (record.destination_settled ? Flag::destination_settled : 0) |
                                   (with_source ? Flag::has_source : 0) |
                                   (with_destination ? Flag::has_destination : 0)));
  out.zigzag(record.seen_ns);
  if (with_source) put_stamp(out, record.source);
  if (with_destination) put_stamp(out, record.destination);
  last_path_ = record.path;
  return block_.size() < block_bytes ? Status() : flush();
}

Status RecordWriter::flush() {
  if (block_.empty()) return {};
  const ByteView body = ByteView(block_).subspan(block_head_bytes);
  Bytes head;
  ByteWriter out(head);
  out.u32_fixed(static_cast<std::uint32_t>(body.size()));
  out.u64_fixed(checksum(body));
  std::ranges::copy(head, block_.begin());
  DL_TRY(file_->write_at(at_, block_));
  at_ += block_.size();
  block_.clear();
  return {};
}

std::unique_ptr<RecordReader> RecordReader::open(disk::Directory& folder, const std::string& name,
                                                 std::string_view pair) {
  auto file = folder.open_read(name);
  if (!file) return nullptr;
  const Bytes wanted = header_of(pair);
  Bytes found(wanted.size());
  const auto count = (*file)->read_at(0, found);
  if (!count || *count != wanted.size() || found != wanted) return nullptr;
  std::unique_ptr<RecordReader> reader(new RecordReader(std::move(*file)));
  reader->at_ = wanted.size();
  return reader;
}

bool RecordReader::load_block() {
  Bytes head(block_head_bytes);
  const auto got = file_->read_at(at_, head);
  if (!got || *got != head.size()) return false;
  ByteReader in(head);
  const std::uint32_t length = in.u32_fixed();
  const std::uint64_t expected = in.u64_fixed();
  if (length == 0 || length > max_block_bytes) return false;
  block_.resize(length);
  const auto body = file_->read_at(at_ + head.size(), block_);
  if (!body || *body != length || checksum(block_) != expected) return false;
  at_ += head.size() + length;
  reader_ = ByteReader(block_);
  record_.path.clear();
  return true;
}

const Record* RecordReader::next() {
  if (ended_ || (reader_.at_end() && !load_block())) {
    ended_ = true;
    return nullptr;
  }
  const std::uint64_t shared = reader_.varint();
  const std::string_view rest = reader_.text(max_path_bytes);
  const std::uint8_t action = reader_.u8(), flags = reader_.u8();
  record_.seen_ns = reader_.zigzag();
  if (shared > record_.path.size() || action > static_cast<std::uint8_t>(Action::remove)) reader_.fail();
  record_.path.resize(std::min<std::size_t>(shared, record_.path.size()));
  record_.path += rest;
  record_.action = static_cast<Action>(action);
  record_.source_settled = (flags & Flag::source_settled) != 0;
  record_.destination_settled = (flags & Flag::destination_settled) != 0;
  record_.source = record_.destination = Stamp{};
  if ((flags & Flag::has_source) != 0) get_stamp(reader_, record_.source);
  if ((flags & Flag::has_destination) != 0) get_stamp(reader_, record_.destination);
  if (reader_.ok()) return &record_;
  ended_ = true;
  return nullptr;
}

MergedRecords::MergedRecords(std::vector<std::unique_ptr<RecordReader>> files) {
  for (auto& file : files) {
    if (file == nullptr) continue;
    const Record* first = file->next();
    runs_.push_back({std::move(file), first});
  }
}

const Record* MergedRecords::find(std::string_view path) {
  const Record* found = nullptr;
  for (Run& run : runs_) {
    while (run.now != nullptr && run.now->path < path) run.now = run.reader->next();
    if (found == nullptr && run.now != nullptr && run.now->path == path) found = run.now;
  }
  return found;
}

}  // namespace duskline::sync
