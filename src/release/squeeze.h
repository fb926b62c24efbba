// Whole buffers through zstd, for what is metadata and not content.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace duskline::release {

// One after another with one context. One thread at a time.
class Squeezer {
 public:
  explicit Squeezer(int level);
  ~Squeezer();
  Squeezer(Squeezer&&) noexcept;
  // Appends the compressed form of `raw` to `out`; its size.
  Result<std::size_t> squeeze(ByteView raw, Bytes& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// `out` becomes exactly `raw_bytes` long, or it is Code::corrupt: hostile input decides neither memory nor time. The
// caller has bounded `raw_bytes`. `what` names the part in messages.
[[nodiscard]] Status unsqueeze(ByteView stored, std::uint64_t raw_bytes, std::string_view what, Bytes& out);

}  // namespace duskline::release
