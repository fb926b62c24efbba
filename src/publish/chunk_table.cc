#include "publish/chunk_table.h"

#include <algorithm>
#include <utility>

namespace duskline::publish {
namespace {

// The place of a chunk whose frame is not made yet.
constexpr pack::ChunkPlace claimed{UINT32_MAX - 1, 0};
// A pack of very small files is closed before the list of what is in it outgrows the pack.
constexpr std::size_t max_pack_chunks = 128 << 10;

}  // namespace

bool ChunkTable::claim(const Hash256& chunk) {
  const std::lock_guard lock(mutex_);
  return index_.add(chunk, claimed);
}

Status ChunkTable::commit(const NewFrame& frame) {
  const auto number = static_cast<std::uint32_t>(open_.frames.size());
  model::Frame placed;
  placed.offset_bytes = builder_.append(frame.stored);
  placed.stored_bytes = frame.stored.size();
  placed.raw_bytes = frame.raw_bytes;
  placed.codec = frame.codec;
  open_.frames.push_back(placed);
  for (const auto& [chunk, offset] : frame.chunks) open_.chunks.push_back({chunk, number, offset});
  new_raw_bytes_ += frame.raw_bytes;
  if (builder_.is_full() || open_.chunks.size() >= max_pack_chunks) return end_pack();
  return {};
}

Status ChunkTable::end_pack() {
  pack::PackBuilder::Pack pack = builder_.finish();
  PackContents contents = std::exchange(open_, {});
  contents.pack = pack.hash;
  contents.size_bytes = pack.bytes.size();
  place(contents);
  return sink_.put(std::move(pack), std::move(contents));
}

void ChunkTable::place(const PackContents& contents) {
  const std::lock_guard lock(mutex_);
  const std::uint32_t pack = index_.add_pack(contents.pack);
  std::uint32_t first = 0;
  for (std::size_t i = 0; i < contents.frames.size(); ++i) {
    model::Frame frame = contents.frames[i];
    frame.pack = pack;
    const std::uint32_t number = index_.add_frame(frame);
    if (i == 0) first = number;
  }
  for (const PackContents::ChunkAt& at : contents.chunks) index_.move(at.chunk, {first + at.frame, at.offset_bytes});
}

void ChunkTable::add_known(const PackContents& contents) { place(contents); }

Status ChunkTable::finish() {
  if (!builder_.is_empty()) DL_TRY(end_pack());
  return sink_.finish();
}

}  // namespace duskline::publish
