// The chunks that the store has, and those that this run adds to it.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "model/place.h"
#include "pack/chunk_index.h"
#include "pack/pack_builder.h"
#include "publish/journal.h"
#include "publish/pack_uploads.h"

namespace duskline::publish {

// A frame that a worker made, with the chunks it holds.
struct NewFrame {
  Bytes stored;
  std::uint64_t raw_bytes = 0;
  model::Codec codec = model::Codec::raw;
  std::vector<std::pair<Hash256, std::uint32_t>> chunks;  // and their offset in the raw bytes
};

class ChunkTable {
 public:
  explicit ChunkTable(PackSink& sink) : sink_(sink) {}

  // True for whoever asks for a chunk first, who must then commit it in a frame (or fail the run). Any thread.
  bool claim(const Hash256& chunk);

  // Puts the frame into the current pack, and the pack on its way once it is full.
  Status commit(const NewFrame& frame);
  // Ends the last pack and waits until all are stored. Every claimed chunk has its place after this.
  Status finish();

  // A pack that is in the store though no release names it.
  void add_known(const PackContents& contents);

  [[nodiscard]] std::uint64_t new_raw_bytes() const { return new_raw_bytes_; }
  // For loading, and for writing the manifest; not while workers run.
  [[nodiscard]] pack::ChunkIndex& index() { return index_; }

 private:
  Status end_pack();
  void place(const PackContents& contents);

  PackSink& sink_;
  std::mutex mutex_;
  pack::ChunkIndex index_;
  pack::PackBuilder builder_;
  PackContents open_;
  std::uint64_t new_raw_bytes_ = 0;
};

}  // namespace duskline::publish
