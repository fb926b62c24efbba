#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace duskline {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr double ki = 1024;
constexpr double k = 1000;
constexpr std::array byte_units{
    Unit{"B", 1},           Unit{"kB", k},   Unit{"KB", k},       Unit{"MB", k* k},        Unit{"GB", k* k* k},
    Unit{"TB", k* k* k* k}, Unit{"KiB", ki}, Unit{"MiB", ki* ki}, Unit{"GiB", ki* ki* ki}, Unit{"TiB", ki* ki* ki* ki}};
constexpr std::array bit_units{Unit{"bit", 1.0 / 8},      Unit{"kbit", k / 8},   Unit{"Mbit", k* k / 8},
                               Unit{"Gbit", k* k* k / 8}, Unit{"Kibit", ki / 8}, Unit{"Mibit", ki* ki / 8}};
constexpr std::array time_units{Unit{"ms", 1e6},   Unit{"s", 1e9},     Unit{"m", 60e9},
                                Unit{"h", 3600e9}, Unit{"d", 86400e9}, Unit{"w", 7 * 86400e9}};

Error bad_quantity(std::string_view text, std::string_view examples) {
  return {Code::usage, "\"" + printable(text) + "\" is not a quantity with a unit; write " + std::string(examples)};
}

// number * factor of the unit that follows it, or nothing.
template <std::size_t N>
std::optional<double> quantity(std::string_view text, const std::array<Unit, N>& units) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const Unit& known : units) {
    if (unit == known.name) return number * known.factor;
  }
  return std::nullopt;
}

constexpr double most = 9e18;

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const auto value = quantity(text, byte_units);
  if (!value || *value > most) return bad_quantity(text, "512KiB, 20MB or 1.5GiB");
  return static_cast<std::uint64_t>(*value);
}

Result<std::uint64_t> parse_rate(std::string_view text) {
  constexpr std::string_view examples = "20MiB/s, 512kbit/s or 8Mbit/s";
  if (!text.ends_with("/s")) return bad_quantity(text, examples);
  const std::string_view amount = text.substr(0, text.size() - 2);
  auto value = quantity(amount, byte_units);
  if (!value) value = quantity(amount, bit_units);
  if (!value || *value > most || *value < 1) return bad_quantity(text, examples);
  return static_cast<std::uint64_t>(*value);
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto value = quantity(text, time_units);
  if (!value || *value > most) return bad_quantity(text, "30s, 10m, 12h or 30d");
  return std::chrono::nanoseconds{static_cast<std::int64_t>(*value)};
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array names{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < names.size()) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, names[unit]);
  return text;
}

std::string format_rate(double bytes_per_second) {
  return format_bytes(static_cast<std::uint64_t>(std::max(0.0, bytes_per_second))) + "/s";
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const double seconds = static_cast<double>(duration.count()) / 1e9;
  char text[48];
  if (seconds < 0.9995) {
    std::snprintf(text, sizeof text, "%.0f ms", seconds * 1e3);
  } else if (seconds < 60) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else {
    const auto whole = static_cast<long long>(seconds);
    if (whole < 3600) {
      std::snprintf(text, sizeof text, "%lld m %02lld s", whole / 60, whole % 60);
    } else if (whole < 86400) {
      std::snprintf(text, sizeof text, "%lld h %02lld m", whole / 3600, whole / 60 % 60);
    } else {
      std::snprintf(text, sizeof text, "%lld d %02lld h", whole / 86400, whole / 3600 % 24);
    }
  }
  return text;
}

std::string format_count(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

namespace {

// Length of the valid UTF-8 sequence at the start of `bytes`, or 0. RFC 3629: no surrogates, nothing over-long.
std::size_t utf8_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || length > bytes.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const bool over_long = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90);
  const bool no_character = (lead == 0xed && at(1) >= 0xa0) || (lead == 0xf4 && at(1) >= 0x90);
  return over_long || no_character ? 0 : length;
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    const bool c1_control = length == 2 && first == 0xc2 && static_cast<unsigned char>(bytes[1]) < 0xa0;
    if (length == 0 || first < 0x20 || first == 0x7f || first == '\\' || c1_control) {
      const std::size_t count = c1_control ? 2 : 1;
      for (std::size_t i = 0; i < count; ++i) {
        text += "\\x" + to_hex(bytes_of(bytes.substr(i, 1)));
      }
      bytes.remove_prefix(count);
      continue;
    }
    text += bytes.substr(0, length);
    bytes.remove_prefix(length);
  }
  return text;
}

}  // namespace duskline
