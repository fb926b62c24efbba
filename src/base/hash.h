// SHA-256 (FIPS 180-4), the one hash that anything is trusted by.
#pragma once

#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace duskline {

struct Hash256 {
  std::array<std::uint8_t, 32> bytes{};

  [[nodiscard]] bool is_zero() const { return *this == Hash256{}; }
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  [[nodiscard]] std::string short_hex() const { return hex().substr(0, 12); }
  [[nodiscard]] std::uint64_t prefix64() const {  // the first 8 bytes, for hash tables only
    std::uint64_t value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  [[nodiscard]] static std::optional<Hash256> from_hex(std::string_view text);
  auto operator<=>(const Hash256&) const = default;
};

[[nodiscard]] Hash256 sha256(ByteView bytes);
[[nodiscard]] inline Hash256 sha256(std::string_view text) { return sha256(bytes_of(text)); }

// Incremental SHA-256. Not for use by two threads at once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(ByteView bytes);
  [[nodiscard]] Hash256 finish();  // and start anew

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Hash256 hmac_sha256(ByteView key, ByteView message);  // RFC 2104

}  // namespace duskline

template <>
struct std::hash<duskline::Hash256> {
  std::size_t operator()(const duskline::Hash256& h) const noexcept { return h.prefix64(); }
};
