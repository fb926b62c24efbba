// What the storage engine reads from its log and its index: entries of records, rows, headers of segments, ids.
#include "fuzz.h"
#include "objects/codec.h"
#include "objects/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  const ByteView bytes = fuzz::view(data, size);
  ByteReader in(bytes);
  std::size_t length = 0;
  if (const auto entry = objects::decode_entry(in, &length)) {
    fuzz::require(length <= size, "an entry is no longer than its bytes");
    Bytes once, twice;
    objects::encode_entry(*entry, once);
    ByteReader again(once);
    const auto same = objects::decode_entry(again, &length);
    fuzz::require(same.has_value() && length == once.size(), "what was read can be written and read again");
    objects::encode_entry(*same, twice);
    fuzz::require(once == twice, "and is the same then");
  }
  const std::size_t middle = size / 2;
  (void)objects::decode_row(bytes.first(middle), bytes.subspan(middle), objects::Detail::all);
  (void)objects::peek_row(bytes);
  (void)objects::decode_part(bytes);
  (void)objects::decode_bucket(bytes);
  (void)objects::decode_upload(bytes);
  (void)objects::decode_segment_header(bytes);
  if (size >= objects::record_head_bytes) (void)objects::body_matches(bytes, 1, 2, 3);
  if (const auto id = objects::parse_id(text_of(bytes))) {
    fuzz::require(objects::make_id(id->sequence, id->salt) == text_of(bytes), "an id is written in one way");
  }
  return 0;
}
