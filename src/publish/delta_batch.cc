#include "publish/delta_batch.h"

#include <algorithm>
#include <utility>

#include "publish/read.h"

namespace duskline::publish {
namespace {

constexpr std::uint64_t max_cached_bytes = 24 << 20;
// What a patch costs in the delta's index: its frame and range.
constexpr double index_bytes_per_patch = 24;
// A frame of which patches make less than this part is fetched whole: to patch it would mean to store the rest of it
// twice.
constexpr double least_patched_part = 0.25;
constexpr std::uint64_t loose_bytes = 1 << 20;

double share_of(const NewChunk& chunk) {
  if (chunk.frame.raw_bytes == 0) return 0;
  return static_cast<double>(chunk.frame.stored_bytes) * static_cast<double>(chunk.chunk.length_bytes) /
         static_cast<double>(chunk.frame.raw_bytes);
}

std::pair<Hash256, std::uint64_t> frame_key(const NewChunk& chunk) { return {chunk.pack, chunk.frame.offset_bytes}; }

Hash256 cache_key(std::span<const NewChunk> chunks, const model::BaseRange& base, const Hash256& old_content,
                  pack::Effort effort) {
  Bytes bytes;
  ByteWriter write(bytes);
  write.raw(old_content.bytes);
  write.varint(base.offset_bytes);
  write.varint(base.length_bytes);
  write.u8(static_cast<std::uint8_t>(effort));
  for (const NewChunk& chunk : chunks) write.raw(chunk.chunk.hash.bytes);
  return sha256(bytes);
}

}  // namespace

const Bytes* PatchCache::find(const Hash256& key) const {
  const auto found = patches_.find(key);
  return found == patches_.end() ? nullptr : &found->second;
}

void PatchCache::add(const Hash256& key, const Bytes& patch) {
  if (is_closed_ || bytes_ + patch.size() > max_cached_bytes) return;
  if (patches_.emplace(key, patch).second) bytes_ += patch.size();
}

std::uint64_t DeltaBatch::bytes_from(std::size_t first) const {
  std::uint64_t bytes = 0;
  for (std::size_t i = first; i < chunks_.size(); ++i) bytes += chunks_[i].chunk.length_bytes;
  return bytes;
}

void DeltaBatch::add(NewChunk chunk) {
  if (paths_.empty() || paths_.back() != path_) paths_.push_back(path_);
  chunk.file = static_cast<std::uint32_t>(paths_.size() - 1);
  bytes_ += chunk.chunk.length_bytes;
  chunks_.push_back(std::move(chunk));
  patch_of_.push_back(nullptr);
}

std::span<const NewChunk> DeltaBatch::chunks_of(const Patch& patch) const {
  return std::span(chunks_).subspan(patch.first, patch.last - patch.first);
}

// From the source, where they still are what was published; else false.
Result<bool> DeltaBatch::read_new(std::span<const NewChunk> chunks, Bytes& out) {
  std::unique_ptr<disk::File> file;
  std::uint32_t open_file = UINT32_MAX;
  for (const NewChunk& chunk : chunks) {
    if (chunk.file != open_file) {
      auto opened = from_.source.open_read(paths_[chunk.file]);
      if (!opened) return false;
      file = std::move(*opened);
      open_file = chunk.file;
    }
    const std::size_t begin = out.size();
    out.resize(begin + static_cast<std::size_t>(chunk.chunk.length_bytes));
    const ByteSpan room = ByteSpan(out).subspan(begin);
    if (!read_exactly(*file, chunk.offset_bytes, room, paths_[chunk.file])) return false;
    if (sha256(room) != chunk.chunk.hash) return false;
  }
  return true;
}

Status DeltaBatch::try_patch(const Op& op, std::size_t first, const model::BaseRange& base,
                             const release::DirectoryCursor::Item& old_file, pack::Effort effort) {
  if (first == chunks_.size() || base.length_bytes == 0) return {};
  auto patch = std::make_unique<Patch>();
  patch->first = first;
  patch->last = chunks_.size();
  patch->base = base;
  patch->job->effort = effort;
  patch->key = cache_key(chunks_of(*patch), base, old_file.entry->content, effort);
  if (const Bytes* known = from_.cache.find(patch->key)) {
    patch->job->patch = *known;
  } else {
    const std::uint64_t raw_bytes = bytes_from(first);
    DL_ASSIGN(auto room, from_.workers.reserve(base.length_bytes, raw_bytes));
    patch->job->raw.reserve(static_cast<std::size_t>(raw_bytes));
    DL_ASSIGN(const bool is_there, read_new(chunks_of(*patch), patch->job->raw));
    if (!is_there) return {};
    patch->job->base.reserve(static_cast<std::size_t>(base.length_bytes));
    BufferSink sink(patch->job->base, base.length_bytes);
    if (!from_.earlier.read(op, old_file, base.offset_bytes, base.length_bytes, sink)) return op.check();
    if (patch->job->base.size() != base.length_bytes) return {};
    DL_TRY(from_.workers.submit(patch->job, std::move(room)));
  }
  for (std::size_t i = patch->first; i < patch->last; ++i) patch_of_[i] = patch.get();
  patches_.push_back(std::move(patch));
  return {};
}

void DeltaBatch::choose() {
  for (const NewChunk& chunk : chunks_) frames_[frame_key(chunk)].share += share_of(chunk);
  for (const auto& patch : patches_) {
    double share = 0;
    for (const NewChunk& chunk : chunks_of(*patch)) share += share_of(chunk);
    patch->is_kept = static_cast<double>(patch->job->patch.size()) + index_bytes_per_patch < share;
    if (!patch->is_kept) continue;
    for (const NewChunk& chunk : chunks_of(*patch)) frames_[frame_key(chunk)].patched += share_of(chunk);
  }
  for (const auto& patch : patches_) {
    patch->is_kept = patch->is_kept && std::ranges::any_of(chunks_of(*patch), [&](const NewChunk& chunk) {
                       const FrameUse& use = frames_[frame_key(chunk)];
                       return use.patched >= least_patched_part * use.share;
                     });
  }
}

Status DeltaBatch::write_patches() {
  std::vector<model::Chunk> made;
  for (const auto& patch : patches_) {
    if (!patch->is_kept) continue;
    made.clear();
    std::uint64_t raw_bytes = 0;
    for (const NewChunk& chunk : chunks_of(*patch)) {
      made.push_back(chunk.chunk);
      raw_bytes += chunk.chunk.length_bytes;
      saved_bytes_ += share_of(chunk);
    }
    DL_TRY(writer_.add_patch(patch->base, patch->job->patch, raw_bytes, made));
    from_.cache.add(patch->key, patch->job->patch);
  }
  return {};
}

Status DeltaBatch::write_place(const NewChunk& chunk) {
  return writer_.add_pack_place(chunk.chunk.hash, chunk.pack, chunk.frame, chunk.offset_in_frame);
}

// What no patch makes. Where the rest of its frame is patched it is stored here once more, so that nobody has to fetch
// a frame for one chunk in it.
Status DeltaBatch::write_rest() {
  std::vector<Loose> loose;
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    if (patch_of_[i] != nullptr && patch_of_[i]->is_kept) continue;
    const FrameUse& use = frames_[frame_key(chunks_[i])];
    if (use.patched < least_patched_part * use.share) {
      DL_TRY(write_place(chunks_[i]));
    } else {
      DL_TRY(add_loose(chunks_[i], loose));
    }
  }
  if (!loose.empty()) DL_TRY(submit_loose(loose.back()));
  DL_TRY(from_.workers.wait());
  for (const Loose& frame : loose) DL_TRY(writer_.add_patch({}, frame.job->patch, frame.raw_bytes, frame.chunks));
  return {};
}

