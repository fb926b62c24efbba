// Small secrets sealed for storage: AES-256-GCM through OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace duskline {

// A key in memory, wiped on destruction. Threads may seal and open at once.
class SealingKey {
 public:
  [[nodiscard]] static Result<SealingKey> generate();
  [[nodiscard]] static Result<SealingKey> parse(std::string_view text);  // what secret_text() gave; Code::invalid
  [[nodiscard]] std::string secret_text() const;  // "duskline-sealing-key:" and 64 hex digits. Never log it.
  // Tells sealing keys apart without giving them away: 16 hex digits.
  [[nodiscard]] std::string fingerprint() const;

  // Another key that only this one leads to; the same for the same purpose.
  [[nodiscard]] SealingKey derived(std::string_view purpose) const;

  // base64 of nonce, ciphertext and tag. `context` is authenticated with it: a sealed text opens in its place alone.
  [[nodiscard]] Result<std::string> seal(std::string_view text, std::string_view context) const;
  [[nodiscard]] Result<std::string> open(std::string_view sealed, std::string_view context) const;  // Code::untrusted

  SealingKey(const SealingKey&) = default;
  SealingKey& operator=(const SealingKey&) = default;
  ~SealingKey();

 private:
  SealingKey() = default;
  std::array<std::uint8_t, 32> bytes_{};
};

}  // namespace duskline
