#include "base/crc.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace duskline {
namespace {

// Polynomials stand reflected: bit i of a register of `width` bits is the coefficient of x^(width - 1 - i).
struct Polynomial {
  std::uint64_t taps;
  unsigned width;
};
constexpr std::array<Polynomial, 3> polynomials = {{{0xEDB88320, 32}, {0x82F63B78, 32}, {0x9A6C9329AC4BC9B5, 64}}};

constexpr std::uint64_t times_x(std::uint64_t value, std::uint64_t taps) {
  return (value >> 1) ^ ((value & 1) != 0 ? taps : 0);
}

constexpr std::uint64_t x_to_the(unsigned power, const Polynomial& p) {
  std::uint64_t value = std::uint64_t{1} << (p.width - 1);
  for (unsigned i = 0; i < power; ++i) value = times_x(value, p.taps);
  return value;
}

constexpr std::size_t strides = 8;
struct Tables {
  std::array<std::array<std::uint64_t, 256>, strides> rows{};  // rows[n][b]: byte b, n bytes before the last
  // For folding 64-bit halves forward over 512 and 128 bits, by carry-less multiplication. A product of two reflected
  // registers comes out multiplied by x, hence the odd powers.
  std::uint64_t far_low = 0, far_high = 0, near_low = 0, near_high = 0;
};

constexpr Tables tables_of(const Polynomial& p) {
  Tables tables;
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = times_x(value, p.taps);
    tables.rows[0][byte] = value;
  }
  for (std::size_t row = 1; row < strides; ++row) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t before = tables.rows[row - 1][byte];
      tables.rows[row][byte] = (before >> 8) ^ tables.rows[0][before & 255];
    }
  }
  const unsigned up = 64 - p.width;
  tables.far_low = x_to_the(512 + 63, p) << up;
  tables.far_high = x_to_the(512 - 1, p) << up;
  tables.near_low = x_to_the(128 + 63, p) << up;
  tables.near_high = x_to_the(128 - 1, p) << up;
  return tables;
}

const Tables& tables_for(CrcKind kind) {
  static const std::array<Tables, 3> all = {tables_of(polynomials[0]), tables_of(polynomials[1]),
                                            tables_of(polynomials[2])};
  return all[static_cast<std::size_t>(kind)];
}

std::uint64_t by_table(const Tables& tables, std::uint64_t state, ByteView bytes) {
  while (bytes.size() >= strides) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    word ^= state;
    state = 0;
    for (std::size_t i = 0; i < strides; ++i) state ^= tables.rows[strides - 1 - i][(word >> (8 * i)) & 255];
    bytes = bytes.subspan(strides);
  }
  for (const std::uint8_t byte : bytes) state = (state >> 8) ^ tables.rows[0][(state ^ byte) & 255];
  return state;
}

#if defined(__x86_64__)

constexpr std::size_t lane = 16, lanes = 4, folded_from = 4 * lane * lanes;

__attribute__((target("pclmul,sse4.1"))) inline __m128i load(const std::uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

__attribute__((target("pclmul,sse4.1"))) inline __m128i fold(__m128i value, __m128i factors, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(value, factors, 0x00), high = _mm_clmulepi64_si128(value, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

// Whole multiples of 64 bytes; what is left after them is shortened to 16 bytes that have the same remainder.
__attribute__((target("pclmul,sse4.1"))) std::uint64_t by_folding(const Tables& tables, std::uint64_t state,
                                                                  ByteView& bytes) {
  const __m128i far = _mm_set_epi64x(static_cast<long long>(tables.far_high), static_cast<long long>(tables.far_low));
  const __m128i near =
      _mm_set_epi64x(static_cast<long long>(tables.near_high), static_cast<long long>(tables.near_low));
  const std::uint8_t* at = bytes.data();
  __m128i a = _mm_xor_si128(load(at), _mm_set_epi64x(0, static_cast<long long>(state)));
  __m128i b = load(at + lane), c = load(at + 2 * lane), d = load(at + 3 * lane);
  std::size_t left = bytes.size() - lane * lanes;
  for (at += lane * lanes; left >= lane * lanes; left -= lane * lanes, at += lane * lanes) {
    a = fold(a, far, load(at));
    b = fold(b, far, load(at + lane));
    c = fold(c, far, load(at + 2 * lane));
    d = fold(d, far, load(at + 3 * lane));
  }
  const __m128i all = fold(fold(fold(a, near, b), near, c), near, d);
  std::array<std::uint8_t, lane> rest;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest.data()), all);
  bytes = bytes.last(left);
  return by_table(tables, 0, rest);
}

bool can_fold() {
  static const bool can = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  return can;
}

#endif

std::uint64_t times(std::uint64_t a, std::uint64_t b, const Polynomial& p) {
  std::uint64_t product = 0;
  for (std::uint64_t bit = std::uint64_t{1} << (p.width - 1); bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = times_x(b, p.taps);
  }
  return product;
}

}  // namespace

Crc::Crc(CrcKind kind)
    : kind_(kind), ones_(kind == CrcKind::crc64nvme ? ~std::uint64_t{0} : 0xFFFFFFFF), state_(ones_) {}

void Crc::update(ByteView bytes) {
  const Tables& tables = tables_for(kind_);
#if defined(__x86_64__)
  if (bytes.size() >= folded_from && can_fold()) state_ = by_folding(tables, state_, bytes);
#endif
  state_ = by_table(tables, state_, bytes);
}

std::uint64_t crc_of_both(CrcKind kind, std::uint64_t first, std::uint64_t second, std::uint64_t second_length) {
  const Polynomial& p = polynomials[static_cast<std::size_t>(kind)];
  std::uint64_t power = x_to_the(8, p);  // of one byte; squared for every further bit of the length
  for (; second_length != 0; second_length >>= 1) {
    if ((second_length & 1) != 0) first = times(first, power, p);
    power = times(power, power, p);
  }
  return first ^ second;
}

}  // namespace duskline
