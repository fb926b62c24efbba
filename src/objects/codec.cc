#include "objects/codec.h"

#include <cstring>

namespace duskline::objects {
namespace {

enum class Kind : std::uint8_t {
  bucket_state = 1,
  bucket_gone,
  version_state,
  version_gone,
  upload_state,
  upload_gone,
  part_state,
};

constexpr std::size_t max_text = 16 << 20;  // no record is longer
constexpr std::uint8_t is_marker = 1, is_null = 2, etag_is_md5 = 4, etag_has_count = 8, details_apart = 16;
constexpr std::size_t md5_bytes = 16;

Error broken(const char* what) { return {Code::corrupt, std::string("a stored ") + what + " cannot be decoded"}; }

void put_time(ByteWriter& out, WallTime time) { out.zigzag(time.time_since_epoch().count()); }
WallTime get_time(ByteReader& in) { return WallTime(std::chrono::nanoseconds(in.zigzag())); }

void put_properties(ByteWriter& out, const Properties& properties) {
  out.varint(properties.size());
  for (const auto& [name, value] : properties) {
    out.text(name);
    out.text(value);
  }
}
Properties get_properties(ByteReader& in) {
  Properties properties;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    std::string name(in.text(max_text));
    properties.insert_or_assign(properties.end(), std::move(name), std::string(in.text(max_text)));
  }
  return properties;
}

// An ETag is nearly always an MD5 in hex, with "-" and a number of parts behind it where it had several.
struct SplitEtag {
  std::uint8_t flags = 0;
  Bytes md5;
  std::uint64_t count = 0;
};
SplitEtag split_etag(const std::string& etag) {
  SplitEtag split;
  const auto dash = etag.find('-');
  const std::string hex = etag.substr(0, dash);
  if (hex.size() != 2 * md5_bytes || hex.find_first_not_of("0123456789abcdef") != std::string::npos) return split;
  if (dash != std::string::npos) {
    const std::string digits = etag.substr(dash + 1);
    if (digits.empty() || digits.size() > 9 || digits[0] == '0') return split;
    for (const char c : digits) {
      if (c < '0' || c > '9') return split;
      split.count = split.count * 10 + static_cast<std::uint64_t>(c - '0');
    }
    split.flags |= etag_has_count;
  }
  split.flags |= etag_is_md5;
  split.md5 = *from_hex(hex);
  return split;
}
void put_etag(ByteWriter& out, const SplitEtag& split, const std::string& etag) {
  if ((split.flags & etag_is_md5) == 0) return out.text(etag);
  out.raw(split.md5);
  if ((split.flags & etag_has_count) != 0) out.varint(split.count);
}
std::string get_etag(ByteReader& in, std::uint8_t flags) {
  if ((flags & etag_is_md5) == 0) return std::string(in.text(max_text));
  std::string etag = to_hex(in.raw(md5_bytes));
  if ((flags & etag_has_count) != 0) etag += "-" + std::to_string(in.varint());
  return etag;
}

// The bit that tells segments from data files comes last, where it costs nothing.
std::uint64_t file_code(std::uint64_t file) { return (file & ~segment_bit) << 1 | ((file & segment_bit) != 0 ? 1 : 0); }
void put_extents(ByteWriter& out, const std::vector<Extent>& extents) {
  out.varint(extents.size());
  for (const Extent& extent : extents) {
    out.varint(file_code(extent.file));
    out.varint(extent.offset_bytes);
    out.varint(extent.length_bytes);
  }
}
std::vector<Extent> get_extents(ByteReader& in) {
  std::vector<Extent> extents;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    Extent extent;
    const std::uint64_t code = in.varint();
    extent.file = code >> 1 | ((code & 1) != 0 ? segment_bit : 0);
    extent.offset_bytes = in.varint();
    extent.length_bytes = in.varint();
    extents.push_back(extent);
  }
  return extents;
}

