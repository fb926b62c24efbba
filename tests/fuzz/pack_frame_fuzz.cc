// Frames: codec (1 byte), promised length (4), length of the base (2), base, stored bytes.
#include <algorithm>

#include "fuzz.h"
#include "pack/frame.h"
#include "pack/settled.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  static pack::FrameDecoder decoder;
  static Bytes out;
  ByteReader read(fuzz::view(data, size));
  const auto codec = static_cast<model::Codec>(read.u8());
  const std::uint32_t raw_bytes = read.u32_fixed();
  const std::size_t low = read.u8();
  const std::size_t base_bytes = std::min(low | std::size_t{read.u8()} << 8, read.left());
  const ByteView base = read.raw(base_bytes);
  const ByteView stored = read.raw(read.left());
  (void)pack::is_settled(stored, raw_bytes);
  if (!decoder.decode(codec, stored, raw_bytes, base, out)) return 0;
  fuzz::require(out.size() == raw_bytes, "a frame has the promised length");
  return 0;
}
