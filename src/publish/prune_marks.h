// The tombstones of a set: which objects prune means to remove, since when, and how far it has got
// (docs/formats/prune.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/op.h"
#include "model/ids.h"
#include "store/object_store.h"

namespace duskline::publish {

struct Mark {
  enum class State : std::uint8_t {
    marked,     // no root needed it; anybody who needs it takes the mark off
    condemned,  // being removed: may be gone at any moment
    removed     // was removed; kept for a while, for publishers that saw it before
  } state = State::marked;
  WallTime since{};     // when it came into this state, by the store's clock
  WallTime modified{};  // the object's time when it was marked: another one means that it was written anew
  bool operator==(const Mark&) const = default;
};

struct Marks {
  std::map<std::string, Mark> by_key;
  std::string etag;  // of the object they were read from; empty: there was none
};

inline constexpr std::size_t max_marks = 200'000;  // more are left for the next run

[[nodiscard]] std::string encode_marks(const model::SetName& set, const std::map<std::string, Mark>& marks);
// Code::invalid for what encode_marks would not write, such as keys of another set.
[[nodiscard]] Result<std::map<std::string, Mark>> decode_marks(const model::SetName& set, std::string_view json);

[[nodiscard]] Result<Marks> read_marks(store::ObjectStore&, const Op&, const model::SetName&);
// Replaces what `marks` was read from, and gives it the new etag. Code::precondition when somebody else wrote
// meanwhile. An endpoint without conditions is written to without.
[[nodiscard]] Status write_marks(store::ObjectStore&, const Op&, const model::SetName&, Marks& marks);

}  // namespace duskline::publish
