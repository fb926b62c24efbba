#include "site/fetch.h"

#include <algorithm>
#include <utility>

#include "base/units.h"
#include "site/range_of.h"

namespace duskline::site {
namespace {

constexpr std::uint64_t patch_memory_bytes = 64 << 20;
constexpr std::uint64_t copy_task_bytes = 8 << 20;
constexpr std::size_t copy_task_pieces = 256;
constexpr std::size_t waiting_tasks = 64;
// What has arrived is written at least so often, so that no kill costs more than that of a slow link's work.
constexpr auto longest_unwritten = std::chrono::seconds(1);

// A range beyond the end, or a body of the wrong length: the object is not what was said of it.
bool is_broken_object(Code code) { return code == Code::invalid || code == Code::corrupt; }

}  // namespace

MemoryBudget::Share::Share(MemoryBudget& budget, std::uint64_t bytes) : budget_(budget), bytes_(bytes) {
  std::unique_lock lock(budget_.mutex_);
  budget_.freed_.wait(lock, [&] { return budget_.held_ == 0 || budget_.held_ + bytes_ <= budget_.bytes_; });
  budget_.held_ += bytes_;
}

MemoryBudget::Share::~Share() {
  {
    const std::lock_guard lock(budget_.mutex_);
    budget_.held_ -= bytes_;
  }
  budget_.freed_.notify_all();
}

// A workspace for the time of one task.
class Fetcher::Loan {
 public:
  explicit Loan(Fetcher& fetcher) : fetcher_(fetcher) {
    const std::lock_guard lock(fetcher.mutex_);
    if (!fetcher.idle_.empty()) {
      space_ = std::move(fetcher.idle_.back());
      fetcher.idle_.pop_back();
    } else {
      space_ = std::make_unique<Workspace>();
    }
  }
  ~Loan() {
    if (space_->base.capacity() > 0) space_->base = Bytes();  // bases are large and rare; "= {}" would keep the memory
    const std::lock_guard lock(fetcher_.mutex_);
    fetcher_.idle_.push_back(std::move(space_));
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  Workspace& operator*() const { return *space_; }
  Workspace* operator->() const { return space_.get(); }

 private:
  Fetcher& fetcher_;
  std::unique_ptr<Workspace> space_;
};

// Cuts the body of a ranged answer into parts as it arrives and uses each when it is whole; of one that is long in
// coming, or never comes whole, its beginning.
class Fetcher::PartSink final : public Sink {
 public:
  PartSink(Fetcher& fetcher, Batch& batch, std::span<const Part> parts, Origin origin, Workspace& space)
      : fetcher_(fetcher),
        batch_(batch),
        parts_(parts),
        stretch_(parts, fetcher.parts_.clock.steady()),
        at_(parts.front().stored.offset_bytes),
        origin_(origin),
        space_(space),
        used_at_(fetcher.parts_.clock.steady()) {
    space_.stored.clear();
  }

  Status write(ByteView bytes) override {
    (origin_ == Origin::delta ? fetcher_.parts_.meter.deltas : fetcher_.parts_.meter.packs) += bytes.size();
    while (!bytes.empty()) {
      if (next_ == parts_.size()) return Error{Code::corrupt, "the store sent more bytes than it was asked for"};
      if (space_.stored.empty() && pieces_used_ == 0 && !stretch_.claim(next_)) {
        parts_ = stretch_.own();
        return Error{Code::cancelled, "the rest is on its way by another request"};
      }
      bytes = bytes.subspan(take(bytes));
      if (error_) return *error_;
    }
    if (space_.stored.empty() || fetcher_.parts_.clock.steady() - used_at_ < longest_unwritten) return {};
    return use_beginning();
  }

  // No more is to come.
  Status end() {
    parts_ = stretch_.own();
    return use_beginning();
  }

  Status use_beginning() {
    if (next_ == parts_.size() || space_.stored.empty()) return {};
    used_at_ = fetcher_.parts_.clock.steady();
    auto used = fetcher_.use_beginning(batch_, rest(), space_.stored, space_, origin_);
    if (!used) {
      error_ = std::move(used).error();
      return *error_;
    }
    pieces_used_ += *used;
    return {};
  }

  [[nodiscard]] Stretch& stretch() { return stretch_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }  // of using, not of receiving
  // What is still to be had: parts that were wrong or not received, without the pieces that have been used.
  [[nodiscard]] std::vector<Part> missing() const {
    std::vector<Part> missing = wrong_;
    if (next_ == parts_.size()) return missing;
    missing.push_back(rest());
    const auto others = parts_.subspan(next_ + 1);
    missing.insert(missing.end(), others.begin(), others.end());
    return missing;
  }

