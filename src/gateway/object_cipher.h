// How the bytes of an encrypted object lie: each object has a random key of its own, and each run of bytes that came in
// one piece (an object put whole, a part of an upload) is encrypted under a key made from it and from a number that is
// used once. Ranges cost what they return. docs/design/007-store-access.md says why.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/stream_cipher.h"
#include "gateway/error.h"
#include "http/server.h"
#include "objects/types.h"

namespace duskline::gateway {

// Wiped on destruction.
class ObjectKey {
 public:
  [[nodiscard]] static Expected<ObjectKey> make();
  // What secret() gave.
  [[nodiscard]] static Expected<ObjectKey> parse(std::string_view secret);
  [[nodiscard]] std::string_view secret() const { return text_of(bytes_); }  // never log it
  [[nodiscard]] Bytes key_of_run(std::string_view nonce) const;
  // In place of an MD5, which would tell what was encrypted.
  [[nodiscard]] Bytes etag_of(ByteView md5) const;

  ObjectKey(const ObjectKey&) = default;
  ObjectKey& operator=(const ObjectKey&) = default;
  ~ObjectKey() { wipe(bytes_); }

 private:
  ObjectKey() = default;
  std::array<std::uint8_t, StreamCipher::key_bytes> bytes_{};
};

// Of one run on its way in, from its beginning.
class Encryptor {
 public:
  // Puts what decryption will need into `properties`, of the version or of the part.
  [[nodiscard]] static Expected<Encryptor> begin(const ObjectKey& key, objects::Properties& properties);
  // Valid until the next call.
  Expected<ByteView> apply(ByteView piece);

 private:
  explicit Encryptor(StreamCipher cipher) : cipher_(std::move(cipher)) {}
  StreamCipher cipher_;
  Bytes buffer_;
};

// Of a version's bytes on their way out.
class Decryptor {
 public:
  Decryptor(const ObjectKey& key, const objects::Version& version);
  // Bytes of the version from `offset_bytes` on, in place.
  Done apply(ByteSpan bytes, std::uint64_t offset_bytes) const;
  // The same for slices that are to be sent: they are decrypted when they are read.
  [[nodiscard]] std::vector<http::FileSlice> slices(const std::vector<http::FileSlice>& stored,
                                                    std::uint64_t offset_bytes) const;

 private:
  struct Run {
    std::uint64_t offset_bytes, length_bytes;
    std::shared_ptr<const Bytes> key;
  };
  struct Piece {
    const Run& run;
    std::uint64_t offset_bytes, length_bytes;
  };
  // What of each run lies in the bytes asked for.
  [[nodiscard]] std::vector<Piece> pieces(std::uint64_t offset_bytes, std::uint64_t length_bytes) const;
  std::vector<Run> runs_;
};

}  // namespace duskline::gateway