void put_part(ByteWriter& out, const Part& part) {
  const SplitEtag etag = split_etag(part.etag);
  out.varint(part.number);
  out.u8(etag.flags);
  out.varint(part.size_bytes);
  put_etag(out, etag, part.etag);
  put_time(out, part.modified);
  put_properties(out, part.properties);
  put_extents(out, part.extents);
}
Part get_part(ByteReader& in) {
  Part part;
  part.number = static_cast<std::uint32_t>(in.varint());
  const std::uint8_t flags = in.u8();
  part.size_bytes = in.varint();
  part.etag = get_etag(in, flags);
  part.modified = get_time(in);
  part.properties = get_properties(in);
  part.extents = get_extents(in);
  return part;
}

void put_bucket(ByteWriter& out, const Bucket& bucket) {
  out.text(bucket.name);
  out.text(bucket.owner);
  put_time(out, bucket.created);
  out.u8(static_cast<std::uint8_t>(bucket.versioning));
  put_properties(out, bucket.properties);
}
Bucket get_bucket(ByteReader& in) {
  Bucket bucket;
  bucket.name = in.text(max_text);
  bucket.owner = in.text(max_text);
  bucket.created = get_time(in);
  const std::uint8_t versioning = in.u8();
  if (versioning <= static_cast<std::uint8_t>(Versioning::suspended)) {
    bucket.versioning = static_cast<Versioning>(versioning);
  } else {
    in.fail();
  }
  bucket.properties = get_properties(in);
  return bucket;
}

void put_upload(ByteWriter& out, const Upload& upload) {
  out.text(upload.key);
  out.text(upload.id);
  put_time(out, upload.begun);
  out.text(upload.owner);
  put_properties(out, upload.properties);
}
Upload get_upload(ByteReader& in) {
  Upload upload;
  upload.key = in.text(max_text);
  upload.id = in.text(max_text);
  upload.begun = get_time(in);
  upload.owner = in.text(max_text);
  upload.properties = get_properties(in);
  return upload;
}

// Flags and sequence stand first, so that peek_row() finds them.
void put_version(ByteWriter& out, const Version& version, std::uint64_t sequence, std::uint8_t more_flags) {
  const SplitEtag etag = split_etag(version.etag);
  const auto id = version.id == null_version ? std::nullopt : parse_id(version.id);
  out.u8(static_cast<std::uint8_t>((version.delete_marker ? is_marker : 0) | (id ? 0 : is_null) | etag.flags |
                                   more_flags));
  out.varint(sequence);
  if (id) out.raw(id->salt);
  put_time(out, version.modified);
  out.varint(version.size_bytes);
  put_etag(out, etag, version.etag);
  out.text(version.owner);
  put_properties(out, version.properties);
}
Version get_version(ByteReader& in, std::uint8_t* flags, std::uint64_t* sequence) {
  Version version;
  *flags = in.u8();
  *sequence = in.varint();
  if ((*flags & is_null) == 0) {
    IdSalt salt{};
    const ByteView raw = in.raw(salt.size());
    if (in.ok()) std::memcpy(salt.data(), raw.data(), salt.size());
    version.id = make_id(*sequence, salt);
  }
  version.delete_marker = (*flags & is_marker) != 0;
  version.modified = get_time(in);
  version.size_bytes = in.varint();
  version.etag = get_etag(in, *flags);
  version.owner = in.text(max_text);
  version.properties = get_properties(in);
  return version;
}
void put_places(ByteWriter& out, const Version& version) {
  out.varint(version.parts.size());
  for (const Part& part : version.parts) put_part(out, part);
  put_extents(out, version.extents);
}
void get_places(ByteReader& in, Version& version) {
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) version.parts.push_back(get_part(in));
  version.extents = get_extents(in);
}

