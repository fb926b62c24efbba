// What the log's records say (entries), and how the index writes down a version. docs/formats/objects.md.
//
// Decoders take hostile bytes: Code::corrupt, never more memory than the bytes are long.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "objects/ids.h"
#include "objects/types.h"

namespace duskline::objects {

// Extent.file: data files count from 1, segments of the log have this bit. 0 is the body of the record itself.
inline constexpr std::uint64_t segment_bit = std::uint64_t{1} << 62;
inline constexpr std::uint64_t own_body = 0;
[[nodiscard]] inline bool in_log(const Extent& extent) { return (extent.file & segment_bit) != 0; }
[[nodiscard]] inline std::uint64_t segment_of(const Extent& extent) { return extent.file & ~segment_bit; }

// `first`: the oldest segment that may hold a state of the same thing; 0 in an entry is "the segment it stands in". An
// entry that something is gone must stay until no segment from `first` on is left before its own.
struct BucketState {
  std::uint64_t id = 0, first = 0;
  Bucket bucket;
};
struct BucketGone {
  std::uint64_t id = 0, first = 0;
};
struct VersionState {
  std::uint64_t bucket = 0, sequence = 0, first = 0;
  Version version;  // `bucket` and `latest` are not written
};
struct VersionGone {
  std::uint64_t bucket = 0, sequence = 0, first = 0;
  std::string key;
};
struct UploadState {
  std::uint64_t bucket = 0, sequence = 0, first = 0;
  Upload upload;
};
struct UploadGone {
  std::uint64_t bucket = 0, sequence = 0, first = 0;
  std::string key;
};
struct PartState {
  std::uint64_t upload = 0;  // its sequence
  Part part;
};
using Entry = std::variant<BucketState, BucketGone, VersionState, VersionGone, UploadState, UploadGone, PartState>;

// Appends the entry, its length in front; the length that it took.
std::size_t encode_entry(const Entry& entry, Bytes& out);
[[nodiscard]] Result<Entry> decode_entry(ByteReader& in, std::size_t* length);

// A row of the index: a version, and where the log says so.
struct Row {
  Version version;
  std::uint64_t sequence = 0, first = 0;
  std::uint64_t home = 0, home_bytes = 0;  // the segment that holds its latest state, and what it takes there
};
// What a row says without being decoded whole.
struct RowHead {
  std::uint64_t sequence = 0;
  bool delete_marker = false, is_null = false, has_details = false;
};

// Where a version's bytes lie may be long (10,000 parts), and no listing wants it: beyond `inline_details` bytes it
// goes into `details` instead.
inline constexpr std::size_t inline_details_bytes = 400;
void encode_row(const Row& row, Bytes& head, Bytes& details);
[[nodiscard]] Result<RowHead> peek_row(ByteView head);
enum class Detail : std::uint8_t { none, all };
// `details`: of a row that has them apart. Key and bucket are the caller's to fill in.
[[nodiscard]] Result<Row> decode_row(ByteView head, ByteView details, Detail detail);

[[nodiscard]] Bytes encode_part(const Part& part, std::uint64_t home, std::uint64_t home_bytes);
struct PartRow {
  Part part;
  std::uint64_t home = 0, home_bytes = 0;
};
[[nodiscard]] Result<PartRow> decode_part(ByteView bytes);

struct BucketRow {
  Bucket bucket;
  std::uint64_t id = 0, first = 0, home = 0, home_bytes = 0;
};
[[nodiscard]] Bytes encode_bucket(const BucketRow& row);
[[nodiscard]] Result<BucketRow> decode_bucket(ByteView bytes);

struct UploadRow {
  Upload upload;
  std::uint64_t bucket = 0, sequence = 0, first = 0, home = 0, home_bytes = 0;
};
[[nodiscard]] Bytes encode_upload(const UploadRow& row);
[[nodiscard]] Result<UploadRow> decode_upload(ByteView bytes);

}  // namespace duskline::objects
