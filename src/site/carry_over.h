// What belongs to the site inside a switched tree (--keep): brought along into the tree that is shown next.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "site/patterns.h"
#include "site/target.h"

namespace duskline::site {

struct CarriedOver {
  std::uint64_t files = 0;    // that are kept
  std::uint64_t changed = 0;  // entries that were put into or taken out of the other tree
};

// Makes what `keep` matches below `to` the same as below `from`: files by hard link, so that both trees share what the
// site writes into them, else by copy; directories and symlinks anew; what `from` does not have goes. What is the same
// already is not touched, nor are modes and times of directories above. Directories that are missing above are made.
// Code::refused for a mount point, which cannot be in two trees, and where `to` has no directory above what is kept.
[[nodiscard]] Result<CarriedOver> carry_over(const Op&, disk::Directory& from, disk::Directory& to,
                                             const Patterns& keep, Reporter&);
// The same from the tree that is shown, or was shown last; nothing happens where there is none.
[[nodiscard]] Result<CarriedOver> carry_over(const Op&, Target& from, disk::Directory& to, const Patterns& keep,
                                             Reporter&);
// Into releases/<folder>, which is about to be shown. Durable.
[[nodiscard]] Status bring_along(const Op&, Target&, const std::string& folder, const std::vector<std::string>& keep,
                                 Reporter&);

}  // namespace duskline::site
