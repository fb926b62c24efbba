// Files that a switched target has in several releases at once, by hard links: what becomes of one becomes of the
// other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "release/manifest.h"
#include "site/target.h"

namespace duskline::site {

struct KeptCopies {
  struct Of {
    InstalledRelease release;
    std::uint64_t files = 0;
  };
  std::vector<Of> releases;  // those that have any, the one shown last first
  // Files with yet another name, which is at none of these paths: a release in which they were moved, or others.
  std::uint64_t elsewhere = 0;
};

// Which other installed releases have these files of the release `of` as the very same files, at the same paths.
[[nodiscard]] Result<KeptCopies> find_kept_copies(const Op&, Target&, const model::ReleaseId& of,
                                                  const std::vector<std::string>& paths);

// A file of the shown release that was replaced by a mended one: what it was.
struct ReplacedFile {
  std::string path;
  std::uint64_t device = 0, inode = 0;
};

// Gives kept releases that have a replaced file, and should have what it should be, the mended one in its place, again
// as a link; atomic for each file. Returns how many. Says what had to stay as it is.
[[nodiscard]] Result<std::uint64_t> mend_kept_copies(const Op&, Target&, const std::vector<ReplacedFile>& replaced,
                                                     Reporter&);

}  // namespace duskline::site
