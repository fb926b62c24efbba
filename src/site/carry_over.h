// What belongs to the site inside a switched tree (--keep): brought along into the next tree.
#pragma once

#include <cstdint>

#include "base/op.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "site/patterns.h"

namespace duskline::site {

// Gives what `keep` matches below `from` the same names below `to`: files by hard link, so that both trees share what
// the site writes into them, else by copy; directories and symlinks anew. Directories above them are made where they
// are missing. First removes what an earlier, interrupted run carried over. Code::refused for a mount point, which
// cannot be in two trees. Gives the number of files.
[[nodiscard]] Result<std::uint64_t> carry_over(const Op&, disk::Directory& from, disk::Directory& to,
                                               const Patterns& keep, Reporter&);

}  // namespace duskline::site
