// What is to be done about a path. Pure.
#pragma once

#include "sync/place.h"
#include "sync/record_file.h"

namespace duskline::sync {

enum class Trust : std::uint8_t {
  stamps,   // files whose stamps are those of the last run are the same
  nothing,  // all content is read
};

// One of `source` and `destination` may be null. `known` is what the last runs recorded of the path, or null.
[[nodiscard]] Action judge(const Entry* source, const Entry* destination, const Record* known, Trust trust);

// How much may be removed.
struct MaxRemovals {
  std::uint64_t number = 10;
  enum class Unit : std::uint8_t { percent, files } unit = Unit::percent;
};
// "25%" or "100".
[[nodiscard]] Result<MaxRemovals> parse_max_removals(std::string_view text);
// At least one file of those that there are, unless the number is 0.
[[nodiscard]] std::uint64_t allowed_removals(const MaxRemovals& most, std::uint64_t files_there);

// Whether less than half is left. Little counts as gone only where it is all but gone.
[[nodiscard]] bool shrank(std::uint64_t before, std::uint64_t now);

// Whether the time of a file is the one that it should have, on a disk that may keep no more than seconds.
[[nodiscard]] bool is_same_time(std::int64_t wanted_ns, std::int64_t kept_ns);

}  // namespace duskline::sync
