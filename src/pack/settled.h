// Whether a quick patch is as good as any.
#pragma once

#include "base/bytes.h"

namespace duskline::pack {

// `patch` is one zstd frame as our encoder writes it, without checksum or dictionary, of `raw_bytes`. True where it is
// tiny, or where nearly all of it is long stretches of incompressible new bytes, in which a closer search finds
// nothing.
[[nodiscard]] bool is_settled(ByteView patch, std::size_t raw_bytes);

}  // namespace duskline::pack
