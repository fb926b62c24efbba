// The first half of a run: both sides are listed and merged, and what is to be done about each path is written down.
#pragma once

#include <cstdint>

#include "base/op.h"
#include "base/report.h"
#include "sync/judge.h"
#include "sync/place.h"
#include "sync/record_file.h"

namespace duskline::sync {

struct PlanTotals {
  std::uint64_t source_files = 0, source_bytes = 0, source_entries = 0;
  std::uint64_t destination_files = 0;
  std::uint64_t keep = 0, add = 0, change = 0, compare = 0, remove = 0;
  std::uint64_t folders_to_add = 0;
  std::uint64_t bytes = 0;  // of what is added, changed and compared
  [[nodiscard]] bool has_work() const { return add + change + compare > 0; }
};

struct PlanParts {
  Place& source;
  Place& destination;
  MergedRecords& known;
  RecordWriter& plan;
  Reporter& source_reporter;
  Reporter& destination_reporter;
};

[[nodiscard]] Result<PlanTotals> make_plan(const Op& op, const PlanParts& parts, Trust trust, std::int64_t now_ns);

}  // namespace duskline::sync
