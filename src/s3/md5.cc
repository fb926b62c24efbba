#include "s3/md5.h"

#include <openssl/evp.h>

#include <array>

#include "base/bytes.h"

namespace duskline::s3 {

std::string md5_base64(std::string_view text) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_md5(), nullptr) != 1) return {};
  return to_base64(ByteView(digest).first(length));
}

}  // namespace duskline::s3
