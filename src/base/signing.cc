#include "base/signing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>

namespace duskline {
namespace {

constexpr std::string_view public_prefix = "duskline-ed25519:";
constexpr std::string_view secret_prefix = "duskline-ed25519-secret:";

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using KeyHandle = std::unique_ptr<EVP_PKEY, FreeKey>;
using ContextHandle = std::unique_ptr<EVP_MD_CTX, FreeContext>;

std::string to_base64url(ByteView bytes) {
  std::string text = to_base64(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

// 32 bytes after `prefix`, or nothing. Surrounding white space is forgiven: keys are copied by hand.
std::optional<std::array<std::uint8_t, 32>> parse_key(std::string_view text, std::string_view prefix) {
  constexpr std::string_view space = " \t\r\n";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(space) - first + 1);
  if (!text.starts_with(prefix)) return std::nullopt;
  std::string padded(text.substr(prefix.size()));
  if (padded.size() != 43) return std::nullopt;
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  padded += '=';
  const auto bytes = from_base64(padded);
  if (!bytes || bytes->size() != 32) return std::nullopt;
  std::array<std::uint8_t, 32> key{};
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

}  // namespace

std::string PublicKey::text() const { return std::string(public_prefix) + to_base64url(bytes); }

std::string PublicKey::fingerprint() const {
  const std::string hex = sha256(bytes).hex();
  return hex.substr(0, 4) + "-" + hex.substr(4, 4) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4);
}

Result<PublicKey> PublicKey::parse(std::string_view text) {
  const auto bytes = parse_key(text, public_prefix);
  if (!bytes) {
    return Error{Code::usage, "not a public key: expected \"" + std::string(public_prefix) + "\" and 43 characters"};
  }
  return PublicKey{*bytes};
}

bool PublicKey::verify(ByteView message, const Signature& signature) const {
  const KeyHandle key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()));
  const ContextHandle context(EVP_MD_CTX_new());
  if (!key || !context) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

SigningKey::~SigningKey() {
  if (seed_) OPENSSL_cleanse(seed_->data(), seed_->size());
}

Result<SigningKey> SigningKey::generate() {
  DL_ASSIGN(Bytes seed, random_bytes(32));
  const std::string text = std::string(secret_prefix) + to_base64url(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return parse(text);
}

Result<SigningKey> SigningKey::parse(std::string_view secret_text) {
  const auto seed = parse_key(secret_text, secret_prefix);
  if (!seed) return Error{Code::usage, "not a secret signing key of Duskline"};
  const KeyHandle handle(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed->data(), seed->size()));
  SigningKey key;
  std::size_t length = key.public_.bytes.size();
  if (!handle || EVP_PKEY_get_raw_public_key(handle.get(), key.public_.bytes.data(), &length) != 1) {
    return Error{Code::internal, "OpenSSL does not accept an Ed25519 key"};
  }
  key.seed_ = std::make_unique<std::array<std::uint8_t, 32>>(*seed);
  return key;
}

std::string SigningKey::secret_text() const { return std::string(secret_prefix) + to_base64url(*seed_); }

Result<Signature> SigningKey::sign(ByteView message) const {
  const KeyHandle key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_->data(), seed_->size()));
  const ContextHandle context(EVP_MD_CTX_new());
  Signature signature{};
  std::size_t length = signature.size();
  if (!key || !context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &length, message.data(), message.size()) != 1) {
    return Error{Code::internal, "OpenSSL could not make an Ed25519 signature"};
  }
  return signature;
}

Result<Bytes> random_bytes(std::size_t count) {
  Bytes bytes(count);
  if (RAND_bytes(bytes.data(), static_cast<int>(count)) != 1) {
    return Error{Code::internal, "the operating system gave no random bytes"};
  }
  return bytes;
}

}  // namespace duskline
