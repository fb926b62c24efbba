#include "base/sealing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/signing.h"

namespace duskline {
namespace {

constexpr std::string_view sealing_prefix = "duskline-sealing-key:";
constexpr std::size_t nonce_bytes = 12, tag_bytes = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Cipher new_cipher() { return {EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free}; }

const unsigned char* chars(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Error crypto_failed() { return {Code::internal, "OpenSSL could not encrypt"}; }

}  // namespace

SealingKey::~SealingKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

Result<SealingKey> SealingKey::generate() {
  DL_ASSIGN(const Bytes random, random_bytes(32));
  SealingKey key;
  std::copy(random.begin(), random.end(), key.bytes_.begin());
  return key;
}

Result<SealingKey> SealingKey::parse(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
  const bool marked = text.starts_with(sealing_prefix);
  const auto bytes = from_hex(marked ? text.substr(sealing_prefix.size()) : std::string_view());
  if (!bytes || bytes->size() != 32) {
    return Error{Code::invalid, "this is no sealing key of Duskline (\"duskline-sealing-key:\" and 64 hex digits)"};
  }
  SealingKey key;
  std::copy(bytes->begin(), bytes->end(), key.bytes_.begin());
  return key;
}

std::string SealingKey::secret_text() const { return std::string(sealing_prefix) + to_hex(bytes_); }

std::string SealingKey::fingerprint() const {
  return hmac_sha256(bytes_, bytes_of("duskline sealing key fingerprint")).hex().substr(0, 16);
}

SealingKey SealingKey::derived(std::string_view purpose) const {
  SealingKey key;
  key.bytes_ = hmac_sha256(bytes_, bytes_of(purpose)).bytes;
  return key;
}

Result<std::string> SealingKey::seal(std::string_view text, std::string_view context) const {
  DL_ASSIGN(Bytes out, random_bytes(nonce_bytes));
  out.resize(nonce_bytes + text.size() + tag_bytes);
  const Cipher cipher = new_cipher();
  int length = 0;
  const bool done =
      cipher && EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_.data(), out.data()) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &length, chars(context), static_cast<int>(context.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), out.data() + nonce_bytes, &length, chars(text), static_cast<int>(text.size())) ==
          1 &&
      EVP_EncryptFinal_ex(cipher.get(), out.data() + nonce_bytes + text.size(), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, out.data() + nonce_bytes + text.size()) == 1;
  if (!done) return crypto_failed();
  return to_base64(out);
}

Result<std::string> SealingKey::open(std::string_view sealed, std::string_view context) const {
  constexpr std::size_t max_sealed = 4096;
  auto bytes = sealed.size() > max_sealed ? std::nullopt : from_base64(sealed);
  if (!bytes || bytes->size() < nonce_bytes + tag_bytes) {
    return Error{Code::untrusted, "a sealed secret is malformed"};
  }
  const std::size_t size = bytes->size() - nonce_bytes - tag_bytes;
  const unsigned char* body = bytes->data() + nonce_bytes;
  std::string text(size, '\0');
  auto* out = reinterpret_cast<unsigned char*>(text.data());
  unsigned char nothing = 0;
  const Cipher cipher = new_cipher();
  int length = 0;
  const bool done =
      cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_.data(), bytes->data()) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &length, chars(context), static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), out, &length, body, static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, bytes->data() + nonce_bytes + size) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), &nothing, &length) == 1;
  if (!done)
    return Error{Code::untrusted, "a sealed secret does not open: it was changed, or sealed under another key"};
  return text;
}

}  // namespace duskline
