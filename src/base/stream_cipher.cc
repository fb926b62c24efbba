#include "base/stream_cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace duskline {
namespace {

constexpr std::size_t block_bytes = 16;
// OpenSSL counts lengths in int.
constexpr std::size_t most_at_once = std::size_t{1} << 30;

std::array<std::uint8_t, block_bytes> counter_of(std::uint64_t block) {
  std::array<std::uint8_t, block_bytes> counter{};
  for (std::size_t i = block_bytes; i > 0 && block != 0; --i, block >>= 8) {
    counter[i - 1] = static_cast<std::uint8_t>(block);
  }
  return counter;
}

}  // namespace

struct StreamCipher::State {
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
};

StreamCipher::StreamCipher(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamCipher::~StreamCipher() = default;
StreamCipher::StreamCipher(StreamCipher&&) noexcept = default;
StreamCipher& StreamCipher::operator=(StreamCipher&&) noexcept = default;

Result<StreamCipher> StreamCipher::at(ByteView key, std::uint64_t offset_bytes) {
  if (key.size() != key_bytes) return Error{Code::invalid, "a key of AES-256 has 32 bytes"};
  StreamCipher made(std::make_unique<State>());
  EVP_CIPHER_CTX* const cipher = made.state_->cipher.get();
  const auto counter = counter_of(offset_bytes / block_bytes);
  if (cipher == nullptr || EVP_EncryptInit_ex(cipher, EVP_aes_256_ctr(), nullptr, key.data(), counter.data()) != 1) {
    return Error{Code::internal, "OpenSSL could not begin to encrypt"};
  }
  std::array<std::uint8_t, block_bytes> skipped{};
  const ByteSpan into_block = ByteSpan(skipped).first(offset_bytes % block_bytes);
  DL_TRY(made.apply(into_block, into_block));
  return made;
}

Status StreamCipher::apply(ByteView in, ByteSpan out) {
  while (!in.empty()) {
    const std::size_t count = std::min(in.size(), most_at_once);
    int done = 0;
    if (EVP_EncryptUpdate(state_->cipher.get(), out.data(), &done, in.data(), static_cast<int>(count)) != 1) {
      return Error{Code::internal, "OpenSSL could not encrypt"};
    }
    in = in.subspan(count);
    out = out.subspan(count);
  }
  return {};
}

void wipe(ByteSpan secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

}  // namespace duskline
