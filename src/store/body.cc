#include "store/body.h"

#include <algorithm>

namespace duskline::store {
namespace {

constexpr std::size_t piece_bytes = 256 << 10;

}  // namespace

Status check_put_conditions(const Key& key, const PutOptions& options, const std::optional<ObjectInfo>& existing) {
  if (options.existing == PutOptions::Existing::refuse && existing) {
    return Error{Code::precondition, "put " + key.text() + ": it exists already"};
  }
  if (!options.if_match.empty() && (!existing || existing->etag != options.if_match)) {
    return Error{Code::precondition,
                 "put " + key.text() + (existing ? ": it was replaced meanwhile" : ": it does not exist any more")};
  }
  return {};
}

Status check_get_conditions(const Key& key, const GetOptions& options, const ObjectInfo& info) {
  if (!options.if_match.empty() && options.if_match != info.etag) {
    return Error{Code::precondition, "get " + key.text() + ": it was replaced meanwhile"};
  }
  if (!options.if_none_match.empty() && options.if_none_match == info.etag) {
    return Error{Code::not_modified, "get " + key.text() + ": it has not changed"};
  }
  return {};
}

Result<ByteRange> resolve_range(const Key& key, const std::optional<ByteRange>& range, std::uint64_t size_bytes) {
  if (!range) return ByteRange{0, size_bytes};
  if (range->offset_bytes >= size_bytes || range->length_bytes == 0) {
    return Error{Code::invalid, "get " + key.text() + ": asked for bytes from " + std::to_string(range->offset_bytes) +
                                    " of an object of " + std::to_string(size_bytes)};
  }
  return ByteRange{range->offset_bytes, std::min(range->length_bytes, size_bytes - range->offset_bytes)};
}

Status read_body(const Op& op, const Key& key, Source& source, const PutOptions& options, Sink& sink) {
  DL_TRY(source.rewind());
  const std::uint64_t promised = source.size_bytes();
  Bytes piece(static_cast<std::size_t>(std::clamp<std::uint64_t>(promised, 1, piece_bytes)));
  Sha256 hash;
  std::uint64_t total = 0;
  for (;;) {
    DL_TRY(op.check());
    DL_ASSIGN(const std::size_t count, source.read(piece));
    if (count == 0) break;
    total += count;
    if (total > promised) break;
    const ByteView bytes = ByteView(piece).first(count);
    if (options.sha256) hash.update(bytes);
    DL_TRY(sink.write(bytes));
  }
  if (total != promised) {
    return Error{Code::changing, "put " + key.text() + ": the body has " + (total > promised ? "more" : "fewer") +
                                     " bytes than the " + std::to_string(promised) +
                                     " it had before; it changed while it was read"};
  }
  if (options.sha256 && hash.finish() != *options.sha256) {
    return Error{Code::corrupt, "put " + key.text() + ": the body's SHA-256 is not the one announced; nothing stored"};
  }
  return {};
}

}  // namespace duskline::store
