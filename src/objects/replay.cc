#include "objects/replay.h"

#include <algorithm>

#include "objects/log.h"

namespace duskline::objects {
namespace {

constexpr std::uint64_t records_in_transaction = 2000;
constexpr std::size_t max_messages = 1000;

class Replay {
 public:
  Replay(Files& files, const ReplayPlan& plan, Index& index) : files_(files), plan_(plan), index_(index) {}

  Result<Replayed> run() {
    DL_ASSIGN(std::vector<std::uint64_t> numbers, list_segments(plan_.directory));
    if (plan_.until) std::erase_if(numbers, [&](std::uint64_t number) { return number > plan_.until->segment; });
    DL_TRY(drop_unused(numbers));
    DL_TRY(check_beginning(numbers));
    outcome_.end = index_.state.whole_to;
    DL_TRY(index_.begin());
    for (const std::uint64_t number : removed_) index_.forget_segment(number);
    Status done;
    for (std::size_t i = 0; i < numbers.size() && done; ++i) {
      if (numbers[i] >= begin_.segment) done = replay_segment(numbers, i);
    }
    if (!done) {
      (void)index_.rollback();
      return done.error();
    }
    DL_TRY(index_.commit());
    return std::move(outcome_);
  }

 private:
  // A segment that was begun when the power went may have no header yet. Then it has nothing else.
  Status drop_unused(std::vector<std::uint64_t>& numbers) {
    if (numbers.empty() || plan_.until) return {};
    const std::string path = segment_path(plan_.directory, numbers.back());
    DL_ASSIGN(SegmentReader reader, SegmentReader::open(files_, path, plan_.store, numbers.back()));
    if (reader.header()) return {};
    DL_ASSIGN(const auto record, reader.search(segment_header_bytes));
    if (record || reader.size_bytes() > segment_header_bytes) return {};
    DL_TRY(files_.remove(path));
    outcome_.notes.push_back("segment " + path + " was begun and never used: removed");
    numbers.pop_back();
    return {};
  }

  Status check_beginning(const std::vector<std::uint64_t>& numbers) {
    begin_ = index_.state.whole_to;
    if (begin_.segment == 0) return {};
    for (const auto& [number, tally] : index_.segments()) {
      if (number >= begin_.segment || std::binary_search(numbers.begin(), numbers.end(), number)) continue;
      if (tally.live_bytes > 0) {
        DL_TRY(damaged("segment " + segment_path(plan_.directory, number) + " is missing, though " +
                       std::to_string(tally.live_bytes) + " bytes of it are needed"));
      }
      removed_.push_back(number);
    }
    if (std::binary_search(numbers.begin(), numbers.end(), begin_.segment)) return {};
    // An empty segment is removed when the next one is begun.
    if (begin_.offset == segment_header_bytes) return {};
    return damaged("segment " + segment_path(plan_.directory, begin_.segment) +
                   " is missing, though the index knows records in it");
  }

  Status damaged(const std::string& what) {
    if (plan_.on_damage == OnDamage::stop) {
      return Error(Code::corrupt,
                   "log: " + what + "; 'duskline store check --rebuild' keeps everything that can still be read");
    }
    if (outcome_.damage.size() < max_messages) outcome_.damage.push_back(what);
    return {};
  }

  // Where segment `i` ends by what the next one says of it; nothing where that says nothing.
  Result<std::optional<std::uint64_t>> end_of(const std::vector<std::uint64_t>& numbers, std::size_t i) {
    if (plan_.until && plan_.until->segment == numbers[i]) return std::optional(plan_.until->offset);
    if (i + 1 == numbers.size() || numbers[i + 1] != numbers[i] + 1) return std::optional<std::uint64_t>();
    DL_ASSIGN(const SegmentReader next,
              SegmentReader::open(files_, segment_path(plan_.directory, numbers[i + 1]), plan_.store, numbers[i + 1]));
    if (!next.header()) return std::optional<std::uint64_t>();
    return std::optional(next.header()->previous_end);
  }

