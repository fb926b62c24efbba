#include <algorithm>
#include <optional>

#include "pack/delta.h"

namespace duskline::pack {
namespace {

using model::Chunk;

// The chunks of one version: where each begins, and where a hash is found.
class Version {
 public:
  explicit Version(const std::vector<Chunk>& chunks) : chunks_(chunks), offsets_(chunks.size() + 1) {
    for (std::size_t i = 0; i < chunks.size(); ++i) offsets_[i + 1] = offsets_[i] + chunks[i].length_bytes;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if (!chunks[i].is_hole()) by_hash_.push_back(i);
    }
    std::sort(by_hash_.begin(), by_hash_.end(), [&](std::size_t a, std::size_t b) {
      return chunks[a].hash != chunks[b].hash ? chunks[a].hash < chunks[b].hash : a < b;
    });
  }

  // The place of `hash` at `from` or next after it, else its first place, else nothing.
  [[nodiscard]] std::optional<std::size_t> find(const Hash256& hash, std::size_t from) const {
    const auto before = [&](std::size_t i, std::size_t wanted) {
      return chunks_[i].hash != hash ? chunks_[i].hash < hash : i < wanted;
    };
    const auto matches = [&](auto at) { return at != by_hash_.end() && chunks_[*at].hash == hash; };
    auto at = std::lower_bound(by_hash_.begin(), by_hash_.end(), from, before);
    if (!matches(at)) at = std::lower_bound(by_hash_.begin(), by_hash_.end(), std::size_t{0}, before);
    if (!matches(at)) return std::nullopt;
    return *at;
  }

  [[nodiscard]] bool has(const Chunk& chunk) const { return !chunk.is_hole() && find(chunk.hash, 0).has_value(); }
  [[nodiscard]] const Chunk& operator[](std::size_t i) const { return chunks_[i]; }
  [[nodiscard]] std::size_t size() const { return chunks_.size(); }
  [[nodiscard]] std::uint64_t offset(std::size_t i) const { return offsets_[i]; }

 private:
  const std::vector<Chunk>& chunks_;
  std::vector<std::uint64_t> offsets_;
  std::vector<std::size_t> by_hash_;
};

struct Range {
  std::uint64_t begin = 0, end = 0;
  [[nodiscard]] std::uint64_t length() const { return end - begin; }
};

class RunFinder {
 public:
  RunFinder(const std::vector<Chunk>& before, const std::vector<Chunk>& after, std::uint64_t max_bytes)
      : before_(before), after_(after), max_bytes_(std::max<std::uint64_t>(max_bytes, 1)) {
    gone_.resize(before.size());
    for (std::size_t i = 0; i < before.size(); ++i) gone_[i] = !before[i].is_hole() && !after_.has(before[i]);
  }

  std::vector<Run> runs() {
    std::size_t left = 0;  // the old chunk that would follow, were nothing changed
    for (std::size_t i = 0; i < after_.size();) {
      if (after_[i].is_hole()) {
        if (left < before_.size() && before_[left].is_hole()) ++left;
        ++i;
        continue;
      }
      if (const auto old = before_.find(after_[i].hash, left)) {
        left = *old + 1;
        ++i;
        continue;
      }
      std::size_t last = i + 1;
      while (last < after_.size() && !after_[last].is_hole() && !before_.has(after_[last])) ++last;
      split(i, last, base_of(left, i, last));
      left = skip_gone(left);
      i = last;
    }
    return std::move(runs_);
  }

 private:
  [[nodiscard]] std::size_t skip_gone(std::size_t at) const {
    while (at < before_.size() && gone_[at]) ++at;
    return at;
  }

  // Old bytes that the new version has not: those after the shared chunk on the left of a run, or those before the one
  // on its right; the same bytes unless something was moved. Where there are none, see displaced().
  [[nodiscard]] Range base_of(std::size_t left, std::size_t run, std::size_t after_run) const {
    const Range behind{before_.offset(left), before_.offset(skip_gone(left))};
    std::size_t right = before_.size();
    Range best = behind;
    if (after_run == after_.size() || !after_[after_run].is_hole()) {
      if (after_run < after_.size()) right = before_.find(after_[after_run].hash, left).value_or(right);
      std::size_t first = right;
      while (first > 0 && gone_[first - 1]) --first;
      const Range ahead{before_.offset(first), before_.offset(right)};
      if (ahead.length() > behind.length()) best = ahead;
    }
    // Of the old chunks replaced some may occur elsewhere too: then all that lay between the neighbours serves better.
    const std::uint64_t run_bytes = after_.offset(after_run) - after_.offset(run);
    const Range between{before_.offset(left), std::max(before_.offset(left), before_.offset(right))};
    if (between.length() > best.length() && between.length() <= run_bytes + run_bytes / 2) return between;
    if (best.length() > 0 || right == left) return best;
    return displaced(left, right, run_bytes);
  }

  // Where an old chunk is replaced that occurs elsewhere too, it is not gone. The run then lies in the place of the old
  // bytes between its neighbours; of those the first, if the neighbours have moved apart.
  [[nodiscard]] Range displaced(std::size_t left, std::size_t right, std::uint64_t run_bytes) const {
    if (right < left) return {};
    const std::uint64_t begin = before_.offset(left);
    const std::uint64_t between = before_.offset(right) - begin;
    return {begin, begin + std::min(between, run_bytes + run_bytes / 2)};
  }

  // Pieces of at most max_bytes (one chunk at least), each with the part of `base` that lies where it does.
  void split(std::size_t first, std::size_t last, const Range& base) {
    const std::uint64_t begin = after_.offset(first);
    const std::uint64_t length = after_.offset(last) - begin;
    while (first < last) {
      std::size_t end = first + 1;
      while (end < last && after_.offset(end + 1) - after_.offset(first) <= max_bytes_) ++end;
      Run run;
      run.first = first;
      run.last = end;
      run.offset_bytes = after_.offset(first);
      run.length_bytes = after_.offset(end) - run.offset_bytes;
      const Range part = slice(base, run.offset_bytes - begin, run.length_bytes, length);
      run.base_offset_bytes = part.begin;
      run.base_length_bytes = part.length();
      runs_.push_back(run);
      first = end;
    }
  }

  // The part of `base`, at most max_bytes of it, around where [offset, offset + length) of `whole` lies in proportion.
  [[nodiscard]] Range slice(const Range& base, std::uint64_t offset, std::uint64_t length, std::uint64_t whole) const {
    if (base.length() <= max_bytes_) return base;
    const double middle = (static_cast<double>(offset) + static_cast<double>(length) / 2) / static_cast<double>(whole);
    const auto centre = static_cast<std::uint64_t>(middle * static_cast<double>(base.length()));
    const std::uint64_t begin = std::min(centre - std::min(centre, max_bytes_ / 2), base.length() - max_bytes_);
    return {base.begin + begin, base.begin + begin + max_bytes_};
  }

  Version before_, after_;
  std::uint64_t max_bytes_;
  std::vector<bool> gone_;
  std::vector<Run> runs_;
};

}  // namespace

std::vector<Run> changed_runs(const std::vector<Chunk>& before, const std::vector<Chunk>& after,
                              std::uint64_t max_bytes) {
  return RunFinder(before, after, max_bytes).runs();
}

}  // namespace duskline::pack
