// Cyclic redundancy checks, reflected, with all-ones in and out: CRC-32 (ISO-HDLC), CRC-32C, CRC-64/NVME. They find
// accidents, not forgeries.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace duskline {

enum class CrcKind : std::uint8_t { crc32, crc32c, crc64nvme };

class Crc {
 public:
  explicit Crc(CrcKind kind);
  void update(ByteView bytes);
  [[nodiscard]] std::uint64_t value() const { return state_ ^ ones_; }

 private:
  CrcKind kind_;
  std::uint64_t ones_;
  std::uint64_t state_;
};

// Of two runs of bytes, one after the other, from what each gave alone.
[[nodiscard]] std::uint64_t crc_of_both(CrcKind kind, std::uint64_t first, std::uint64_t second,
                                        std::uint64_t second_length);

}  // namespace duskline
