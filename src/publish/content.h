// From a file's bytes to hashes, chunks and frames: the part of publishing that costs time, done by workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/op.h"
#include "model/tree.h"
#include "pack/chunker.h"
#include "pack/frame.h"
#include "publish/chunk_table.h"
#include "publish/read.h"

namespace duskline::publish {

// Files up to this size are read whole by one worker; longer ones are streamed.
inline constexpr std::uint64_t max_whole_read_bytes = 4 << 20;

// What a worker needs for itself, kept from one job to the next.
struct Workbench {
  explicit Workbench(pack::Effort effort) : encoder(effort) {}
  pack::FrameEncoder encoder;
  std::unique_ptr<std::uint8_t[]> bytes;  // not cleared, unlike a vector's
  std::size_t size = 0;
  // The first `count` bytes stay as they are, room for `more` follows.
  ByteSpan room(std::size_t count, std::size_t more);
};

class Workbenches {
 public:
  explicit Workbenches(pack::Effort effort) : effort_(effort) {}
  std::unique_ptr<Workbench> take();
  void give_back(std::unique_ptr<Workbench> bench);

 private:
  const pack::Effort effort_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workbench>> free_;
};

enum class ReadAttributes : std::uint8_t { no, yes };

// One unit of work, and its results once `is_done`.
class Job {
 public:
  virtual ~Job() = default;
  virtual Status run(const Op& op, Workbench& bench) = 0;

  std::vector<NewFrame> frames;
  std::uint64_t weight_bytes = 0;  // of memory that it holds from submission to commit, at most
  Status status;
  bool is_submitted = false;
  bool is_committed = false;
  std::atomic<bool> is_done = false;
};

// Files that are read whole: small ones share a frame, of the others each has its own.
class FilesJob final : public Job {
 public:
  FilesJob(ChunkTable& chunks, Clock& clock, ReadAttributes attributes)
      : chunks_(chunks), clock_(clock), attributes_(attributes) {}

  struct Outcome {
    disk::Stat stat;
    Hash256 content;
    std::vector<model::Chunk> chunks;  // as an entry's: empty for a file of one chunk
    std::vector<model::Attribute> attributes;
  };
  std::vector<SourceFile> files;
  std::vector<Outcome> outcomes;  // one for each file
  std::uint64_t bytes = 0;        // of the files, as listed

  Status run(const Op& op, Workbench& bench) override;

 private:
  Status read_one(const Op& op, Workbench& bench, const SourceFile& file);
  void take_small(Workbench& bench, ByteView data, Outcome& outcome);
  void end_group(Workbench& bench);

  ChunkTable& chunks_;
  Clock& clock_;
  const ReadAttributes attributes_;
  NewFrame group_;
};

// Some consecutive bytes of a long file, already cut; holes have no bytes here.
class PieceJob final : public Job {
 public:
  explicit PieceJob(ChunkTable& table) : table_(table) {}
  std::vector<model::Chunk> chunks;  // lengths given, hashes filled in
  std::unique_ptr<std::uint8_t[]> data;
  Status run(const Op& op, Workbench& bench) override;

 private:
  ChunkTable& table_;
};

// Appends to `chunks` the lengths of the chunks of `data`, which ends where the file's data does.
void cut_all(ByteView data, const pack::ChunkSizes& sizes, std::vector<model::Chunk>& chunks);

// Hashes the chunks of `data`, and makes frames of those that the store lacks.
void make_frames(ByteView data, std::vector<model::Chunk>& chunks, ChunkTable& table, pack::FrameEncoder& encoder,
                 std::vector<NewFrame>& frames);

}  // namespace duskline::publish