  Status replay_segment(const std::vector<std::uint64_t>& numbers, std::size_t i) {
    const std::uint64_t number = numbers[i];
    const bool last = i + 1 == numbers.size();
    const std::string path = segment_path(plan_.directory, number);
    DL_ASSIGN(SegmentReader reader, SegmentReader::open(files_, path, plan_.store, number));
    if (!reader.header()) DL_TRY(damaged("segment " + path + " has no readable header"));
    if (reader.header()) {
      index_.state.next_sequence = std::max(index_.state.next_sequence, reader.header()->next_sequence);
      index_.state.next_data = std::max(index_.state.next_data, reader.header()->next_data);
    }
    DL_ASSIGN(const auto end, end_of(numbers, i));
    if (end) {
      if (*end > reader.size_bytes()) {
        DL_TRY(damaged("segment " + path + " is " + std::to_string(reader.size_bytes()) + " bytes long, not " +
                       std::to_string(*end)));
      }
      reader.end_at(*end);
    }
    std::uint64_t at = number == begin_.segment ? begin_.offset : segment_header_bytes;
    if (at > reader.size_bytes()) {
      DL_TRY(damaged("segment " + path + " is shorter than the index knows it"));
      at = reader.size_bytes();
    }
    DL_ASSIGN(at, read_records(reader, number, at, last && !end));
    index_.set_segment_bytes(number, at);
    index_.state.whole_to = {number, at};
    outcome_.end = index_.state.whole_to;
    return {};
  }

  // Where the segment's records end.
  Result<std::uint64_t> read_records(SegmentReader& reader, std::uint64_t number, std::uint64_t at, bool may_be_torn) {
    const std::string path = segment_path(plan_.directory, number);
    for (;;) {
      DL_ASSIGN(at, reader.scan(at, [&](const RecordView& record) { return apply(number, record); }));
      if (at >= reader.size_bytes()) return at;
      DL_ASSIGN(const bool synced, reader.was_synced(at));
      if (may_be_torn && !synced) {
        outcome_.notes.push_back("the log's tail was cut off at " + path + ", offset " + std::to_string(at) + ": " +
                                 std::to_string(reader.size_bytes() - at) +
                                 " bytes of a write that was not acknowledged");
        return at;
      }
      DL_ASSIGN(const auto next, reader.search(at + 8));
      DL_TRY(damaged("segment " + path + " is damaged between offset " + std::to_string(at) + " and " +
                     std::to_string(next ? next->offset : reader.size_bytes())));
      if (!next) return reader.size_bytes();
      at = next->offset;
    }
  }

  Status apply(std::uint64_t number, const RecordView& record) {
    ByteReader meta(record.meta);
    Place place;
    place.segment = number;
    place.body_at = body_offset(record.offset);
    std::uint64_t head = record_head_bytes;
    while (!meta.at_end()) {
      std::size_t length = 0;
      const auto entry = decode_entry(meta, &length);
      if (!entry) {
        return damaged("segment " + segment_path(plan_.directory, number) + " has a record at offset " +
                       std::to_string(record.offset) + " that this version cannot read");
      }
      place.entry_bytes = length + std::exchange(head, 0);
      DL_TRY(index_.apply(*entry, place));
    }
    if (++outcome_.records % records_in_transaction != 0) return {};
    index_.state.whole_to = {number, record.end};
    index_.set_segment_bytes(number, record.end);
    DL_TRY(index_.commit());
    return index_.begin();
  }

  Files& files_;
  const ReplayPlan& plan_;
  Index& index_;
  Position begin_;
  std::vector<std::uint64_t> removed_;  // segments that the index knows and that are not there any more
  Replayed outcome_;
};

}  // namespace

Result<Replayed> replay(Files& files, const ReplayPlan& plan, Index& index) { return Replay(files, plan, index).run(); }

}  // namespace duskline::objects
