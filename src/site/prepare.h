// What is done to a list of changes before anything visible is changed.
#pragma once

#include "base/op.h"
#include "site/change.h"
#include "site/target.h"

namespace duskline::site {

// Looks whether the list can be applied: Code::refused where a directory above a path has become a symlink,
// Code::corrupt where a staged file is missing. With a check to follow it also writes .duskline/undo, a list whose
// changes, applied backwards, restore what is there now, and gives files that will be replaced or removed a second name
// in .duskline/previous. `back_to` is what undoing leads to: zero for nothing.
[[nodiscard]] Status prepare_changes(const Op&, Target&, ChangeList&, Check, const model::ReleaseId& back_to);

}  // namespace duskline::site
