#include "objects/compaction.h"

#include <utility>
#include <vector>

#include "objects/log.h"

namespace duskline::objects {
namespace {

constexpr std::uint64_t step_bytes = 1 << 20;
constexpr std::size_t step_entries = 1000;

// An entry as it was read, and the body of its record if it may be its own.
struct Item {
  Entry entry;
  std::uint64_t body_at = 0;
  Bytes body;
};

// Emits again, on the committer's thread, what is still needed of one segment.
class Mover {
 public:
  Mover(Transaction& transaction, std::uint64_t segment) : transaction_(transaction), segment_(segment) {}

  Status move(const Item& item) {
    return std::visit([&](const auto& entry) { return again(entry, item); }, item.entry);
  }

 private:
  Status again(const BucketState& entry, const Item&) {
    const BucketRow* row = transaction_.index().bucket_by_id(entry.id);
    if (row == nullptr || row->home != segment_) return {};
    BucketState state;
    state.id = row->id;
    state.first = row->first;
    state.bucket = row->bucket;
    return transaction_.emit({state});
  }

  Status again(const VersionState& entry, const Item& item) {
    DL_ASSIGN(auto found, transaction_.lookups().by_sequence(entry.bucket, entry.version.key, entry.sequence));
    if (!found) return {};
    Row& row = found->row;
    bool takes_body = false, elsewhere = false;
    for (Extent& extent : row.version.extents) {
      if (!in_log(extent) || segment_of(extent) != segment_) continue;
      (extent.offset_bytes == item.body_at ? takes_body : elsewhere) = true;
      if (extent.offset_bytes == item.body_at) extent.file = own_body;
    }
    // With its body in another record of this segment it goes when that one does.
    if (elsewhere || (!takes_body && row.home != segment_)) return {};
    VersionState state;
    state.bucket = entry.bucket;
    state.sequence = row.sequence;
    state.first = row.first;
    state.version = std::move(row.version);
    return transaction_.emit({state}, takes_body ? ByteView(item.body) : ByteView());
  }

  Status again(const UploadState& entry, const Item&) {
    DL_ASSIGN(auto row, transaction_.lookups().upload(entry.bucket, entry.upload.key, entry.sequence));
    if (!row || row->home != segment_) return {};
    UploadState state;
    state.bucket = row->bucket;
    state.sequence = row->sequence;
    state.first = row->first;
    state.upload = std::move(row->upload);
    return transaction_.emit({state});
  }

  Status again(const PartState& entry, const Item&) {
    DL_ASSIGN(auto row, transaction_.lookups().part(entry.upload, entry.part.number));
    if (!row || row->home != segment_) return {};
    PartState state;
    state.upload = entry.upload;
    state.part = std::move(row->part);
    return transaction_.emit({state});
  }

  template <typename Gone>
  Status again(const Gone& entry, const Item&) {
    if (!gone_is_needed(transaction_.index().segments(), entry.first, segment_)) return {};
    return transaction_.emit({entry});
  }

  Transaction& transaction_;
  const std::uint64_t segment_;
};

class Emptying {
 public:
  Emptying(std::uint64_t segment, Committer& committer, const Pause& pause)
      : segment_(segment), committer_(committer), pause_(pause) {}

  Status take(const RecordView& record) {
    ByteReader meta(record.meta);
    while (!meta.at_end()) {
      std::size_t length = 0;
      DL_ASSIGN(Entry entry, decode_entry(meta, &length));
      Item item;
      item.body_at = body_offset(record.offset);
      if (std::holds_alternative<VersionState>(entry)) item.body.assign(record.body.begin(), record.body.end());
      item.entry = std::move(entry);
      items_.push_back(std::move(item));
    }
    bytes_ += record.end - record.offset;
    return bytes_ >= step_bytes || items_.size() >= step_entries ? step() : Status();
  }

  // Moves what was taken so far.
  Status step() {
    if (items_.empty()) return {};
    DL_TRY(committer_.run(Op{}, bytes_, [&](Transaction& transaction) -> Status {
      Mover mover(transaction, segment_);
      for (const Item& item : items_) DL_TRY(mover.move(item));
      return {};
    }));
    items_.clear();
    if (!pause_(std::exchange(bytes_, 0))) return Error(Code::cancelled, "the compaction was stopped");
    return {};
  }

 private:
  const std::uint64_t segment_;
  Committer& committer_;
  const Pause& pause_;
  std::vector<Item> items_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

bool gone_is_needed(const std::map<std::uint64_t, SegmentTally>& segments, std::uint64_t first, std::uint64_t segment) {
  const auto at = segments.lower_bound(first);
  return at != segments.end() && at->first < segment;
}

std::uint64_t needed_bytes(const std::map<std::uint64_t, SegmentTally>& segments, std::uint64_t number) {
  const auto found = segments.find(number);
  if (found == segments.end()) return 0;
  std::uint64_t needed = found->second.live_bytes;
  for (const auto& [first, bytes] : found->second.gones) {
    if (gone_is_needed(segments, first, number)) needed += bytes;
  }
  return needed;
}

std::optional<std::uint64_t> choose_segment(const std::map<std::uint64_t, SegmentTally>& segments,
                                            std::uint64_t current, const std::set<std::uint64_t>& passed_over) {
  std::optional<std::uint64_t> best;
  double most = 0.5;
  for (const auto& [number, tally] : segments) {
    // Most segments are full of what lives: those are told at a glance.
    if (number >= current || tally.live_bytes > tally.bytes / 2 || tally.bytes == 0) continue;
    if (passed_over.contains(number)) continue;
    const auto needed = static_cast<double>(needed_bytes(segments, number));
    const double free = 1 - needed / static_cast<double>(tally.bytes);
    if (free < most) continue;
    most = free;
    best = number;
  }
  return best;
}

Result<bool> empty_segment(Files& files, const std::string& directory, std::uint64_t store, std::uint64_t segment,
                           Committer& committer, const Pause& pause) {
  std::uint64_t end = 0;
  const auto tally = [&](auto SegmentTally::* field, auto* to) {
    return committer.run_apart([&, field](Index& index) -> Status {
      const auto found = index.segments().find(segment);
      if (found != index.segments().end()) *to = found->second.*field;
      return {};
    });
  };
  DL_TRY(tally(&SegmentTally::bytes, &end));
  DL_ASSIGN(SegmentReader reader, SegmentReader::open(files, segment_path(directory, segment), store, segment));
  reader.end_at(end);
  Emptying emptying(segment, committer, pause);
  const auto scanned =
      reader.scan(segment_header_bytes, [&](const RecordView& record) { return emptying.take(record); });
  Status done;
  if (!scanned) done = scanned.error();
  if (done) done = emptying.step();
  if (!done && done.error().code == Code::cancelled) return false;
  if (!done) return done.error();
  // Behind a damaged place nothing was read: what is needed of it keeps the segment.
  if (*scanned < end) return false;
  std::uint64_t live = 0;
  DL_TRY(tally(&SegmentTally::live_bytes, &live));
  return live == 0;
}

}  // namespace duskline::objects
