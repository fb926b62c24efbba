#include "gateway/policy_values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "gateway/policy.h"

namespace duskline::gateway {
namespace {

struct Address {
  std::array<std::uint8_t, 16> bytes{};  // IPv4 as ::ffff:a.b.c.d
  bool v4 = false;
};

std::optional<Address> parse_address(std::string_view text) {
  constexpr std::size_t longest = 45;
  if (text.empty() || text.size() > longest) return std::nullopt;
  const std::string name(text);
  Address address;
  std::array<std::uint8_t, 4> v4{};
  if (inet_pton(AF_INET, name.c_str(), v4.data()) == 1) {
    address.v4 = true;
    address.bytes[10] = address.bytes[11] = 0xff;
    std::copy(v4.begin(), v4.end(), address.bytes.begin() + 12);
    return address;
  }
  if (inet_pton(AF_INET6, name.c_str(), address.bytes.data()) != 1) return std::nullopt;
  constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  address.v4 = std::equal(mapped.begin(), mapped.end(), address.bytes.begin());
  return address;
}

struct Network {
  Address address;
  unsigned bits = 128;  // of the 16 bytes
};

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = std::min(text.find('/'), text.size());
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Network network{*address};
  if (slash == text.size()) return network;
  const std::string_view length = text.substr(slash + 1);
  const unsigned most = address->v4 ? 32 : 128;
  const auto [end, failed] = std::from_chars(length.data(), length.data() + length.size(), network.bits);
  if (failed != std::errc{} || end != length.data() + length.size() || network.bits > most) return std::nullopt;
  if (address->v4) network.bits += 96;
  return network;
}

}  // namespace

std::string condition_key(std::string_view name) {
  std::string out(name);
  const auto slash = std::min(out.find('/'), out.size());
  for (std::size_t i = 0; i < slash; ++i) {
    if (out[i] >= 'A' && out[i] <= 'Z') out[i] = static_cast<char>(out[i] - 'A' + 'a');
  }
  return out;
}

std::optional<double> condition_number(std::string_view text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<WallTime> condition_date(std::string_view text) {
  constexpr std::size_t date_length = 10;  // "2026-11-21"
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  constexpr std::int64_t latest = 9'000'000'000;
  if (failed == std::errc{} && end == text.data() + text.size() && seconds >= -latest && seconds <= latest) {
    return WallTime(std::chrono::seconds(seconds));
  }
  if (text.size() == date_length) return parse_time(std::string(text) + "T00:00:00Z");
  return parse_time(text);
}

bool is_network(std::string_view text) { return parse_network(text).has_value(); }

bool is_narrow_network(std::string_view text) {
  const auto network = parse_network(text);
  constexpr unsigned least_v4 = 96 + 8, least_v6 = 32;
  return network && network->bits >= (network->address.v4 ? least_v4 : least_v6);
}

bool address_in(std::string_view address, std::string_view network) {
  const auto parsed = parse_address(address);
  const auto within = parse_network(network);
  if (!parsed || !within || parsed->v4 != within->address.v4) return false;
  const unsigned whole = within->bits / 8, left = within->bits % 8;
  const auto& a = parsed->bytes;
  const auto& b = within->address.bytes;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  return left == 0 || ((a[whole] ^ b[whole]) >> (8 - left)) == 0;
}

}  // namespace duskline::gateway
