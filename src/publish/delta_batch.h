// Some new chunks of a release and the patches that may make them, worked on together.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/op.h"
#include "disk/filesystem.h"
#include "publish/patch_workers.h"
#include "release/content.h"
#include "release/delta_object.h"
#include "release/manifest.h"

namespace duskline::publish {

// A chunk that the earlier release has nowhere, where it lies in its new file, and where in a pack.
struct NewChunk {
  model::Chunk chunk;
  std::uint64_t offset_bytes = 0;  // in the file
  Hash256 pack;
  model::Frame frame;
  std::uint32_t offset_in_frame = 0;
  std::uint32_t file = 0;  // index into the batch's paths
};

// Patches made for one earlier release serve the next where the old file is the same. Bounded.
class PatchCache {
 public:
  [[nodiscard]] const Bytes* find(const Hash256& key) const;
  void add(const Hash256& key, const Bytes& patch);
  void close() { is_closed_ = true; }  // no release comes that could use more

 private:
  std::unordered_map<Hash256, Bytes> patches_;
  std::uint64_t bytes_ = 0;
  bool is_closed_ = false;
};

struct PatchSources {
  disk::Directory& source;          // new bytes
  release::ContentReader& earlier;  // old bytes
  PatchWorkers& workers;
  PatchCache& cache;
};

class DeltaBatch {
 public:
  DeltaBatch(const PatchSources& from, release::DeltaWriter& writer) : from_(from), writer_(writer) {}

  // The new file that chunks are of from now on.
  void begin_file(std::string_view path) { path_ = path; }
  void add(NewChunk chunk);
  [[nodiscard]] std::size_t size() const { return chunks_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t bytes_from(std::size_t first) const;
  // The chunks from `first` on may be made from a range of an old file. `old_file` must come from the earlier
  // release's manifest. Old or new bytes that cannot be read any more just mean no patch.
  Status try_patch(const Op& op, std::size_t first, const model::BaseRange& base,
                   const release::DirectoryCursor::Item& old_file, pack::Effort effort);
  // What the packs would have cost for all chunks that patches made, so far.
  [[nodiscard]] double saved_bytes() const { return saved_bytes_; }
  // Waits for the patches, decides, and writes what was decided. The batch is empty after this.
  Status finish();

 private:
  struct Patch {
    std::size_t first = 0, last = 0;  // chunks
    model::BaseRange base;
    Hash256 key;
    std::shared_ptr<PatchJob> job = std::make_shared<PatchJob>();
    bool is_kept = false;
  };
  struct Loose {
    std::vector<model::Chunk> chunks;
    std::uint64_t raw_bytes = 0;
    std::shared_ptr<PatchJob> job = std::make_shared<PatchJob>();
  };
  struct FrameUse {
    double share = 0, patched = 0;  // of its stored bytes: needed, and made by patches
  };
  using FrameKey = std::pair<Hash256, std::uint64_t>;
  [[nodiscard]] std::span<const NewChunk> chunks_of(const Patch& patch) const;
  Result<bool> read_new(std::span<const NewChunk> chunks, Bytes& out);
  Status submit_loose(const Loose& frame);
  void choose();
  Status write_patches();
  Status write_rest();
  Status add_loose(const NewChunk& chunk, std::vector<Loose>& loose);
  Status write_place(const NewChunk& chunk);

  const PatchSources from_;
  release::DeltaWriter& writer_;
  std::string path_;
  std::vector<std::string> paths_;
  std::vector<NewChunk> chunks_;
  std::vector<std::unique_ptr<Patch>> patches_;
  std::vector<const Patch*> patch_of_;  // of each chunk, or null
  std::map<FrameKey, FrameUse> frames_;
  std::uint64_t bytes_ = 0;
  double saved_bytes_ = 0;
};

}  // namespace duskline::publish
