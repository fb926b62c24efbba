#include "publish/file_body.h"

#include <algorithm>

namespace duskline::publish {

Status FileBody::rewind() {
  at_ = 0;
  return {};
}

Result<std::size_t> FileBody::read(ByteSpan into) {
  const ByteSpan room = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - at_)));
  if (room.empty()) return std::size_t{0};
  DL_ASSIGN(const std::size_t count, file_.read_at(at_, room));
  at_ += count;
  return count;
}

Status put_file(store::ObjectStore& store, const Op& op, const store::Key& key, disk::File& file,
                std::uint64_t size_bytes) {
  constexpr std::size_t buffer_bytes = 256 << 10;
  FileBody body(file, size_bytes);
  Bytes buffer(buffer_bytes);
  Sha256 hasher;
  for (;;) {
    DL_TRY(op.check());
    DL_ASSIGN(const std::size_t count, body.read(buffer));
    if (count == 0) break;
    hasher.update(ByteView(buffer).first(count));
  }
  DL_TRY(body.rewind());
  store::PutOptions options;
  options.sha256 = hasher.finish();
  auto put = store.put(op, key, body, options);
  if (!put) return wrap(std::move(put).error(), "upload " + key.text());
  return {};
}

}  // namespace duskline::publish
