#include "site/chunk_planner.h"

#include <algorithm>
#include <utility>

#include "base/units.h"

namespace duskline::site {
namespace {

constexpr std::size_t max_batch_pieces = 32 << 10;
constexpr std::uint64_t max_batch_bytes = 256 << 20;
constexpr std::size_t max_running = 2;

// What an earlier run left of a file, without reading where nothing was written yet.
class LeftFile {
 public:
  explicit LeftFile(disk::File* file) : file_(file) {}
  bool holds(std::uint64_t offset, const model::Chunk& chunk) {
    if (file_ == nullptr || offset < data_begins_) return false;
    if (offset >= data_ends_) {
      const auto next = file_->next_data(offset);
      if (!next || !*next) {
        file_ = nullptr;
        return false;
      }
      data_begins_ = (*next)->offset_bytes;
      data_ends_ = data_begins_ + (*next)->length_bytes;
      if (offset < data_begins_) return false;
    }
    return holds_chunk(*file_, offset, chunk, buffer_);
  }

 private:
  disk::File* file_;
  std::uint64_t data_begins_ = 0, data_ends_ = 0;
  Bytes buffer_;
};

}  // namespace

bool holds_chunk(disk::File& file, std::uint64_t offset, const model::Chunk& chunk, Bytes& buffer) {
  buffer.resize(chunk.length_bytes);
  const auto got = file.read_at(offset, buffer);
  return got && *got == buffer.size() && sha256(buffer) == chunk.hash;
}

// Threads may still be at work on the batches after an error elsewhere.
ChunkPlanner::~ChunkPlanner() {
  if (!running_.empty()) parts_.fetcher.abandon();
}

Status ChunkPlanner::add_file(const release::DirectoryCursor::Item& item, std::shared_ptr<OutFile> file,
                              const Hints& hints) {
  LeftFile left(hints.left);
  std::optional<std::uint32_t> staged_file;
  const Batch* holder = nullptr;
  std::uint32_t number = 0;
  const auto add_chunk = [&](const model::Chunk& chunk, std::uint64_t offset, std::uint64_t node,
                             std::uint32_t place) -> Status {
    if (chunk.is_hole()) return {};
    if (left.holds(offset, chunk)) {
      resumed(chunk.length_bytes);
      return {};
    }
    if (!batch_) batch_ = std::make_unique<Batch>();
    if (holder != batch_.get()) {
      holder = batch_.get();
      number = batch_->add_file(file);
    }
    Piece piece;
    piece.hash = chunk.hash;
    piece.length_bytes = static_cast<std::uint32_t>(chunk.length_bytes);
    piece.file_offset = offset;
    piece.node = node;
    piece.place = place;
    piece.file = number;
    file->expect_piece();
    DL_TRY(plan(piece, hints, Supply::local));
    note_repeat(piece, staged_file, *file);
    const bool is_full = batch_->pieces_planned() >= max_batch_pieces || batch_->raw_bytes() >= max_batch_bytes;
    return is_full ? dispatch() : Status{};
  };
  Status status = release::for_each_chunk(op_, parts_.tree.record(), item, add_chunk);
  if (!status) return wrap(std::move(status).error(), "plan \"" + printable(file->plan().path()) + "\"");
  return parts_.carrying == Carrying::out ? parts_.assembler.done(*file) : Status{};
}

void ChunkPlanner::resumed(std::uint64_t bytes) {
  parts_.meter.resumed += bytes;
  parts_.meter.add_content(bytes, parts_.assembler.files_completed());
}

Status ChunkPlanner::plan(Piece piece, const Hints& hints, Supply from) {
  if (const auto place = local_place(piece, hints)) {
    piece.supply = Supply::local;
    batch_->add_copy({*place, piece});
    return {};
  }
  return plan_remote(piece, from);
}

std::optional<LocalPlace> ChunkPlanner::local_place(const Piece& piece, const Hints& hints) {
  if (const auto place = parts_.chunks.find(piece.hash)) return place;
  if (hints.same) return LocalPlace{*hints.same, piece.file_offset};
  const auto repeat = repeats_.find(piece.hash.prefix64());
  if (repeat == repeats_.end() || repeat->second.batch == batch_number_) return std::nullopt;
  needs_earlier_ = true;
  return repeat->second.place;
}

Status ChunkPlanner::plan_remote(Piece piece, Supply from) {
  if (from <= Supply::delta) {
    if (const auto located = parts_.tree.in_delta(piece.hash)) {
      piece.supply = Supply::delta;
      piece.offset_in_frame = located->offset_in_frame;
      if (batch_->add_remote(frame_of(*located), piece)) return {};
    }
  }
  piece.supply = Supply::packs;
  DL_ASSIGN(const Located located, parts_.tree.in_packs(op_, piece.node, piece.place));
  piece.offset_in_frame = located.offset_in_frame;
  return batch_->add_remote(frame_of(located), piece);
}

FrameRef ChunkPlanner::frame_of(const Located& located) {
  FrameRef frame;
  frame.offset_bytes = located.frame.offset_bytes;
  frame.stored_bytes = located.frame.stored_bytes;
  frame.raw_bytes = located.frame.raw_bytes;
  frame.codec = located.frame.codec;
  if (located.pack) {
    frame.object = parts_.fetcher.pack(*located.pack);
  } else {
    const release::DeltaIndex& delta = *parts_.tree.delta();
    frame.object = parts_.fetcher.delta(delta.from, delta.to);
    if (frame.codec == model::Codec::zstd_patch) frame.base = &delta.table.bases[located.frame.base];
  }
  return frame;
}

// The first place of a chunk that the plan needs again, so that it need not be fetched again.
void ChunkPlanner::note_repeat(const Piece& piece, std::optional<std::uint32_t>& staged_file, const OutFile& file) {
  const std::uint64_t key = piece.hash.prefix64();
  if (!std::ranges::binary_search(parts_.repeated, key) || repeats_.contains(key)) return;
  if (!staged_file) staged_file = parts_.local.add_file(parts_.staged_source, file.plan().path());
  repeats_.emplace(key, Repeat{{*staged_file, piece.file_offset}, batch_number_});
}

Status ChunkPlanner::link_later(std::string existing, std::string path) {
  if (parts_.carrying == Carrying::dry_run) return {};
  if (!batch_) batch_ = std::make_unique<Batch>();
  links_.emplace_back(std::move(existing), std::move(path));
  return links_.size() >= max_batch_pieces ? dispatch() : Status{};
}

Status ChunkPlanner::dispatch() {
  ++batch_number_;
  std::unique_ptr<Batch> batch = std::move(batch_);
  Batch::Shape shape;
  shape.workers = parts_.workers;
  batch->arrange(shape);
  if (parts_.carrying == Carrying::dry_run) return count_only(*batch);
  while (!running_.empty() && (needs_earlier_ || running_.size() >= max_running)) DL_TRY(drain_first());
  needs_earlier_ = false;
  running_.push_back({std::move(batch), std::exchange(links_, {})});
  return parts_.fetcher.start(*running_.back().batch);
}

Status ChunkPlanner::count_only(Batch& batch) {
  for (const RangeJob& job : batch.jobs) {
    ++parts_.meter.planned_requests;
    (parts_.fetcher.is_delta(job.object) ? parts_.meter.deltas : parts_.meter.packs) += job.length_bytes;
  }
  for (const Copy& copy : batch.copies) {
    const Origin origin = parts_.local.origin_of(copy.from.file);
    (origin == Origin::seed ? parts_.meter.seeds : parts_.meter.local) += copy.piece.length_bytes;
  }
  return {};
}

Status ChunkPlanner::drain_first() {
  Running first = std::move(running_.front());
  running_.pop_front();
  DL_ASSIGN(auto failed, parts_.fetcher.wait(*first.batch));
  if (!failed.empty()) DL_TRY(try_again(*first.batch, std::move(failed)));
  return make_links(first.links);
}

// What a local file or the delta did not yield after all is looked for in the next supply, at most twice.
Status ChunkPlanner::try_again(Batch& batch, std::vector<Piece> failed) {
  std::vector<std::shared_ptr<OutFile>> files = batch.files;
  for (int round = 0; !failed.empty(); ++round) {
    if (round > 2) return Error{Code::internal, "chunks failed in every supply without an error"};
    auto planned_next = std::exchange(batch_, std::make_unique<Batch>());
    batch_->files = files;
    Status status;
    for (const Piece& piece : failed) {
      status = plan_remote(piece, piece.supply == Supply::local ? Supply::delta : Supply::packs);
      if (!status) break;
    }
    const auto again = std::exchange(batch_, std::move(planned_next));
    DL_TRY(std::move(status));
    Batch::Shape shape;
    shape.workers = parts_.workers;
    again->arrange(shape);
    DL_TRY(parts_.fetcher.start(*again));
    DL_ASSIGN(failed, parts_.fetcher.wait(*again));
  }
  return {};
}

Status ChunkPlanner::make_links(const std::vector<std::pair<std::string, std::string>>& links) {
  disk::Directory& root = parts_.assembler.tree().root();
  for (const auto& [existing, path] : links) {
    DL_TRY(op_.check());
    DL_TRY(root.remove_file(path, disk::Missing::is_absent));
    DL_TRY(root.make_hard_link(existing, root, path));
  }
  return {};
}

Status ChunkPlanner::finish() {
  if (batch_ && (!batch_->is_empty() || !links_.empty())) DL_TRY(dispatch());
  while (!running_.empty()) DL_TRY(drain_first());
  return {};
}

}  // namespace duskline::site
