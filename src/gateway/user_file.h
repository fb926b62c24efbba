// The key file of a store: users and keys as JSON, secrets sealed. docs/formats/store-keys.md describes it.
#pragma once

#include <string>
#include <string_view>

#include "base/sealing.h"
#include "gateway/users.h"

namespace duskline::gateway {

inline constexpr std::uint64_t max_key_file_bytes = 64 << 20;

[[nodiscard]] Result<std::string> encode_users(const Users& users, const SealingKey& sealing);
// Code::invalid for what is no key file, Code::untrusted where it was sealed under another key or was tampered with,
// Code::unsupported for a version of the format that is newer than this program.
[[nodiscard]] Result<Users> parse_users(std::string_view text, const SealingKey& sealing);

}  // namespace duskline::gateway
