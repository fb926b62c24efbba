// A log record for each file that a new release adds, changes or removes.
#pragma once

#include "base/op.h"
#include "base/report.h"
#include "release/manifest.h"

namespace duskline::publish {

// `before` may be null: everything is added then.
[[nodiscard]] Status record_changes(const Op& op, release::Manifest* before, release::Manifest& after,
                                    Reporter& reporter);

}  // namespace duskline::publish
