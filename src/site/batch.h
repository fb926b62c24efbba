// A bounded piece of a pull's plan: which stored bytes make which pieces of which files. Pure bookkeeping.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "model/place.h"
#include "site/assemble.h"

namespace duskline::site {

// Where chunks may come from, cheapest first. What fails in one is looked for in the next.
enum class Supply : std::uint8_t { local, delta, packs };

// One chunk on its way to one place in one file.
struct Piece {
  Hash256 hash;
  std::uint32_t length_bytes = 0;
  std::uint32_t offset_in_frame = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t node = 0;         // in the new tree, to find another supply
  std::uint32_t place = 0;        // among the node's places
  std::uint32_t file = 0;         // index into Batch::files
  Supply supply = Supply::packs;  // who said where it lies: the manifest is the last to be asked
};

// A frame of an object in the store.
struct FrameRef {
  std::uint32_t object = 0;  // as numbered by the Fetcher
  std::uint64_t offset_bytes = 0, stored_bytes = 0, raw_bytes = 0;
  model::Codec codec = model::Codec::raw;
  const model::BaseRange* base = nullptr;  // zstd_patch; lives as long as the pull
  bool operator==(const FrameRef&) const = default;
};

// Stored bytes that are decoded alone: a frame, or a part of a raw one.
struct Part {
  FrameRef stored;
  std::uint32_t first_piece = 0, pieces = 0;  // in Batch::pieces
  [[nodiscard]] std::uint64_t end() const { return stored.offset_bytes + stored.stored_bytes; }
};

// One request: neighbouring parts of one object.
struct RangeJob {
  std::uint32_t object = 0;
  std::uint64_t offset_bytes = 0, length_bytes = 0;
  std::uint32_t first_part = 0, parts = 0;  // in Batch::parts
};

struct LocalPlace {
  std::uint32_t file = 0;  // in LocalFiles
  std::uint64_t offset_bytes = 0;
};

// A piece that lies in a local file.
struct Copy {
  LocalPlace from;
  Piece piece;
};

class Batch {
 public:
  std::uint32_t add_file(std::shared_ptr<OutFile> file);
  // `piece.offset_in_frame` and `length_bytes` must lie within the frame: Code::invalid otherwise.
  Status add_remote(const FrameRef& frame, const Piece& piece);
  void add_copy(const Copy& copy);

  [[nodiscard]] bool is_empty() const { return wants_.empty() && copies.empty() && files.empty(); }
  [[nodiscard]] std::size_t pieces_planned() const { return wants_.size() + copies.size(); }
  [[nodiscard]] std::uint64_t raw_bytes() const { return raw_bytes_; }

  // Sorts what was added into parts and jobs; no more is added afterwards. Ranges less than `max_gap_bytes` apart share
  // a request; one request asks for at most about `max_job_bytes`, which is lowered (but not below `min_job_bytes`) so
  // that `workers` requests can run side by side all the time. Towards the end they shrink: connections differ in
  // speed, and the slowest should not be left with much when the others have nothing to do.
  struct Shape {
    std::uint64_t max_gap_bytes = 128 << 10, min_job_bytes = 256 << 10, max_job_bytes = 16 << 20;
    unsigned workers = 8;
  };
  void arrange(const Shape& shape);

  std::vector<std::shared_ptr<OutFile>> files;
  std::vector<Copy> copies;  // sorted by arrange(): by source file and offset
  std::vector<Piece> pieces;
  std::vector<Part> parts;
  std::vector<RangeJob> jobs;

  // While it is carried out.
  std::atomic<unsigned> taken_over = 0;  // parts of requests, by other requests
  void begin(std::size_t tasks);
  void end_task();
  void fail(const Piece& piece);
  std::vector<Piece> wait(const std::stop_token& stop);  // for all tasks, or for the stop; the failed pieces

 private:
  struct Want {
    std::uint32_t frame;
    Piece piece;
  };
  struct FrameHash {
    std::size_t operator()(const FrameRef& frame) const {
      return (frame.offset_bytes * 0x9E3779B97F4A7C15ULL) ^ (std::size_t{frame.object} << 40);
    }
  };
  void make_parts();
  void add_raw_parts(const FrameRef& frame, std::size_t first, std::size_t last);
  void make_jobs(const Shape& shape);
  std::vector<Want> wants_;
  std::vector<FrameRef> frames_;
  std::unordered_map<FrameRef, std::uint32_t, FrameHash> known_frames_;
  std::uint64_t raw_bytes_ = 0;

  std::mutex mutex_;
  std::condition_variable_any ended_;
  std::size_t tasks_left_ = 0;
  std::vector<Piece> failed_;
};

}  // namespace duskline::site
