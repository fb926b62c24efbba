// Frames: consecutive chunks compressed together. Bytes in, bytes out.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "model/place.h"

namespace duskline::pack {

inline constexpr std::size_t group_bytes = 1 << 20;  // small files share a frame up to this
inline constexpr std::size_t large_file_frame_bytes = 256 << 10;

// How hard to work. Frames: zstd 1, 3 and 19. Patches: fast takes the long matches only (0.01 CPU-s a MiB); normal and
// high search for short ones too where they may be found (about 0.5 CPU-s a MiB, a fifth to a half smaller).
enum class Effort : std::uint8_t { fast, normal, high };

// Compresses frames one after another with one context. One thread at a time.
class FrameEncoder {
 public:
  explicit FrameEncoder(Effort effort);
  ~FrameEncoder();
  FrameEncoder(FrameEncoder&&) noexcept;
  FrameEncoder& operator=(FrameEncoder&&) noexcept;

  // Appends the stored form of `raw` to `out` and says how: zstd where it saves at least 1/32, else raw. Data that a
  // sample shows to be incompressible is not compressed at all.
  model::Codec encode(ByteView raw, Bytes& out);

  // Appends a patch that makes `raw` from `base`: a zstd frame with `base` as its prefix, the window covering both.
  // Both at most model::max_patch_raw_bytes; short matches are found in the last 8 MiB, long ones throughout.
  // Beside base and raw it takes the tables of zstd's level 19 (about 100 MiB) and up to twice `raw`.
  void encode_patch(ByteView base, ByteView raw, Bytes& out);

  // What it keeps for the next call.
  [[nodiscard]] std::uint64_t held_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Decodes hostile stored bytes. Output is exactly raw_bytes long or it is Code::corrupt; never more memory than
// raw_bytes (at most max_frame_raw_bytes, patches max_patch_raw_bytes) and a bounded context. One thread at a time.
class FrameDecoder {
 public:
  FrameDecoder();
  ~FrameDecoder();
  FrameDecoder(FrameDecoder&&) noexcept;
  FrameDecoder& operator=(FrameDecoder&&) noexcept;
  Status decode(model::Codec codec, ByteView stored, std::uint64_t raw_bytes, ByteView base,
                Bytes& out);  // out is overwritten
  // What the beginning of a stored zstd frame decodes to, as far as that can be told yet; nothing where it is damaged.
  void decode_beginning(ByteView stored, std::uint64_t raw_bytes, Bytes& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace duskline::pack
