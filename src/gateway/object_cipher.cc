#include "gateway/object_cipher.h"

#include <algorithm>

#include "base/hash.h"
#include "base/signing.h"
#include "gateway/properties.h"

namespace duskline::gateway {
namespace {

constexpr std::size_t nonce_bytes = 16;

Bytes derived(ByteView key, std::string_view purpose, ByteView from) {
  Bytes message(purpose.begin(), purpose.end());
  message.insert(message.end(), from.begin(), from.end());
  const Hash256 made = hmac_sha256(key, message);
  return {made.bytes.begin(), made.bytes.end()};
}

// A secret that is shared by what is still being sent.
std::shared_ptr<const Bytes> shared_secret(Bytes bytes) {
  return {new Bytes(std::move(bytes)), [](Bytes* secret) {
            wipe(*secret);
            delete secret;
          }};
}

class DecryptedFile final : public http::SharedFile {
 public:
  // The byte of `below` at `offset` is that of the run at `run_offset`.
  DecryptedFile(std::shared_ptr<const http::SharedFile> below, std::shared_ptr<const Bytes> key, std::uint64_t offset,
                std::uint64_t run_offset)
      : below_(std::move(below)), key_(std::move(key)), offset_(offset), run_offset_(run_offset) {}

  [[nodiscard]] int descriptor() const override { return below_->descriptor(); }
  [[nodiscard]] bool is_sent_as_it_lies() const override { return false; }
  [[nodiscard]] ssize_t read_at(ByteSpan room, std::uint64_t offset_bytes) const override {
    const ssize_t got = below_->read_at(room, offset_bytes);
    if (got <= 0) return got;
    const ByteSpan bytes = room.first(static_cast<std::size_t>(got));
    auto cipher = StreamCipher::at(*key_, offset_bytes - offset_ + run_offset_);
    return cipher && cipher->apply(bytes, bytes) ? got : -1;
  }

 private:
  const std::shared_ptr<const http::SharedFile> below_;
  const std::shared_ptr<const Bytes> key_;
  const std::uint64_t offset_, run_offset_;
};

}  // namespace

Expected<ObjectKey> ObjectKey::make() {
  ObjectKey key;
  DL_ASSIGN(const Bytes random, random_bytes(StreamCipher::key_bytes));
  std::copy(random.begin(), random.end(), key.bytes_.begin());
  return key;
}

Expected<ObjectKey> ObjectKey::parse(std::string_view secret) {
  if (secret.size() != StreamCipher::key_bytes) return ErrorCode::internal_error;
  ObjectKey key;
  std::copy(secret.begin(), secret.end(), key.bytes_.begin());
  return key;
}

// Stored objects depend on both texts: never change one.
Bytes ObjectKey::key_of_run(std::string_view nonce) const { return derived(bytes_, "run\n", bytes_of(nonce)); }
Bytes ObjectKey::etag_of(ByteView md5) const {
  Bytes etag = derived(bytes_, "etag\n", md5);
  etag.resize(md5.size());
  return etag;
}

Expected<Encryptor> Encryptor::begin(const ObjectKey& key, objects::Properties& properties) {
  DL_ASSIGN(const Bytes random, random_bytes(nonce_bytes));
  std::string nonce = to_hex(random);
  Bytes run_key = key.key_of_run(nonce);
  auto cipher = StreamCipher::at(run_key, 0);
  wipe(run_key);
  if (!cipher) return from_engine(cipher.error());
  properties[std::string(property::encryption_nonce)] = std::move(nonce);
  return Encryptor(std::move(*cipher));
}

Expected<ByteView> Encryptor::apply(ByteView piece) {
  buffer_.resize(piece.size());
  if (const Status applied = cipher_.apply(piece, buffer_); !applied) return from_engine(applied.error());
  return ByteView(buffer_);
}

Decryptor::Decryptor(const ObjectKey& key, const objects::Version& version) {
  const auto add = [&](const objects::Properties& properties, std::uint64_t length) {
    const std::uint64_t begin = runs_.empty() ? 0 : runs_.back().offset_bytes + runs_.back().length_bytes;
    runs_.push_back({begin, length, shared_secret(key.key_of_run(value_of(properties, property::encryption_nonce)))});
  };
  if (version.parts.empty()) add(version.properties, version.size_bytes);
  for (const objects::Part& part : version.parts) add(part.properties, part.size_bytes);
}

std::vector<Decryptor::Piece> Decryptor::pieces(std::uint64_t offset_bytes, std::uint64_t length_bytes) const {
  std::vector<Piece> found;
  const std::uint64_t end = offset_bytes + length_bytes;
  auto run = std::upper_bound(runs_.begin(), runs_.end(), offset_bytes,
                              [](std::uint64_t offset, const Run& one) { return offset < one.offset_bytes; });
  if (run != runs_.begin()) --run;
  for (; run != runs_.end() && run->offset_bytes < end; ++run) {
    const std::uint64_t from = std::max(offset_bytes, run->offset_bytes);
    const std::uint64_t to = std::min(end, run->offset_bytes + run->length_bytes);
    if (from < to) found.push_back({*run, from, to - from});
  }
  return found;
}

Done Decryptor::apply(ByteSpan bytes, std::uint64_t offset_bytes) const {
  for (const Piece& piece : pieces(offset_bytes, bytes.size())) {
    const ByteSpan here = bytes.subspan(piece.offset_bytes - offset_bytes, piece.length_bytes);
    auto cipher = StreamCipher::at(*piece.run.key, piece.offset_bytes - piece.run.offset_bytes);
    if (!cipher) return from_engine(cipher.error());
    if (const Status applied = cipher->apply(here, here); !applied) return from_engine(applied.error());
  }
  return {};
}

std::vector<http::FileSlice> Decryptor::slices(const std::vector<http::FileSlice>& stored,
                                               std::uint64_t offset_bytes) const {
  std::vector<http::FileSlice> out;
  for (const http::FileSlice& slice : stored) {
    for (const Piece& piece : pieces(offset_bytes, slice.length_bytes)) {
      const std::uint64_t at = slice.offset_bytes + (piece.offset_bytes - offset_bytes);
      auto file =
          std::make_shared<DecryptedFile>(slice.file, piece.run.key, at, piece.offset_bytes - piece.run.offset_bytes);
      out.push_back({std::move(file), at, piece.length_bytes});
    }
    offset_bytes += slice.length_bytes;
  }
  return out;
}

}  // namespace duskline::gateway
