// A read of a part of an object.
#pragma once

#include "store/object_store.h"

namespace duskline::site {

[[nodiscard]] inline store::GetOptions range_of(std::uint64_t offset_bytes, std::uint64_t length_bytes) {
  store::GetOptions options;
  options.range = store::ByteRange{offset_bytes, length_bytes};
  return options;
}

}  // namespace duskline::site
