// Fills packs: immutable objects of frames, named by their SHA-256.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/hash.h"

namespace duskline::pack {

inline constexpr std::size_t pack_target_bytes = 32 << 20;  // closed at the first frame end beyond this
inline constexpr std::size_t pack_max_bytes = 64 << 20;

// A pack is frames laid end to end, with nothing before, between or after them: where they lie is in the
// manifests. One thread at a time.
class PackBuilder {
 public:
  // The offset at which the frame begins.
  std::uint64_t append(ByteView stored_frame);
  [[nodiscard]] bool is_full() const { return bytes_.size() >= pack_target_bytes; }
  [[nodiscard]] bool is_empty() const { return bytes_.empty(); }

  struct Pack {
    Hash256 hash;
    Bytes bytes;
  };
  [[nodiscard]] Pack finish();  // and begin the next

 private:
  Bytes bytes_;
};

}  // namespace duskline::pack
