// Records of installed releases (TARGET/.duskline/trees) that are damaged or gone.
#pragma once

#include "base/op.h"
#include "site/new_tree.h"
#include "site/pull.h"
#include "site/target.h"

namespace duskline::site {

// What a record that cannot be used fails with, and only such a one: gone or damaged, and so as good as never made.
// What may be there but cannot be had just now is another matter.
[[nodiscard]] bool is_lost_record(Code code);

// Fetches the manifest of an installed release again and puts its record in place. Durable.
[[nodiscard]] Status mend_record(const Op&, const PullParts&, Target&, const PullOptions&, const WantedRelease& wanted);

// The same for the record of whatever is shown, or is kept in a switched target, if it is not there or its size or
// index is wrong: that costs no more than opening it. `wanted`: of what is shown. For a kept one that the store does
// not have any more it is only said.
[[nodiscard]] Status mend_lost_records(const Op&, const PullParts&, Target&, const PullOptions&,
                                       const WantedRelease& wanted);

}  // namespace duskline::site
