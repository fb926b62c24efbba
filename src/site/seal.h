// The last step before an activation of a switched target: what directories are like, and the stamps of all files.
#pragma once

#include "base/op.h"
#include "disk/filesystem.h"
#include "release/manifest.h"
#include "site/assemble.h"
#include "site/scope.h"
#include "site/stamps.h"

namespace duskline::site {

// Walks the release's tree in `tree`, where all of it lies: gives every directory its owner, attributes, mode and mtime
// after what lies in it, which would get a default ACL, and adds a stamp for each file to `stamps`. Code::internal
// where something planned is not there as it should be.
[[nodiscard]] Status seal_tree(const Op&, release::Manifest& record, const Scope& scope, Assembler& assembler,
                               StampWriter& stamps);

// Only the stamps, of a tree that is installed below `content`. A file that is missing gets an empty one.
[[nodiscard]] Status stamp_tree(const Op&, release::Manifest& record, const Scope& scope, FolderTree& content,
                                StampWriter& stamps);

}  // namespace duskline::site
