#include "publish/content.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "publish/scan.h"

namespace duskline::publish {

ByteSpan Workbench::room(std::size_t count, std::size_t more) {
  if (count + more > size) {
    const std::size_t enough = std::max(count + more, pack::group_bytes + pack::whole_file_bytes);
    auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(enough);
    if (count > 0) std::memcpy(larger.get(), bytes.get(), count);
    bytes = std::move(larger);
    size = enough;
  }
  return {bytes.get() + count, more};
}

std::unique_ptr<Workbench> Workbenches::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto bench = std::move(free_.back());
      free_.pop_back();
      return bench;
    }
  }
  return std::make_unique<Workbench>(effort_);
}

void Workbenches::give_back(std::unique_ptr<Workbench> bench) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(bench));
}

Status FilesJob::run(const Op& op, Workbench& bench) {
  outcomes.reserve(files.size());
  for (const SourceFile& file : files) DL_TRY(read_one(op, bench, file));
  end_group(bench);
  return {};
}

Status FilesJob::read_one(const Op& op, Workbench& bench, const SourceFile& file) {
  Outcome& outcome = outcomes.emplace_back();
  ByteSpan data;
  const auto read = [&](disk::File& opened, const disk::Stat& before) -> Status {
    if (before.size_bytes > max_whole_read_bytes) return changed_while_read(file.path, "grew while it was read");
    const auto size = static_cast<std::size_t>(before.size_bytes);
    data = bench.room(group_.raw_bytes, size);
    if (size > 0) DL_TRY(read_exactly(opened, 0, data, file.path));
    if (attributes_ == ReadAttributes::yes) {
      DL_ASSIGN(outcome.attributes, opened.attributes());
      DL_TRY(check_attributes(outcome.attributes, file.path));
    }
    return {};
  };
  DL_ASSIGN(outcome.stat, read_stable(op, file, clock_, read));
  if (data.size() <= pack::whole_file_bytes) {
    take_small(bench, data, outcome);
    return {};
  }
  outcome.content = sha256(data);
  cut_all(data, pack::chunk_sizes_for(data.size()), outcome.chunks);
  make_frames(data, outcome.chunks, chunks_, bench.encoder, frames);
  return {};
}

// The bytes already lie where the group's frame needs them; the next file overwrites them if they are not new.
void FilesJob::take_small(Workbench& bench, ByteView data, Outcome& outcome) {
  outcome.content = sha256(data);
  if (data.empty() || !chunks_.claim(outcome.content)) return;
  group_.chunks.emplace_back(outcome.content, static_cast<std::uint32_t>(group_.raw_bytes));
  group_.raw_bytes += data.size();
  if (group_.raw_bytes >= pack::group_bytes) end_group(bench);
}

void FilesJob::end_group(Workbench& bench) {
  if (group_.raw_bytes == 0) return;
  group_.codec = bench.encoder.encode({bench.bytes.get(), static_cast<std::size_t>(group_.raw_bytes)}, group_.stored);
  frames.push_back(std::exchange(group_, {}));
}

Status PieceJob::run(const Op& op, Workbench& bench) {
  DL_TRY(op.check());
  std::uint64_t size = 0;
  for (const model::Chunk& chunk : chunks) size += chunk.length_bytes;
  make_frames({data.get(), static_cast<std::size_t>(size)}, chunks, table_, bench.encoder, frames);
  data.reset();
  return {};
}

void cut_all(ByteView data, const pack::ChunkSizes& sizes, std::vector<model::Chunk>& chunks) {
  while (!data.empty()) {
    const std::size_t length = pack::next_chunk(data, sizes);
    chunks.push_back({{}, length});
    data = data.subspan(length);
  }
}

void make_frames(ByteView data, std::vector<model::Chunk>& chunks, ChunkTable& table, pack::FrameEncoder& encoder,
                 std::vector<NewFrame>& frames) {
  NewFrame frame;  // of the bytes [begin, begin + frame.raw_bytes)
  std::size_t begin = 0, at = 0;
  const auto end_frame = [&] {
    if (frame.raw_bytes == 0) return;
    frame.codec = encoder.encode(data.subspan(begin, static_cast<std::size_t>(frame.raw_bytes)), frame.stored);
    frames.push_back(std::exchange(frame, {}));
  };
  for (model::Chunk& chunk : chunks) {
    const ByteView bytes = data.subspan(at, static_cast<std::size_t>(chunk.length_bytes));
    chunk.hash = sha256(bytes);
    const bool is_new = table.claim(chunk.hash);
    if (!is_new || frame.raw_bytes + bytes.size() > pack::large_file_frame_bytes) end_frame();
    if (is_new) {
      if (frame.raw_bytes == 0) begin = at;
      frame.chunks.emplace_back(chunk.hash, static_cast<std::uint32_t>(frame.raw_bytes));
      frame.raw_bytes += bytes.size();
    }
    at += bytes.size();
  }
  end_frame();
}

}  // namespace duskline::publish
