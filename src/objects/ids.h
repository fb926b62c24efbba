// Ids of versions and uploads: 32 characters of [0-9A-Z], 104 of their 160 bits random. The rest is the sequence number
// of what they name, so that it is found without an index of ids.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace duskline::objects {

using IdSalt = std::array<std::uint8_t, 13>;

[[nodiscard]] IdSalt random_salt();
[[nodiscard]] std::string make_id(std::uint64_t sequence, const IdSalt& salt);  // sequence below 2^56

struct ParsedId {
  std::uint64_t sequence = 0;
  IdSalt salt{};
};
// Nothing where the text is none of ours. One that is of our form may still name nothing: compare the salt.
[[nodiscard]] std::optional<ParsedId> parse_id(std::string_view id);

}  // namespace duskline::objects