Status DeltaBatch::add_loose(const NewChunk& chunk, std::vector<Loose>& loose) {
  Bytes bytes;
  DL_ASSIGN(const bool is_there, read_new(std::span(&chunk, 1), bytes));
  if (!is_there) return write_place(chunk);
  if (loose.empty() || loose.back().raw_bytes + bytes.size() > loose_bytes) {
    if (!loose.empty()) DL_TRY(submit_loose(loose.back()));
    loose.emplace_back();
  }
  Loose& frame = loose.back();
  frame.job->raw.insert(frame.job->raw.end(), bytes.begin(), bytes.end());
  frame.raw_bytes += bytes.size();
  frame.chunks.push_back(chunk.chunk);
  saved_bytes_ += share_of(chunk);
  return {};
}

Status DeltaBatch::submit_loose(const Loose& frame) {
  DL_ASSIGN(auto room, from_.workers.reserve(0, frame.raw_bytes));
  return from_.workers.submit(frame.job, std::move(room));
}

Status DeltaBatch::finish() {
  DL_TRY(from_.workers.wait());
  choose();
  DL_TRY(write_patches());
  DL_TRY(write_rest());
  paths_.clear();
  chunks_.clear();
  patches_.clear();
  patch_of_.clear();
  frames_.clear();
  bytes_ = 0;
  return {};
}

}  // namespace duskline::publish
