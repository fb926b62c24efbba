#include "base/digest.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace duskline {
namespace {

// Fetched once: an implicit fetch costs more than hashing a small body.
const EVP_MD* algorithm_of(DigestKind kind) {
  static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return kind == DigestKind::md5 ? md5 : sha1;
}

// OpenSSL fails here only without memory or without its default provider; there is nothing to go on with.
void require(bool done) {
  if (!done) std::abort();
}

}  // namespace

struct Digest::State {
  explicit State(DigestKind k) : kind(k) {
    require(context != nullptr);
    begin();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
  void begin() { require(EVP_DigestInit_ex2(context, algorithm_of(kind), nullptr) == 1); }

  DigestKind kind;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Digest::Digest(DigestKind kind) : state_(std::make_unique<State>(kind)) {}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::update(ByteView bytes) { require(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1); }

Bytes Digest::finish() {
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  require(EVP_DigestFinal_ex(state_->context, digest.data(), &length) == 1);
  digest.resize(length);
  state_->begin();
  return digest;
}

Bytes md5(ByteView bytes) {
  thread_local Digest hasher(DigestKind::md5);
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace duskline
