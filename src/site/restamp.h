// Stamps of files that an in-place activation moved, linked or gave attributes, all of which change ctime.
#pragma once

#include "base/op.h"
#include "site/target.h"

namespace duskline::site {

// Replaces to_be_placed() among the stamps of `release` by what the file looks like now. Costs one look for each such
// file, and a copy of the stamps. Fails where there are no good stamps or no record; whoever gets that does without.
[[nodiscard]] Status restamp(const Op&, Target&, const InstalledRelease& release);

}  // namespace duskline::site