void put(ByteWriter& out, const BucketState& entry) {
  out.u8(static_cast<std::uint8_t>(Kind::bucket_state));
  out.varint(entry.id);
  out.varint(entry.first);
  put_bucket(out, entry.bucket);
}
void put(ByteWriter& out, const BucketGone& entry) {
  out.u8(static_cast<std::uint8_t>(Kind::bucket_gone));
  out.varint(entry.id);
  out.varint(entry.first);
}
void put(ByteWriter& out, const VersionState& entry) {
  out.u8(static_cast<std::uint8_t>(Kind::version_state));
  out.varint(entry.bucket);
  out.varint(entry.first);
  out.text(entry.version.key);
  put_version(out, entry.version, entry.sequence, 0);
  put_places(out, entry.version);
}
template <typename Gone>
void put_gone(ByteWriter& out, Kind kind, const Gone& entry) {
  out.u8(static_cast<std::uint8_t>(kind));
  out.varint(entry.bucket);
  out.varint(entry.sequence);
  out.varint(entry.first);
  out.text(entry.key);
}
void put(ByteWriter& out, const VersionGone& entry) { put_gone(out, Kind::version_gone, entry); }
void put(ByteWriter& out, const UploadGone& entry) { put_gone(out, Kind::upload_gone, entry); }
void put(ByteWriter& out, const UploadState& entry) {
  out.u8(static_cast<std::uint8_t>(Kind::upload_state));
  out.varint(entry.bucket);
  out.varint(entry.sequence);
  out.varint(entry.first);
  put_upload(out, entry.upload);
}
void put(ByteWriter& out, const PartState& entry) {
  out.u8(static_cast<std::uint8_t>(Kind::part_state));
  out.varint(entry.upload);
  put_part(out, entry.part);
}

template <typename Gone>
Gone get_gone(ByteReader& in) {
  Gone entry;
  entry.bucket = in.varint();
  entry.sequence = in.varint();
  entry.first = in.varint();
  entry.key = in.text(max_text);
  return entry;
}
BucketState get_bucket_state(ByteReader& in) {
  BucketState entry;
  entry.id = in.varint();
  entry.first = in.varint();
  entry.bucket = get_bucket(in);
  return entry;
}
BucketGone get_bucket_gone(ByteReader& in) {
  BucketGone entry;
  entry.id = in.varint();
  entry.first = in.varint();
  return entry;
}
VersionState get_version_state(ByteReader& in) {
  VersionState entry;
  entry.bucket = in.varint();
  entry.first = in.varint();
  std::string key(in.text(max_text));
  std::uint8_t flags = 0;
  entry.version = get_version(in, &flags, &entry.sequence);
  entry.version.key = std::move(key);
  get_places(in, entry.version);
  return entry;
}
UploadState get_upload_state(ByteReader& in) {
  UploadState entry;
  entry.bucket = in.varint();
  entry.sequence = in.varint();
  entry.first = in.varint();
  entry.upload = get_upload(in);
  return entry;
}
PartState get_part_state(ByteReader& in) {
  PartState entry;
  entry.upload = in.varint();
  entry.part = get_part(in);
  return entry;
}

Entry get_entry(ByteReader& in) {
  switch (static_cast<Kind>(in.u8())) {
    case Kind::bucket_state:
      return get_bucket_state(in);
    case Kind::bucket_gone:
      return get_bucket_gone(in);
    case Kind::version_state:
      return get_version_state(in);
    case Kind::version_gone:
      return get_gone<VersionGone>(in);
    case Kind::upload_state:
      return get_upload_state(in);
    case Kind::upload_gone:
      return get_gone<UploadGone>(in);
    case Kind::part_state:
      return get_part_state(in);
  }
  in.fail();
  return BucketGone{};
}

}  // namespace

std::size_t encode_entry(const Entry& entry, Bytes& out) {
  Bytes body;
  ByteWriter writer(body);
  std::visit([&](const auto& it) { put(writer, it); }, entry);
  const std::size_t before = out.size();
  ByteWriter whole(out);
  whole.varint(body.size());
  whole.raw(body);
  return out.size() - before;
}

