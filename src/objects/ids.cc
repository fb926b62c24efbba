#include "objects/ids.h"

#include <sys/random.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace duskline::objects {
namespace {

constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // no I, L, O, U: read aloud safely
constexpr std::size_t id_bytes = 20, id_characters = 32;
constexpr std::uint64_t sequence_mask = (std::uint64_t{1} << 56) - 1;

// Ids are public: the mask keeps them from telling how many writes there have been.
std::uint64_t mask_of(const IdSalt& salt) { return XXH3_64bits(salt.data(), salt.size()) & sequence_mask; }

int value_of(char c) {
  const auto at = digits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

IdSalt random_salt() {
  // Drawn in larger pieces: a system call for each id would cost more than all the rest of it.
  thread_local std::array<std::uint8_t, 16 * sizeof(IdSalt)> pool;
  thread_local std::size_t used = pool.size();
  if (used == pool.size()) {
    std::size_t have = 0;
    while (have < pool.size()) {
      const ssize_t got = getrandom(pool.data() + have, pool.size() - have, 0);
      if (got > 0) have += static_cast<std::size_t>(got);
      if (got < 0 && errno != EINTR) std::abort();  // the kernel has no randomness: nothing safe to go on with
    }
    used = 0;
  }
  IdSalt salt;
  std::memcpy(salt.data(), pool.data() + used, salt.size());
  used += salt.size();
  return salt;
}

std::string make_id(std::uint64_t sequence, const IdSalt& salt) {
  std::array<std::uint8_t, id_bytes> raw{};
  const std::uint64_t masked = (sequence & sequence_mask) ^ mask_of(salt);
  for (std::size_t i = 0; i < 7; ++i) raw[i] = static_cast<std::uint8_t>(masked >> (8 * i));
  std::memcpy(raw.data() + 7, salt.data(), salt.size());
  std::string id;
  id.reserve(id_characters);
  for (std::size_t i = 0; i < id_bytes; i += 5) {
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < 5; ++k) word = word << 8 | raw[i + k];
    for (int shift = 35; shift >= 0; shift -= 5) id += digits[word >> shift & 31];
  }
  return id;
}

std::optional<ParsedId> parse_id(std::string_view id) {
  if (id.size() != id_characters) return std::nullopt;
  std::array<std::uint8_t, id_bytes> raw{};
  for (std::size_t i = 0; i < id_characters; i += 8) {
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < 8; ++k) {
      const int value = value_of(id[i + k]);
      if (value < 0) return std::nullopt;
      word = word << 5 | static_cast<std::uint64_t>(value);
    }
    for (std::size_t k = 0; k < 5; ++k) raw[i / 8 * 5 + k] = static_cast<std::uint8_t>(word >> (32 - 8 * k));
  }
  ParsedId parsed;
  std::memcpy(parsed.salt.data(), raw.data() + 7, parsed.salt.size());
  std::uint64_t masked = 0;
  for (std::size_t i = 0; i < 7; ++i) masked |= std::uint64_t{raw[i]} << (8 * i);
  parsed.sequence = masked ^ mask_of(parsed.salt);
  return parsed;
}

}  // namespace duskline::objects
