// The bytes of a release's files, read from the store by what its manifest says.
#pragma once

#include <cstdint>
#include <memory>

#include "base/op.h"
#include "base/stream.h"
#include "model/ids.h"
#include "release/manifest.h"
#include "store/object_store.h"

namespace duskline::release {

// Reads ranges of files; fetches whole frames, neighbours by one GET, and keeps the last ones decoded. Nothing reaches
// the sink before its chunk's SHA-256 was checked. Not for concurrent use; store and manifest must outlive it.
class ContentReader {
 public:
  static constexpr std::uint64_t default_cache_bytes = 32 << 20;
  // The manifest must have places.
  ContentReader(store::ObjectStore& store, model::SetName set, Manifest& manifest,
                std::uint64_t cache_bytes = default_cache_bytes);
  ~ContentReader();

  // Bytes [offset, offset + length) of a file, cut off at its end. `file` must come from the manifest. Code::corrupt
  // where the store's bytes are not what the manifest promises, Code::not_found where a pack is gone.
  Status read(const Op&, const DirectoryCursor::Item& file, std::uint64_t offset, std::uint64_t length, Sink&);
  Status read_all(const Op& op, const DirectoryCursor::Item& file, Sink& sink) {
    return read(op, file, 0, file.entry->size_bytes, sink);
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace duskline::release
