#include "site/batch.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace duskline::site {

std::uint32_t Batch::add_file(std::shared_ptr<OutFile> file) {
  files.push_back(std::move(file));
  return static_cast<std::uint32_t>(files.size() - 1);
}

Status Batch::add_remote(const FrameRef& frame, const Piece& piece) {
  if (piece.length_bytes > frame.raw_bytes || piece.offset_in_frame > frame.raw_bytes - piece.length_bytes) {
    return Error{Code::invalid, "the manifest says that a chunk lies outside of its frame"};
  }
  const auto [known, is_new] = known_frames_.try_emplace(frame, static_cast<std::uint32_t>(frames_.size()));
  if (is_new) frames_.push_back(frame);
  wants_.push_back({known->second, piece});
  raw_bytes_ += piece.length_bytes;
  return {};
}

void Batch::add_copy(const Copy& copy) {
  copies.push_back(copy);
  raw_bytes_ += copy.piece.length_bytes;
}

void Batch::arrange(const Shape& shape) {
  std::ranges::sort(copies, {}, [](const Copy& copy) { return std::tuple(copy.from.file, copy.from.offset_bytes); });
  make_parts();
  make_jobs(shape);
}

void Batch::make_parts() {
  std::ranges::sort(wants_, {}, [&](const Want& want) {
    const FrameRef& frame = frames_[want.frame];
    return std::tuple(frame.object, frame.offset_bytes, want.frame, want.piece.offset_in_frame);
  });
  pieces.reserve(wants_.size());
  for (const Want& want : wants_) pieces.push_back(want.piece);
  for (std::size_t at = 0; at < wants_.size();) {
    std::size_t end = at;
    while (end < wants_.size() && wants_[end].frame == wants_[at].frame) ++end;
    const FrameRef& frame = frames_[wants_[at].frame];
    if (frame.codec == model::Codec::raw) {
      add_raw_parts(frame, at, end);
    } else {
      parts.push_back({frame, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end - at)});
    }
    at = end;
  }
  wants_ = std::vector<Want>();  // "= {}" would keep the memory
  frames_ = std::vector<FrameRef>();
  known_frames_ = decltype(known_frames_)();
}

// Any part of a raw frame can be read alone: one for each run of pieces without a gap, cut where requests may be cut.
void Batch::add_raw_parts(const FrameRef& frame, std::size_t first, std::size_t last) {
  constexpr std::uint64_t enough_bytes = 64 << 10;
  for (std::size_t at = first; at < last;) {
    const std::uint64_t begins = pieces[at].offset_in_frame;
    std::uint64_t ends = begins;
    std::size_t end = at;
    for (; end < last && pieces[end].offset_in_frame <= ends; ++end) {
      const bool is_cut = ends - begins >= enough_bytes && pieces[end].offset_in_frame == ends;
      if (is_cut) break;
      ends = std::max<std::uint64_t>(ends, std::uint64_t{pieces[end].offset_in_frame} + pieces[end].length_bytes);
      pieces[end].offset_in_frame -= static_cast<std::uint32_t>(begins);
    }
    FrameRef part = frame;
    part.offset_bytes += begins;
    part.stored_bytes = part.raw_bytes = ends - begins;
    parts.push_back({part, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end - at)});
    at = end;
  }
}

// What a request should ask for when so much has been asked for already. The first ones are so small that a slow
// connection is done with its one before the end: with 8 workers 7 of a twelfth, 6 of an eighteenth, 4 of a
// twenty-eighth.
static std::uint64_t share_of(std::uint64_t total, std::uint64_t taken, std::uint64_t workers) {
  if (taken < total / 2) return total * 2 / (workers * 3);
  if (taken < total / 8 * 7) return total * 4 / (workers * 9);
  return total * 2 / (workers * 7);
}

void Batch::make_jobs(const Shape& shape) {
  std::uint64_t total = 0, taken = 0;
  for (const Part& part : parts) total += part.stored.stored_bytes;
  const std::uint64_t workers = std::max(shape.workers, 1U);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    const std::uint64_t begins = part.stored.offset_bytes;
    const std::uint64_t job_bytes =
        std::clamp(share_of(total, taken, workers) + 1, shape.min_job_bytes, shape.max_job_bytes);
    RangeJob* job = jobs.empty() ? nullptr : &jobs.back();
    const bool fits = job != nullptr && job->object == part.stored.object &&
                      begins >= job->offset_bytes + job->length_bytes &&
                      begins - (job->offset_bytes + job->length_bytes) <= shape.max_gap_bytes &&
                      part.end() - job->offset_bytes <= shape.max_job_bytes &&
                      part.end() - part.stored.stored_bytes / 2 - job->offset_bytes <= job_bytes;
    if (!fits) {
      jobs.push_back({part.stored.object, begins, 0, static_cast<std::uint32_t>(i), 0});
      job = &jobs.back();
    }
    job->length_bytes = part.end() - job->offset_bytes;
    ++job->parts;
    taken += part.stored.stored_bytes;
  }
}

void Batch::begin(std::size_t tasks) {
  const std::lock_guard lock(mutex_);
  tasks_left_ = tasks;
}

void Batch::end_task() {
  const std::lock_guard lock(mutex_);
  --tasks_left_;
  if (tasks_left_ == 0) ended_.notify_all();
}

void Batch::fail(const Piece& piece) {
  const std::lock_guard lock(mutex_);
  failed_.push_back(piece);
}

std::vector<Piece> Batch::wait(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, stop, [&] { return tasks_left_ == 0; });
  return std::exchange(failed_, {});
}

}  // namespace duskline::site
