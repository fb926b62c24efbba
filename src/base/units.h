// Quantities as people write them. A bare number is refused: units are always written out.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace duskline {

// "512B", "64KiB", "20MB", "1.5GiB": B, kB KB MB GB TB (powers of 1000), KiB MiB GiB TiB.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);
// Bytes a second: "20MiB/s", "512kbit/s", "8Mbit/s", "1Gbit/s".
[[nodiscard]] Result<std::uint64_t> parse_rate(std::string_view text);
// "500ms", "30s", "10m", "12h", "30d", "2w".
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

[[nodiscard]] std::string format_bytes(std::uint64_t bytes);                   // "1.4 MiB"
[[nodiscard]] std::string format_rate(double bytes_per_second);                // "1.4 MiB/s"
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);  // "3 m 12 s"
[[nodiscard]] std::string format_count(std::uint64_t count);                   // "20,000"

// A path or name for people: control characters, invalid UTF-8 and backslashes become \xNN.
[[nodiscard]] std::string printable(std::string_view bytes);

}  // namespace duskline
