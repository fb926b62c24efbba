// Words for raw bytes, and bounded readers and writers of the binary formats.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace duskline {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using ByteSpan = std::span<std::uint8_t>;

[[nodiscard]] inline ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] std::string to_hex(ByteView bytes);
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);  // lower or upper case, even length
[[nodiscard]] std::string to_base64(ByteView bytes);                 // RFC 4648 section 4, padded
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);

// Appends to a buffer. Integers are LEB128 varints (signed ones zigzag), fixed-width ones little-endian.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}
  void u8(std::uint8_t value) { out_.push_back(value); }
  void u32_fixed(std::uint32_t value);
  void u64_fixed(std::uint64_t value);
  void varint(std::uint64_t value);
  void zigzag(std::int64_t value);
  void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void text(std::string_view text);  // varint length, then the bytes

 private:
  Bytes& out_;
};

// Reads what ByteWriter wrote, from hostile bytes. A read past the end, an over-long varint, or a length
// above the caller's limit makes the reader fail: from then on every read gives 0 or empty and ok() is
// false. Check ok() once after a group of reads, and before using a count to allocate.
class ByteReader {
 public:
  explicit ByteReader(ByteView in) : in_(in) {}
  std::uint8_t u8();
  std::uint32_t u32_fixed();
  std::uint64_t u64_fixed();
  std::uint64_t varint();
  std::int64_t zigzag();
  ByteView raw(std::size_t length);
  std::string_view text(std::size_t max_length);
  void fail() {
    failed_ = true;
    in_ = {};
  }
  [[nodiscard]] bool ok() const { return !failed_; }
  [[nodiscard]] bool at_end() const { return in_.empty(); }
  [[nodiscard]] std::size_t left() const { return in_.size(); }

 private:
  ByteView in_;
  bool failed_ = false;
};

}  // namespace duskline
