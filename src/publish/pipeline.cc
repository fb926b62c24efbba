#include "publish/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/units.h"

namespace duskline::publish {
namespace {

// Bounds on what waits for its turn: bytes of content (per worker, and in all) and steps.
constexpr std::uint64_t bytes_per_worker = 8 << 20;
constexpr std::uint64_t least_bytes = 16 << 20, most_bytes = 48 << 20;
constexpr std::size_t max_waiting = 8192;
constexpr std::size_t max_group_files = 2048;
// Beyond this many workers their contexts alone would break the memory bound.
constexpr unsigned max_workers = 12, max_workers_high = 4;

unsigned workers_for(unsigned wanted, pack::Effort effort) {
  if (wanted == 0) wanted = default_workers();
  return std::clamp(wanted, 1U, effort == pack::Effort::high ? max_workers_high : max_workers);
}

}  // namespace

model::Entry entry_of(model::EntryKind kind, std::string_view name, const disk::Stat& stat,
                      const EntryOptions& options) {
  model::Entry entry;
  entry.kind = kind;
  entry.name = name;
  entry.mode = kind == model::EntryKind::symlink ? 0 : stat.mode;
  entry.mtime_ns = stat.mtime_ns;
  if (options.owner == PublishOptions::Record::yes) entry.owner = model::Owner{stat.uid, stat.gid};
  if (kind == model::EntryKind::file) entry.size_bytes = stat.size_bytes;
  return entry;
}

Pipeline::Pipeline(const Op& op, const Parts& parts, const EntryOptions& options, pack::Effort effort, unsigned workers)
    : op_(op),
      parts_(parts),
      options_(options),
      max_bytes_(std::clamp(workers_for(workers, effort) * bytes_per_worker, least_bytes, most_bytes)),
      benches_(effort),
      pool_(op, workers_for(workers, effort), max_waiting) {}

Pipeline::~Pipeline() = default;

Status Pipeline::enter(std::string_view name, std::uint32_t depth, const disk::Stat& stat,
                       std::vector<model::Attribute> attributes) {
  Waiting step;
  step.what = Waiting::What::enter;
  step.depth = depth;
  step.entry = entry_of(model::EntryKind::directory, name, stat, options_);
  step.entry.attributes = std::move(attributes);
  step.stat = stat;
  return add(std::move(step));
}

Status Pipeline::leave() { return add({}); }

Status Pipeline::keep(model::Entry entry, std::uint32_t depth, const disk::Stat& stat, std::shared_ptr<Link> link) {
  Waiting step;
  step.what = Waiting::What::entry;
  step.depth = depth;
  step.entry = std::move(entry);
  step.stat = stat;
  step.link = std::move(link);
  return add(std::move(step));
}

Status Pipeline::repeat(std::string_view name, std::uint32_t depth, std::shared_ptr<Link> link) {
  Waiting step;
  step.what = Waiting::What::repeat;
  step.depth = depth;
  step.entry.name = name;
  step.link = std::move(link);
  return add(std::move(step));
}

Status Pipeline::read(SourceFile file, std::uint32_t depth, std::shared_ptr<Link> link) {
  const std::uint64_t size = file.listed.size_bytes;
  if (size > max_whole_read_bytes) return stream(std::move(file), depth, std::move(link));
  if (group_ && (group_->bytes + size > pack::group_bytes || group_->files.size() >= max_group_files)) {
    DL_TRY(submit_group());
  }
  if (!group_) {
    const bool attributes = options_.attributes == PublishOptions::Record::yes;
    group_ =
        std::make_shared<FilesJob>(parts_.chunks, parts_.clock, attributes ? ReadAttributes::yes : ReadAttributes::no);
  }
  Waiting step;
  step.what = Waiting::What::file;
  step.depth = depth;
  step.index = static_cast<std::uint32_t>(group_->files.size());
  step.job = group_;
  step.link = std::move(link);
  group_->bytes += size;
  group_->files.push_back(std::move(file));
  return add(std::move(step));
}

Status Pipeline::add(Waiting step) {
  if (waiting_.empty() && !step.job) return take_in(step);
  waiting_.push_back(std::move(step));
  while (waiting_.size() > max_waiting) DL_TRY(take_in_front());
  return take_in_ready();
}

Status Pipeline::submit_group() {
  std::shared_ptr<FilesJob> group = std::exchange(group_, nullptr);
  group->weight_bytes = group->bytes;
  return submit(std::move(group));
}

// The weight is counted until the job's results are taken in; waiting takes in what came before.
Status Pipeline::submit(std::shared_ptr<Job> job) {
  DL_TRY(make_room(job->weight_bytes));
  bytes_held_ += job->weight_bytes;
  job->is_submitted = true;
  const bool submitted = pool_.submit([this, job = std::move(job)](const Op& op) -> Status {
    auto bench = benches_.take();
    job->status = job->run(op, *bench);
    benches_.give_back(std::move(bench));
    {
      const std::lock_guard lock(mutex_);
      job->is_done = true;
    }
    done_.notify_all();
    return {};  // errors are reported in the order of the walk
  });
  return submitted ? Status{} : pool_.finish();
}

Status Pipeline::make_room(std::uint64_t bytes) {
  while (bytes_held_ + bytes > max_bytes_ && bytes_held_ > 0) DL_TRY(take_in_front());
  return {};
}

Status Pipeline::wait_for(const Job& job) {
  if (!job.is_done) {
    std::unique_lock lock(mutex_);
    if (!done_.wait(lock, pool_.op().stop, [&] { return job.is_done.load(); })) return pool_.op().check();
  }
  return job.status;
}

Status Pipeline::take_in_front() {
  Waiting& front = waiting_.front();
  if (front.job && !front.job->is_submitted) DL_TRY(submit_group());
  if (front.job) DL_TRY(wait_for(*front.job));
  Waiting step = std::move(front);
  waiting_.pop_front();
  return take_in(step);
}

Status Pipeline::take_in_ready() {
  while (!waiting_.empty() && (!waiting_.front().job || waiting_.front().job->is_done)) DL_TRY(take_in_front());
  return {};
}

Status Pipeline::commit_frames(Job& job) {
  if (std::exchange(job.is_committed, true)) return {};
  for (const NewFrame& frame : job.frames) DL_TRY(parts_.chunks.commit(frame));
  job.frames = {};
  bytes_held_ -= job.weight_bytes;
  return {};
}

Status Pipeline::take_in(Waiting& step) {
  using What = Waiting::What;
  switch (step.what) {
    case What::enter:
      DL_TRY(parts_.stamps.append(stamp_of(step.entry.name, step.depth, step.stat, options_.top_device)));
      parts_.tree.enter(std::move(step.entry));
      return {};
    case What::leave:
      report();
      return parts_.tree.leave();
    case What::entry:
      return add_file(step, std::move(step.entry), step.stat);
    case What::file:
      return take_in_file(step);
    case What::piece: {
      DL_TRY(commit_frames(*step.job));
      for (const model::Chunk& chunk : static_cast<PieceJob&>(*step.job).chunks) {
        DL_TRY(step.chunks->add(chunk, parts_.tree.spool()));
      }
      return {};
    }
    case What::long_file:
      return take_in_long(step);
    case What::repeat: {
      model::Entry entry = step.link->entry;
      entry.name = std::move(step.entry.name);
      entry.hard_link = step.link->path;
      DL_TRY(parts_.stamps.append(stamp_of(entry.name, step.depth, step.link->stat, options_.top_device)));
      return parts_.tree.add(std::move(entry));
    }
  }
  return {};
}

Status Pipeline::take_in_file(Waiting& step) {
  auto& job = static_cast<FilesJob&>(*step.job);
  DL_TRY(commit_frames(job));
  FilesJob::Outcome& outcome = job.outcomes[step.index];
  const SourceFile& file = job.files[step.index];
  if (step.link && outcome.stat.inode != file.listed.inode) {
    return changed_while_read(file.path, "was replaced while it was read; it has other names (hard links)");
  }
  model::Entry entry = entry_of(model::EntryKind::file, file.name, outcome.stat, options_);
  entry.content = outcome.content;
  entry.attributes = std::move(outcome.attributes);
  ChunkList chunks;
  for (const model::Chunk& chunk : outcome.chunks) DL_TRY(chunks.add(chunk, parts_.tree.spool()));
  DL_TRY(chunks.finish(parts_.tree.spool(), entry));
  ++files_read_;
  bytes_read_ += outcome.stat.size_bytes;
  return add_file(step, std::move(entry), outcome.stat);
}

Status Pipeline::take_in_long(Waiting& step) {
  DL_TRY(step.chunks->finish(parts_.tree.spool(), step.entry));
  ++files_read_;
  report();
  return add_file(step, std::move(step.entry), step.stat);
}

Status Pipeline::add_file(Waiting& step, model::Entry entry, const disk::Stat& stat) {
  if (step.link) {
    step.link->entry = entry;
    step.link->stat = stat;
  }
  ++files_seen_;
  DL_TRY(parts_.stamps.append(stamp_of(entry.name, step.depth, stat, options_.top_device)));
  return parts_.tree.add(std::move(entry));
}

Status Pipeline::finish() {
  if (group_) DL_TRY(submit_group());
  while (!waiting_.empty()) DL_TRY(take_in_front());
  DL_TRY(pool_.finish());
  report();
  return {};
}

void Pipeline::report() {
  Progress progress;
  progress.phase = "read";
  progress.files = files_seen_;
  progress.bytes = bytes_read_;
  parts_.reporter.progress(progress);
}

}  // namespace duskline::publish
