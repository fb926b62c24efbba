// AES-256 in counter mode (NIST SP 800-38A) through OpenSSL: what is encrypted stays as long as it was, and can be read
// from any byte on. It hides, and authenticates nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

namespace duskline {

// One run of bytes from front to back, to be encrypted or decrypted: both are the same act. Not for use by two threads
// at once.
class StreamCipher {
 public:
  static constexpr std::size_t key_bytes = 32;
  // Counting begins at 0 for each key: a key must never serve two runs of different bytes. `offset_bytes` is where in
  // its run the first byte of apply() lies. Code::invalid for a key of another length.
  [[nodiscard]] static Result<StreamCipher> at(ByteView key, std::uint64_t offset_bytes);
  ~StreamCipher();
  StreamCipher(StreamCipher&&) noexcept;
  StreamCipher& operator=(StreamCipher&&) noexcept;

  // `out` is as long as `in`, and may be the same bytes. Code::internal.
  Status apply(ByteView in, ByteSpan out);

 private:
  struct State;
  explicit StreamCipher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Overwrites what was secret, whatever the compiler thinks of it.
void wipe(ByteSpan secret);

}  // namespace duskline