 private:
  // How many of the bytes it used up.
  std::size_t take(ByteView bytes) {
    const Part& part = parts_[next_];
    const std::uint64_t begins = part.stored.offset_bytes;
    if (at_ < begins) {
      const std::size_t gap = std::min<std::uint64_t>(begins - at_, bytes.size());
      at_ += gap;
      return gap;
    }
    const std::uint64_t missing = part.stored.stored_bytes - space_.stored.size();
    const std::size_t length = std::min<std::uint64_t>(missing, bytes.size());
    const ByteView piece = bytes.first(length);
    at_ += length;
    if (length == part.stored.stored_bytes) {  // all of it at once: no copy
      use(piece);
    } else {
      space_.stored.insert(space_.stored.end(), piece.begin(), piece.end());
      if (length == missing) {
        use(space_.stored);
        space_.stored.clear();
      }
    }
    return length;
  }

  // The part at hand without the pieces that have been used.
  [[nodiscard]] Part rest() const {
    Part part = parts_[next_];
    part.first_piece += pieces_used_;
    part.pieces -= pieces_used_;
    return part;
  }

  // A stop makes no difference here: what has arrived is not to be fetched again.
  void use(ByteView stored) {
    const Part part = rest();
    ++next_;
    used_at_ = fetcher_.parts_.clock.steady();
    if (std::exchange(pieces_used_, 0) > 0 && part.pieces == 0) return;
    auto verdict = fetcher_.use_part(batch_, part, stored, space_, origin_);
    if (!verdict) {
      error_ = std::move(verdict).error();
    } else if (*verdict == Verdict::wrong) {
      wrong_.push_back(part);
    }
  }

