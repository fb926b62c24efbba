// Puts a release together below .duskline/staging, complete and verified, ready for activation. Nothing that is shown
// changes.
#pragma once

#include <cstdint>

#include "base/op.h"
#include "model/release.h"
#include "site/meter.h"
#include "site/new_tree.h"
#include "site/plan_base.h"
#include "site/pull.h"
#include "site/target.h"

namespace duskline::site {

struct StageResult {
  model::Release release;
  PlanCounts counts;
  bool is_needed = true;  // in-place: whether it changes more than times and modes of directories
};

// `parts.store` counts. With options.write == dry_run everything is planned, counted and recorded, and nothing staged.
// Code::not_found where the store lacks a part of the release; corrupt, invalid, untrusted for what it holds; no_space;
// refused for what the target does not allow. What was fetched stays for the next run.
[[nodiscard]] Result<StageResult> stage_release(const Op&, const PullParts& parts, Target&, const PullOptions& options,
                                                const WantedRelease& wanted, const Layout& layout, Meter& meter);

}  // namespace duskline::site
