#include "base/bytes.h"

#include <array>

namespace duskline {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += hex_digits[byte >> 4];
    text += hex_digits[byte & 15];
  }
  return text;
}

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

std::string to_base64(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = (word << 8) | (k < have ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= have ? base64_digits[(word >> (18 - 6 * k)) & 63] : '=';
    }
  }
  return text;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    std::size_t pads = 0;
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      if (c == '=' && last && k >= 2 && (k == 3 || text[i + 3] == '=')) {
        ++pads;
        word <<= 6;
        continue;
      }
      const auto digit = base64_digits.find(c);
      if (digit == std::string_view::npos) return std::nullopt;
      word = (word << 6) | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t k = 0; k < 3 - pads; ++k) {
      bytes.push_back(static_cast<std::uint8_t>(word >> (16 - 8 * k)));
    }
  }
  return bytes;
}

void ByteWriter::u32_fixed(std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) u8(static_cast<std::uint8_t>(value >> shift));
}

void ByteWriter::u64_fixed(std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) u8(static_cast<std::uint8_t>(value >> shift));
}

void ByteWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    u8(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  u8(static_cast<std::uint8_t>(value));
}

void ByteWriter::zigzag(std::int64_t value) {
  varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

void ByteWriter::text(std::string_view text) {
  varint(text.size());
  raw(bytes_of(text));
}

std::uint8_t ByteReader::u8() {
  if (in_.empty()) {
    fail();
    return 0;
  }
  const std::uint8_t value = in_.front();
  in_ = in_.subspan(1);
  return value;
}

std::uint32_t ByteReader::u32_fixed() {
  std::uint32_t value = 0;
  for (int shift = 0; shift < 32; shift += 8) value |= static_cast<std::uint32_t>(u8()) << shift;
  return failed_ ? 0 : value;
}

std::uint64_t ByteReader::u64_fixed() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 8) value |= static_cast<std::uint64_t>(u8()) << shift;
  return failed_ ? 0 : value;
}

std::uint64_t ByteReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (failed_) return 0;
    const std::uint64_t bits = byte & 0x7f;
    const bool overflows = shift == 63 && bits > 1;
    const bool padded = byte == 0 && shift > 0;  // 0x80 0x00 is not canonical
    if (overflows || padded) break;
    value |= bits << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail();
  return 0;
}

std::int64_t ByteReader::zigzag() {
  const std::uint64_t value = varint();
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

ByteView ByteReader::raw(std::size_t length) {
  if (length > in_.size()) {
    fail();
    return {};
  }
  const ByteView bytes = in_.first(length);
  in_ = in_.subspan(length);
  return bytes;
}

std::string_view ByteReader::text(std::size_t max_length) {
  const std::uint64_t length = varint();
  if (length > max_length) {
    fail();
    return {};
  }
  return text_of(raw(length));
}

}  // namespace duskline