  Fetcher& fetcher_;
  Batch& batch_;
  std::span<const Part> parts_;
  Stretch stretch_;
  std::uint64_t at_;  // in the object
  const Origin origin_;
  Workspace& space_;
  std::size_t next_ = 0;
  std::uint32_t pieces_used_ = 0;  // of the part at next_
  SteadyTime used_at_;
  std::vector<Part> wrong_;
  std::optional<Error> error_;
};

// A request that others may help with as long as this lives.
class Fetcher::Running {
 public:
  Running(Fetcher& fetcher, const Batch& batch, Stretch& stretch) : fetcher_(fetcher), stretch_(stretch) {
    const std::lock_guard lock(fetcher.mutex_);
    fetcher.running_.emplace_back(&batch, &stretch);
  }
  ~Running() {
    const std::lock_guard lock(fetcher_.mutex_);
    std::erase_if(fetcher_.running_, [&](const auto& one) { return one.second == &stretch_; });
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Fetcher& fetcher_;
  Stretch& stretch_;
};

Fetcher::Fetcher(const Op& op, const FetchParts& parts, unsigned workers)
    : parts_(parts),
      workers_(workers),
      patch_memory_(patch_memory_bytes),
      link_(op.stop, [this] { stop_.request_stop(); }),
      pool_({stop_.get_token(), op.deadline, op.trace}, workers, waiting_tasks) {}

Fetcher::~Fetcher() { abandon(); }

void Fetcher::abandon() {
  stop_.request_stop();
  (void)finish();
}

std::uint32_t Fetcher::pack(const Hash256& hash) {
  const auto [known, is_new] = packs_.try_emplace(hash, static_cast<std::uint32_t>(objects_.size()));
  if (is_new) {
    const std::lock_guard lock(mutex_);
    objects_.push_back({model::pack_key(parts_.set, hash), hash});
  }
  return known->second;
}

std::uint32_t Fetcher::delta(const model::ReleaseId& from, const model::ReleaseId& to) {
  if (!delta_) {
    const std::lock_guard lock(mutex_);
    delta_ = static_cast<std::uint32_t>(objects_.size());
    objects_.push_back({model::delta_key(parts_.set, from, to), std::nullopt});
  }
  return *delta_;
}

Fetcher::Object Fetcher::object(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  return objects_[number];
}

Status Fetcher::start(Batch& batch) {
  std::vector<std::pair<std::size_t, std::size_t>> copies;
  for (std::size_t at = 0; at < batch.copies.size();) {
    std::uint64_t bytes = 0;
    const std::size_t first = at;
    while (at < batch.copies.size() && at - first < copy_task_pieces && bytes < copy_task_bytes) {
      bytes += batch.copies[at++].piece.length_bytes;
    }
    copies.emplace_back(first, at);
  }
  const std::size_t helpers = batch.jobs.size() > 1 ? std::min<std::size_t>(workers_, batch.jobs.size()) : 0;
  batch.begin(batch.jobs.size() + copies.size() + helpers);
  const auto submit = [&](auto work) {
    return pool_.submit([&batch, work = std::move(work)](const Op& op) {
      Status status = work(op);
      if (status) batch.end_task();
      return status;
    });
  };
  bool taken = true;
  for (const RangeJob& job : batch.jobs) {
    taken = taken && submit([this, &batch, &job](const Op& op) {
              return run_range(op, batch, std::span<const Part>(batch.parts).subspan(job.first_part, job.parts));
            });
  }
  for (const auto& [first, last] : copies) {
    taken = taken && submit([this, &batch, first = first, last = last](const Op& op) {
              return run_copies(op, batch, first, last);
            });
  }
  for (std::size_t i = 0; i < helpers; ++i) {
    taken = taken && submit([this, &batch](const Op& op) { return help(op, batch); });
  }
  return taken ? Status{} : finish();
}

Result<std::vector<Piece>> Fetcher::wait(Batch& batch) {
  auto failed = batch.wait(pool_.op().stop);
  if (pool_.op().stop.stop_requested()) {
    DL_TRY(finish());
    return Error{Code::cancelled, "stopped on request"};
  }
  return failed;
}

Status Fetcher::finish() {
  if (!finished_) finished_ = pool_.finish();
  return *finished_;
}

// Not more often than for every other worker: a busy machine, where everything is slow, should not ask for ever less.
Status Fetcher::help(const Op& op, Batch& batch) {
  while (batch.taken_over < (workers_ + 1) / 2) {
    DL_TRY(op.check());
    const auto parts = take_over(batch);
    if (parts.empty()) return {};
    ++batch.taken_over;
    DL_TRY(run_range(op, batch, parts));
  }
  return {};
}

std::span<const Part> Fetcher::take_over(const Batch& batch) {
  if (pool_.has_waiting()) return {};
  const SteadyTime now = parts_.clock.steady();
  const std::lock_guard lock(mutex_);
  Stretch* slowest = nullptr;
  std::uint64_t most = 0;
  for (const auto& [of, stretch] : running_) {
    const std::uint64_t bytes = of == &batch ? stretch->slow_bytes(now) : 0;
    if (bytes > most) {
      most = bytes;
      slowest = stretch;
    }
  }
  return slowest == nullptr ? std::span<const Part>() : slowest->take_over();
}

Status Fetcher::run_range(const Op& op, Batch& batch, std::span<const Part> parts) {
  const Object target = object(parts.front().stored.object);
  if (!target.pack && delta_given_up_) {
    for (const Part& part : parts) leave_to_manifest(batch, part);
    return {};
  }
  const Loan space(*this);
  const Origin origin = target.pack ? Origin::pack : Origin::delta;
  PartSink sink(*this, batch, parts, origin, *space);
  Result<store::ObjectInfo> got = Error{Code::internal, "not asked for"};
  {
    const Running running(*this, batch, sink.stretch());
    const std::uint64_t begins = parts.front().stored.offset_bytes;
    got = parts_.store.get(op, store::Key(target.key), range_of(begins, parts.back().end() - begins), sink);
  }
  if (sink.error()) return *sink.error();
  DL_TRY(sink.end());
  const std::vector<Part> missing = sink.missing();
  if (missing.empty()) return {};
  if (!got && !is_broken_object(got.error().code)) {
    const bool can_do_without = std::ranges::all_of(missing, [&](const Part& part) { return is_hint(batch, part); });
    const bool is_stopped = got.error().code == Code::cancelled;
    if (!can_do_without || is_stopped) return wrap(got.error(), "fetch from \"" + target.key + "\"");
    if (!target.pack) give_up_delta(target, got.error());
  }
  for (const Part& part : missing) {
    if (is_hint(batch, part)) {
      leave_to_manifest(batch, part);
    } else {
      DL_TRY(fetch_again(op, batch, target, part));
    }
  }
  return {};
}

// Every other range of it would wait through as many tries.
void Fetcher::give_up_delta(const Object& target, const Error& why) {
  if (delta_given_up_.exchange(true)) return;
  parts_.reporter.note(
      Severity::warning,
      "the delta \"" + target.key + "\" cannot be fetched, so what it has comes from packs: " + why.describe());
}

// Whether only the delta, which is not trusted and can be done without, said that the pieces lie there.
bool Fetcher::is_hint(const Batch& batch, const Part& part) {
  return std::ranges::all_of(std::span(batch.pieces).subspan(part.first_piece, part.pieces),
                             [](const Piece& piece) { return piece.supply == Supply::delta; });
}

void Fetcher::leave_to_manifest(Batch& batch, const Part& part) {
  for (const Piece& piece : std::span(batch.pieces).subspan(part.first_piece, part.pieces)) batch.fail(piece);
}

// Once more, alone: the first answer may have been garbled on the way.
Status Fetcher::fetch_again(const Op& op, Batch& batch, const Object& target, const Part& part) {
  const auto pieces = std::span<const Piece>(batch.pieces).subspan(part.first_piece, part.pieces);
  const Loan space(*this);
  PartSink sink(*this, batch, std::span(&part, 1), Origin::pack, *space);
  const auto got =
      parts_.store.get(op, store::Key(target.key), range_of(part.stored.offset_bytes, part.stored.stored_bytes), sink);
  if (sink.error()) return *sink.error();
  DL_TRY(sink.end());
  if (got && sink.missing().empty()) return {};
  std::string path = "?";
  if (!pieces.empty()) path = printable(batch.files[pieces.front().file]->plan().path());
  std::string message =
      "pack \"" + target.key + "\" of " + parts_.store.describe() +
      " does not hold what the signed manifest promises, for example for the file \"" + path + "\" (" +
      std::to_string(part.stored.stored_bytes) + " bytes at " + std::to_string(part.stored.offset_bytes) +
      "); it was fetched twice. Nothing was changed here; the publisher should publish with --upload-all";
  if (got) return Error{Code::corrupt, std::move(message)};
  const Code code = got.error().code;
  return Error{code == Code::invalid ? Code::corrupt : code, std::move(message), got.error()};
}

Result<Fetcher::Verdict> Fetcher::use_part(Batch& batch, const Part& part, ByteView stored, Workspace& space,
                                           Origin origin) {
  const FrameRef& frame = part.stored;
  const auto pieces = std::span<const Piece>(batch.pieces).subspan(part.first_piece, part.pieces);
  std::optional<MemoryBudget::Share> share;
  ByteView raw = stored;
  if (frame.codec == model::Codec::zstd_patch) {
    share.emplace(patch_memory_, frame.raw_bytes + frame.base->length_bytes);
    DL_ASSIGN(const bool has_base, read_base(*frame.base, space.base));
    if (!has_base) return Verdict::wrong;
  }
  if (frame.codec != model::Codec::raw) {
    const ByteView base = frame.codec == model::Codec::zstd_patch ? ByteView(space.base) : ByteView();
    const Status status = space.decoder.decode(frame.codec, stored, frame.raw_bytes, base, space.raw);
    if (!status && status.error().code != Code::internal) return Verdict::wrong;
    DL_TRY(status);
    raw = space.raw;
  }
  const Piece* before = nullptr;
  for (const Piece& piece : pieces) {
    const bool is_same = before != nullptr && before->offset_in_frame == piece.offset_in_frame &&
                         before->length_bytes == piece.length_bytes && before->hash == piece.hash;
    before = &piece;
    if (!is_same && sha256(raw.subspan(piece.offset_in_frame, piece.length_bytes)) != piece.hash) {
      return Verdict::wrong;
    }
  }
  DL_TRY(write_pieces(batch, pieces, raw, origin));
  constexpr std::size_t usual_bytes = 2 << 20;
  if (space.raw.capacity() > usual_bytes) space.raw = Bytes();
  return Verdict::written;
}

Result<std::uint32_t> Fetcher::use_beginning(Batch& batch, const Part& part, ByteView stored, Workspace& space,
                                             Origin origin) {
  ByteView raw = stored;
  if (part.stored.codec == model::Codec::zstd_patch) return 0U;  // these are small, and need their base
  if (part.stored.codec == model::Codec::zstd) {
    space.decoder.decode_beginning(stored, part.stored.raw_bytes, space.raw);
    raw = space.raw;
  }
  const auto pieces = std::span<const Piece>(batch.pieces).subspan(part.first_piece, part.pieces);
  std::uint32_t whole = 0;
  while (whole < pieces.size()) {
    const Piece& piece = pieces[whole];
    if (std::uint64_t{piece.offset_in_frame} + piece.length_bytes > raw.size()) break;
    if (sha256(raw.subspan(piece.offset_in_frame, piece.length_bytes)) != piece.hash) break;
    ++whole;
  }
  DL_TRY(write_pieces(batch, pieces.first(whole), raw, origin));
  return whole;
}

// False where the old bytes cannot be had: the patch is then of no use.
Result<bool> Fetcher::read_base(const model::BaseRange& base, Bytes& out) {
  if (!parts_.patch_base || base.length_bytes > model::max_patch_raw_bytes) return false;
  const auto file = parts_.patch_base->open_read(base.path);
  if (!file) return false;
  out.resize(base.length_bytes);
  const auto got = (*file)->read_at(base.offset_bytes, out);
  return got && *got == out.size();
}

// Neighbours in the frame that are neighbours in their file are written at once.
Status Fetcher::write_pieces(Batch& batch, std::span<const Piece> pieces, ByteView raw, Origin origin) {
  for (std::size_t at = 0; at < pieces.size();) {
    const Piece& first = pieces[at];
    std::uint64_t length = first.length_bytes;
    std::size_t end = at + 1;
    while (end < pieces.size() && pieces[end].file == first.file &&
           pieces[end].offset_in_frame == first.offset_in_frame + length &&
           pieces[end].file_offset == first.file_offset + length) {
      length += pieces[end++].length_bytes;
    }
    OutFile& file = *batch.files[first.file];
    DL_TRY(parts_.assembler.write(file, first.file_offset, raw.subspan(first.offset_in_frame, length), origin));
    count(origin, length);
    DL_TRY(parts_.assembler.done(file, end - at));
    at = end;
  }
  return {};
}

Status Fetcher::run_copies(const Op& op, Batch& batch, std::size_t first, std::size_t last) {
  const Loan space(*this);
  const auto copies = std::span<const Copy>(batch.copies).subspan(first, last - first);
  std::unique_ptr<disk::File> file;
  std::optional<std::uint32_t> opened;
  for (std::size_t at = 0; at < copies.size();) {
    DL_TRY(op.check());
    if (opened != copies[at].from.file) {
      opened = copies[at].from.file;
      auto open = parts_.local.open(*opened);
      file = open ? std::move(*open) : nullptr;
    }
    std::size_t end = at + 1;
    std::uint64_t length = copies[at].piece.length_bytes;
    constexpr std::uint64_t most = 1 << 20;
    while (end < copies.size() && copies[end].from.file == copies[at].from.file &&
           copies[end].from.offset_bytes == copies[at].from.offset_bytes + length &&
           copies[end].piece.file == copies[at].piece.file &&
           copies[end].piece.file_offset == copies[at].piece.file_offset + length && length < most) {
      length += copies[end++].piece.length_bytes;
    }
    const auto run = copies.subspan(at, end - at);
    if (file) {
      DL_TRY(copy_run(batch, *file, run, *space));
    } else {
      for (const Copy& copy : run) batch.fail(copy.piece);
    }
    at = end;
  }
  return {};
}

// Copies that are neighbours in both files. What is not there as expected is left to other supplies.
Status Fetcher::copy_run(Batch& batch, disk::File& from, std::span<const Copy> run, Workspace& space) {
  const std::uint64_t begins = run.front().from.offset_bytes;
  space.raw.resize(run.back().from.offset_bytes + run.back().piece.length_bytes - begins);
  const auto got = from.read_at(begins, space.raw);
  const std::size_t length = got ? *got : 0;
  const Origin origin = parts_.local.origin_of(run.front().from.file);
  OutFile& file = *batch.files[run.front().piece.file];
  const auto is_right = [&](const Copy& copy) {
    const std::uint64_t at = copy.from.offset_bytes - begins;
    return at + copy.piece.length_bytes <= length &&
           sha256(ByteView(space.raw).subspan(at, copy.piece.length_bytes)) == copy.piece.hash;
  };
  for (std::size_t at = 0; at < run.size();) {
    if (!is_right(run[at])) {
      batch.fail(run[at++].piece);
      continue;
    }
    std::size_t end = at + 1;
    while (end < run.size() && is_right(run[end])) ++end;
    const std::uint64_t offset = run[at].from.offset_bytes - begins;
    const std::uint64_t bytes = run[end - 1].from.offset_bytes + run[end - 1].piece.length_bytes - begins - offset;
    DL_TRY(parts_.assembler.write(file, run[at].piece.file_offset, ByteView(space.raw).subspan(offset, bytes), origin));
    count(origin, bytes);
    DL_TRY(parts_.assembler.done(file, end - at));
    at = end;
    if (at < run.size()) batch.fail(run[at++].piece);  // it was just found wrong
  }
  return {};
}

void Fetcher::count(Origin origin, std::uint64_t bytes) {
  if (origin == Origin::local) parts_.meter.local += bytes;
  if (origin == Origin::seed) parts_.meter.seeds += bytes;
  if (origin == Origin::staged) parts_.meter.resumed += bytes;
  parts_.meter.add_content(bytes, parts_.assembler.files_completed());
}

}  // namespace duskline::site
