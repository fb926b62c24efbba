// How much of a long test to run: sanitizers make code ten times slower, and find what they are for in fewer rounds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace duskline::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool under_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool under_sanitizer = true;
#else
inline constexpr bool under_sanitizer = false;
#endif
#else
inline constexpr bool under_sanitizer = false;
#endif

// `full` rounds or sizes; a tenth of it, but at least one, under a sanitizer.
[[nodiscard]] constexpr std::size_t effort(std::size_t full) {
  if (!under_sanitizer) return full;
  return full < 10 ? 1 : full / 10;
}

// For loops that break something at each call in turn: how far apart the calls are that are broken.
inline constexpr std::uint64_t stride = under_sanitizer ? 7 : 1;

}  // namespace duskline::testing
