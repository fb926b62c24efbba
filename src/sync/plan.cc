#include "sync/plan.h"

#include "base/units.h"
#include "sync/names.h"
#include "sync/state.h"

namespace duskline::sync {
namespace {

class Planner {
 public:
  Planner(const Op& op, const PlanParts& parts, Trust trust, std::int64_t now_ns)
      : op_(op), parts_(parts), trust_(trust), now_ns_(now_ns) {}

  Result<PlanTotals> run() {
    DL_ASSIGN(source_, of_source(parts_.source.list(op_, parts_.source_reporter, "")));
    DL_ASSIGN(destination_, of_destination(parts_.destination.list(op_, parts_.destination_reporter, "")));
    DL_ASSIGN(const Entry* left, next_of_source());
    DL_ASSIGN(const Entry* right, of_destination(destination_->next()));
    while (left != nullptr || right != nullptr) {
      const int order = left == nullptr ? 1 : right == nullptr ? -1 : left->path.compare(right->path);
      DL_TRY(decide(order <= 0 ? left : nullptr, order >= 0 ? right : nullptr));
      if (order <= 0) {
        DL_ASSIGN(left, next_of_source());
      }
      if (order >= 0) {
        DL_ASSIGN(right, of_destination(destination_->next()));
      }
      if (++seen_ % 4096 == 0) {
        parts_.source_reporter.progress({.phase = "list", .files = seen_});
        DL_TRY(op_.check());
      }
    }
    DL_TRY(parts_.plan.flush());
    return totals_;
  }

 private:
  // A side that cannot be listed to its end is refused by its name: nothing can be known of what is missing there.
  template <typename T>
  [[nodiscard]] Result<T> of_source(Result<T> result) const {
    if (result || result.error().code != Code::refused) return result;
    return cannot_read(parts_.source.describe(), std::move(result).error());
  }
  template <typename T>
  [[nodiscard]] Result<T> of_destination(Result<T> result) const {
    if (result || result.error().code != Code::refused) return result;
    return wrap(std::move(result).error(),
                "destination " + parts_.destination.describe() + " cannot be read; nothing was changed");
  }

  // The next entry that the destination can hold.
  Result<const Entry*> next_of_source() {
    for (;;) {
      DL_ASSIGN(const Entry* entry, of_source(source_->next()));
      if (entry == nullptr) return entry;
      auto reason = parts_.destination.why_not(entry->path);
      if (!reason && parts_.destination.nesting() == Place::Nesting::below_directories_only) {
        const auto file = clashes_.find(entry->path);
        if (file) reason = "it would lie in \"" + printable(*file) + "\", which is a file itself";
      }
      if (!reason) return entry;
      parts_.source_reporter.record({.path = entry->path, .action = "refuse", .reason = *reason});
    }
  }

  Status decide(const Entry* source, const Entry* destination) {
    const std::string& path = source != nullptr ? source->path : destination->path;
    const Record* known = parts_.known.find(path);
    record_.path = path;
    record_.action = judge(source, destination, known, trust_);
    record_.source = source != nullptr ? source->stamp : Stamp{};
    record_.destination = destination != nullptr ? destination->stamp : Stamp{};
    // What is known of these very versions, and since when.
    const bool same_versions = known != nullptr && is_same_version(known->source, record_.source) &&
                               is_same_version(known->destination, record_.destination);
    record_.source_settled = same_versions && known->source_settled;
    record_.destination_settled = same_versions && known->destination_settled;
    record_.seen_ns = same_versions && known->seen_ns != 0 ? known->seen_ns : now_ns_;
    if (record_.source_settled && record_.destination_settled) record_.seen_ns = 0;
    count(source, destination);
    return parts_.plan.append(record_);
  }

  void count(const Entry* source, const Entry* destination) {
    const bool is_folder = record_.is_directory();
    if (source != nullptr) {
      ++totals_.source_entries;
      if (!is_folder) {
        ++totals_.source_files;
        totals_.source_bytes += source->stamp.size_bytes;
      }
    }
    if (destination != nullptr && !is_folder) ++totals_.destination_files;
    switch (record_.action) {
      case Action::keep:
        ++totals_.keep;
        return;
      case Action::remove:
        if (!is_folder) ++totals_.remove;
        return;
      case Action::add:
        ++(is_folder ? totals_.folders_to_add : totals_.add);
        break;
      case Action::change:
        ++totals_.change;
        break;
      case Action::compare:
        ++totals_.compare;
        break;
    }
    totals_.bytes += record_.source.size_bytes;
  }

  const Op& op_;
  const PlanParts& parts_;
  const Trust trust_;
  const std::int64_t now_ns_;
  std::unique_ptr<Lister> source_, destination_;
  Clashes clashes_;
  PlanTotals totals_;
  Record record_;
  std::uint64_t seen_ = 0;
};

}  // namespace

Result<PlanTotals> make_plan(const Op& op, const PlanParts& parts, Trust trust, std::int64_t now_ns) {
  return Planner(op, parts, trust, now_ns).run();
}

}  // namespace duskline::sync
