// Hashes that protocols demand and nobody trusts: MD5 (RFC 1321) and SHA-1 (FIPS 180-4).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace duskline {

enum class DigestKind : std::uint8_t { md5, sha1 };

// Incremental. Not for use by two threads at once.
class Digest {
 public:
  explicit Digest(DigestKind kind);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void update(ByteView bytes);
  [[nodiscard]] Bytes finish();  // 16 or 20 bytes; and start anew

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Bytes md5(ByteView bytes);

}  // namespace duskline
