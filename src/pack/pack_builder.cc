#include "pack/pack_builder.h"

#include <utility>

namespace duskline::pack {

std::uint64_t PackBuilder::append(ByteView stored_frame) {
  // Grown once: doubling would hold up to three times a pack.
  if (bytes_.capacity() == 0) bytes_.reserve(pack_target_bytes + (1 << 20));
  const std::uint64_t offset = bytes_.size();
  bytes_.insert(bytes_.end(), stored_frame.begin(), stored_frame.end());
  return offset;
}

PackBuilder::Pack PackBuilder::finish() {
  Pack pack;
  pack.hash = sha256(bytes_);
  pack.bytes = std::exchange(bytes_, {});
  return pack;
}

}  // namespace duskline::pack
