// Decides for every chunk of a file where it is taken from, cheapest first, and has it brought there in bounded
// batches.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/op.h"
#include "release/node_source.h"
#include "site/assemble.h"
#include "site/batch.h"
#include "site/fetch.h"
#include "site/local_chunks.h"
#include "site/meter.h"
#include "site/new_tree.h"

namespace duskline::site {

// dry_run: counts what would be asked for, and touches no file.
enum class Carrying : std::uint8_t { out, dry_run };

struct ChunkPlannerParts {
  NewTree& tree;
  LocalFiles& local;
  const LocalChunks& chunks;
  std::vector<std::uint64_t> repeated;  // sorted keys of chunks that the plan needs more than once
  std::uint32_t staged_source = 0;      // of the tree that is being staged, in `local`
  Fetcher& fetcher;
  Assembler& assembler;
  Meter& meter;
  Carrying carrying = Carrying::out;
  unsigned workers = 8;
};

// One thread. Two batches are carried out while the next is planned.
class ChunkPlanner {
 public:
  ChunkPlanner(const Op& op, ChunkPlannerParts parts) : op_(op), parts_(std::move(parts)) {}
  ~ChunkPlanner();
  ChunkPlanner(const ChunkPlanner&) = delete;
  ChunkPlanner& operator=(const ChunkPlanner&) = delete;

  // Plans all of a file; it is complete at the latest after finish(). `same` is a local file that is expected to hold
  // the bytes at the same places; `left` is what an earlier run staged.
  struct Hints {
    std::optional<std::uint32_t> same;
    disk::File* left = nullptr;
  };
  Status add_file(const release::DirectoryCursor::Item& item, std::shared_ptr<OutFile> file, const Hints& hints);
  // So many bytes of a file were found staged already.
  void resumed(std::uint64_t bytes);
  // A hard link between two names of the staged tree, made once `existing` is there.
  Status link_later(std::string existing, std::string path);
  Status finish();

 private:
  struct Repeat {
    LocalPlace place;
    std::uint64_t batch;
  };
  struct Running {
    std::unique_ptr<Batch> batch;
    std::vector<std::pair<std::string, std::string>> links;
  };
  Status plan(Piece piece, const Hints& hints, Supply from);
  Status plan_remote(Piece piece, Supply from);
  std::optional<LocalPlace> local_place(const Piece& piece, const Hints& hints);
  void note_repeat(const Piece& piece, std::optional<std::uint32_t>& staged_file, const OutFile& file);
  FrameRef frame_of(const Located& located);
  Status dispatch();
  Status drain_first();
  Status try_again(Batch& batch, std::vector<Piece> failed);
  Status make_links(const std::vector<std::pair<std::string, std::string>>& links);
  Status count_only(Batch& batch);

  const Op& op_;
  ChunkPlannerParts parts_;
  std::unique_ptr<Batch> batch_;
  std::vector<std::pair<std::string, std::string>> links_;
  std::deque<Running> running_;
  std::uint64_t batch_number_ = 0;
  bool needs_earlier_ = false;  // the batch copies from what earlier ones bring
  std::unordered_map<std::uint64_t, Repeat> repeats_;
};

// Whether `file` holds exactly these bytes at `offset`. Any failure to read counts as no.
[[nodiscard]] bool holds_chunk(disk::File& file, std::uint64_t offset, const model::Chunk& chunk, Bytes& buffer);

}  // namespace duskline::site
