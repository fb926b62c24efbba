// MD5 (RFC 1321) of many ranges at a time. One MD5 is a chain of steps that each wait for the last, so a core does
// several side by side in the time of one: object stores tag large objects by the MD5s of their parts, which makes
// these the lanes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/op.h"
#include "base/result.h"

namespace duskline::sync {

struct Range;

inline constexpr std::size_t md5_bytes = 16;
using Md5 = std::array<std::uint8_t, md5_bytes>;

[[nodiscard]] Md5 md5_of_bytes(ByteView bytes);

// Of each range, in order. Code::changing where one ends early.
[[nodiscard]] Result<std::vector<Md5>> md5_of_ranges(
    const Op& op, const std::function<Result<std::size_t>(std::uint64_t offset, ByteSpan into)>& read,
    std::span<const Range> ranges);

}  // namespace duskline::sync
