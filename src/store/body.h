// What the backends that hold bodies themselves share: conditions, ranges, and the checks of a body on its way in.
#pragma once

#include <optional>

#include "base/hash.h"
#include "store/object_store.h"

namespace duskline::store {

// Whether a put with `options` may go on where `existing` is what lies there now. Code::precondition.
[[nodiscard]] Status check_put_conditions(const Key& key, const PutOptions& options,
                                          const std::optional<ObjectInfo>& existing);

// Whether a get may go on with `info`: Code::precondition, Code::not_modified.
[[nodiscard]] Status check_get_conditions(const Key& key, const GetOptions& options, const ObjectInfo& info);

// The part of an object of `size_bytes` that `range` asks for. Code::invalid where it begins past the end.
[[nodiscard]] Result<ByteRange> resolve_range(const Key& key, const std::optional<ByteRange>& range,
                                              std::uint64_t size_bytes);

// Reads a source to its end and gives every piece to `sink`: rewound first, length and SHA-256 checked.
[[nodiscard]] Status read_body(const Op& op, const Key& key, Source& source, const PutOptions& options, Sink& sink);

}  // namespace duskline::store
