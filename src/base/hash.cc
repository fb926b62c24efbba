#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>

namespace duskline {
namespace {

// Fetched once: an implicit fetch costs more than hashing a small file.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

// OpenSSL fails here only without memory or without its default provider; there is nothing to go on with.
void require(bool done) {
  if (!done) std::abort();
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() {
    require(context != nullptr);
    begin();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
  void begin() { require(EVP_DigestInit_ex2(context, sha256_algorithm(), nullptr) == 1); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) { require(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1); }

Hash256 Sha256::finish() {
  Hash256 hash;
  unsigned length = 0;
  require(EVP_DigestFinal_ex(state_->context, hash.bytes.data(), &length) == 1);
  state_->begin();
  return hash;
}

Hash256 sha256(ByteView bytes) {
  thread_local Sha256 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

Hash256 hmac_sha256(ByteView key, ByteView message) {
  Hash256 code;
  unsigned length = 0;
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
               code.bytes.data(), &length) != nullptr);
  return code;
}

std::optional<Hash256> Hash256::from_hex(std::string_view text) {
  const auto bytes = duskline::from_hex(text);
  if (!bytes || bytes->size() != 32) return std::nullopt;
  Hash256 hash;
  std::copy(bytes->begin(), bytes->end(), hash.bytes.begin());
  return hash;
}

}  // namespace duskline
