// The key file of a store: users and keys as JSON, secrets sealed. docs/formats/objects.md describes the directory.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "gateway/users.h"

namespace duskline::gateway {

// What the secrets of a key file are sealed under (AES-256-GCM). It lies outside of the store's directory, so that a
// copy of the directory gives nobody a key to it. Wiped on destruction.
class SealingKey {
 public:
  [[nodiscard]] static Result<SealingKey> generate();
  [[nodiscard]] static Result<SealingKey> parse(std::string_view text);  // what secret_text() gave; Code::invalid
  [[nodiscard]] std::string secret_text() const;  // "duskline-sealing-key:" and 64 hex digits. Never log it.
  // Tells sealing keys apart without giving them away: 16 hex digits.
  [[nodiscard]] std::string fingerprint() const;

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

inline constexpr std::uint64_t max_key_file_bytes = 64 << 20;

[[nodiscard]] Result<std::string> encode_users(const Users& users, const SealingKey& sealing);
// Code::invalid for what is no key file, Code::untrusted where it was sealed under another key or was tampered with,
// Code::unsupported for a version of the format that is newer than this program.
[[nodiscard]] Result<Users> parse_users(std::string_view text, const SealingKey& sealing);

}  // namespace duskline::gateway
