// Ed25519 signatures (RFC 8032) through OpenSSL.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"

namespace duskline {

using Signature = std::array<std::uint8_t, 64>;

// A public key. Its text form is "duskline-ed25519:" and 43 characters of unpadded base64url.
struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};
  [[nodiscard]] std::string text() const;
  // The first 16 hex digits of the key's SHA-256, in groups of four: "1f3a-09bc-...". For people to compare.
  [[nodiscard]] std::string fingerprint() const;
  [[nodiscard]] static Result<PublicKey> parse(std::string_view text);
  [[nodiscard]] bool verify(ByteView message, const Signature& signature) const;
  auto operator<=>(const PublicKey&) const = default;
};

class Signer {
 public:
  virtual ~Signer() = default;
  [[nodiscard]] virtual const PublicKey& public_key() const = 0;
  [[nodiscard]] virtual Result<Signature> sign(ByteView message) const = 0;
};

// A secret key in memory, wiped on destruction. Threads may sign at once.
class SigningKey final : public Signer {
 public:
  [[nodiscard]] static Result<SigningKey> generate();
  [[nodiscard]] static Result<SigningKey> parse(std::string_view secret_text);  // what secret_text() gave
  [[nodiscard]] std::string secret_text() const;  // "duskline-ed25519-secret:...". Never log it.
  SigningKey(SigningKey&&) noexcept = default;
  SigningKey& operator=(SigningKey&&) noexcept = default;
  ~SigningKey() override;
  [[nodiscard]] const PublicKey& public_key() const override { return public_; }
  [[nodiscard]] Result<Signature> sign(ByteView message) const override;

 private:
  SigningKey() = default;
  std::unique_ptr<std::array<std::uint8_t, 32>> seed_;
  PublicKey public_;
};

[[nodiscard]] Result<Bytes> random_bytes(std::size_t count);

}  // namespace duskline
