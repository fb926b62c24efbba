#include "base/stream.h"

#include <algorithm>

namespace duskline {

Status BufferSink::write(ByteView bytes) {
  if (bytes.size() > limit_ - std::min<std::uint64_t>(limit_, out_.size())) {
    return Error{Code::too_large, "more than " + std::to_string(limit_) + " bytes where fewer were promised"};
  }
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  return {};
}

Result<std::size_t> BufferSource::read(ByteSpan into) {
  const std::size_t count = std::min(into.size(), bytes_.size() - at_);
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), count, into.begin());
  at_ += count;
  return count;
}

}  // namespace duskline
