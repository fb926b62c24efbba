// TARGET/.duskline/staging: where a release is put together. Survives a kill; what an earlier run staged is used by the
// next, also for a newer release.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/op.h"
#include "disk/filesystem.h"
#include "release/manifest.h"
#include "site/target.h"

namespace duskline::site {

// What was staged of an earlier release before its pull was cut off.
struct OlderStaging {
  std::shared_ptr<disk::Directory> tree;
  std::unique_ptr<release::Manifest> record;
};

class Staging {
 public:
  // At most so many unfinished releases are kept as sources beside the one being staged.
  static constexpr int max_older = 2;

  // Goes on with what is staged if it is the same release in the same layout; else puts that aside as older and begins
  // anew.
  [[nodiscard]] static Result<Staging> open(Target& target, const model::ReleaseId& id, const Layout& layout);
  // Reads what is staged, and writes elsewhere; both are gone when close_dry_run() was called.
  [[nodiscard]] static Result<Staging> open_dry_run(Target& target, const model::ReleaseId& id, const Layout& layout);
  static Status close_dry_run(Target& target);

  [[nodiscard]] disk::Directory& folder() { return *folder_; }
  [[nodiscard]] const std::shared_ptr<disk::Directory>& tree() const { return tree_; }
  [[nodiscard]] bool resumes() const { return resumes_; }  // the tree may hold something already
  [[nodiscard]] const std::vector<OlderStaging>& older() const { return older_; }

  // Frees the room that older ones take.
  Status drop_older();
  // What is known of releases from unfinished pulls, and the older ones; content of the one being staged stays.
  static Status drop_records(Target& target);
  // All of it, after an activation.
  static Status remove(Target& target);

 private:
  Status rotate();
  void load_older();
  std::unique_ptr<disk::Directory> folder_;
  std::shared_ptr<disk::Directory> tree_;
  bool resumes_ = false;
  std::vector<OlderStaging> older_;
};

// The space that the files below a directory take.
[[nodiscard]] Result<std::uint64_t> stored_bytes(const Op&, disk::Directory& directory);

}  // namespace duskline::site