Result<Entry> decode_entry(ByteReader& in, std::size_t* length) {
  const std::size_t before = in.left();
  const std::uint64_t size = in.varint();
  if (!in.ok() || size > in.left()) return broken("record");
  ByteReader body(in.raw(size));
  Entry entry = get_entry(body);
  if (!body.ok() || !body.at_end()) return broken("record");
  *length = before - in.left();
  return entry;
}

void encode_row(const Row& row, Bytes& head, Bytes& details) {
  Bytes places;
  ByteWriter place_writer(places);
  put_places(place_writer, row.version);
  const bool apart = places.size() > inline_details_bytes;
  ByteWriter out(head);
  put_version(out, row.version, row.sequence, apart ? details_apart : 0);
  out.varint(row.first);
  out.varint(row.home);
  out.varint(row.home_bytes);
  if (apart) {
    details = std::move(places);
  } else {
    out.raw(places);
  }
}

Result<RowHead> peek_row(ByteView head) {
  ByteReader in(head);
  const std::uint8_t flags = in.u8();
  RowHead peeked;
  peeked.sequence = in.varint();
  if (!in.ok()) return broken("version");
  peeked.delete_marker = (flags & is_marker) != 0;
  peeked.is_null = (flags & is_null) != 0;
  peeked.has_details = (flags & details_apart) != 0;
  return peeked;
}

Result<Row> decode_row(ByteView head, ByteView details, Detail detail) {
  ByteReader in(head);
  Row row;
  std::uint8_t flags = 0;
  row.version = get_version(in, &flags, &row.sequence);
  row.first = in.varint();
  row.home = in.varint();
  row.home_bytes = in.varint();
  if (detail == Detail::all) {
    ByteReader apart(details);
    ByteReader& places = (flags & details_apart) != 0 ? apart : in;
    get_places(places, row.version);
    if (!places.ok() || !places.at_end()) return broken("version");
  }
  if (!in.ok()) return broken("version");
  return row;
}

Bytes encode_part(const Part& part, std::uint64_t home, std::uint64_t home_bytes) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.varint(home);
  out.varint(home_bytes);
  put_part(out, part);
  return bytes;
}
Result<PartRow> decode_part(ByteView bytes) {
  ByteReader in(bytes);
  PartRow row;
  row.home = in.varint();
  row.home_bytes = in.varint();
  row.part = get_part(in);
  if (!in.ok() || !in.at_end()) return broken("part");
  return row;
}

Bytes encode_bucket(const BucketRow& row) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.varint(row.id);
  out.varint(row.first);
  out.varint(row.home);
  out.varint(row.home_bytes);
  put_bucket(out, row.bucket);
  return bytes;
}
Result<BucketRow> decode_bucket(ByteView bytes) {
  ByteReader in(bytes);
  BucketRow row;
  row.id = in.varint();
  row.first = in.varint();
  row.home = in.varint();
  row.home_bytes = in.varint();
  row.bucket = get_bucket(in);
  if (!in.ok() || !in.at_end()) return broken("bucket");
  return row;
}

Bytes encode_upload(const UploadRow& row) {
  Bytes bytes;
  ByteWriter out(bytes);
  out.varint(row.bucket);
  out.varint(row.sequence);
  out.varint(row.first);
  out.varint(row.home);
  out.varint(row.home_bytes);
  put_upload(out, row.upload);
  return bytes;
}
Result<UploadRow> decode_upload(ByteView bytes) {
  ByteReader in(bytes);
  UploadRow row;
  row.bucket = in.varint();
  row.sequence = in.varint();
  row.first = in.varint();
  row.home = in.varint();
  row.home_bytes = in.varint();
  row.upload = get_upload(in);
  if (!in.ok() || !in.at_end()) return broken("upload");
  return row;
}

}  // namespace duskline::objects
