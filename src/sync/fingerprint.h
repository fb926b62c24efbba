// Telling content by the tags that object stores give it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/op.h"
#include "base/result.h"
#include "sync/place.h"

namespace duskline::sync {

// How content is read for this: as many bytes from `offset` as fit and are there.
using ReadAt = std::function<Result<std::size_t>(std::uint64_t offset, ByteSpan into)>;

// The MD5 of `length` bytes from `offset` on.
[[nodiscard]] Result<Bytes> md5_of(const Op& op, const ReadAt& read, Range range);

// Whether content of `size_bytes` has this ETag. False also where the ETag is no MD5.
[[nodiscard]] Result<bool> matches(const Op& op, const ReadAt& read, std::uint64_t size_bytes,
                                   const Fingerprint& wanted);

// What an object of this size and ETag can be compared by. Where the size of its parts is not known (0): those that
// programs commonly use and that give the ETag's number of parts, this program's own first.
[[nodiscard]] Fingerprint fingerprint_of(std::string_view etag, std::uint64_t size_bytes, std::uint64_t part_bytes);
// Nothing to compare by where the version's ETag is no MD5.
[[nodiscard]] Fingerprint fingerprint_of(const Version& version);

// The pieces in which a file of this size travels; S3 allows 10,000.
[[nodiscard]] std::uint64_t piece_bytes_for(std::uint64_t size_bytes, std::uint64_t wanted);
inline constexpr std::uint64_t default_piece_bytes = 16 << 20;

// The ETag of an object made of parts with these ETags; empty where one of them is no MD5.
[[nodiscard]] std::string etag_of_parts(const std::vector<std::string>& etags);

}  // namespace duskline::sync
