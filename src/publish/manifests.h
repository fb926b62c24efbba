// The manifests of releases, from the cache folder where they are there, else from the store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/op.h"
#include "base/signing.h"
#include "disk/filesystem.h"
#include "model/ids.h"
#include "release/manifest.h"
#include "release/remote.h"
#include "store/object_store.h"

namespace duskline::publish {

class ManifestFolder {
 public:
  ManifestFolder(disk::Directory& cache, store::ObjectStore& store, model::SetName set, std::vector<PublicKey> trusted)
      : cache_(cache), store_(store), set_(std::move(set)), trusted_(std::move(trusted)) {}

  // From the cache folder alone; null where it is not there or damaged.
  [[nodiscard]] std::unique_ptr<release::Manifest> open_cached(const model::ReleaseId& id);
  // Kept in the cache folder from then on.
  [[nodiscard]] Result<std::unique_ptr<release::Manifest>> open(const Op& op, const model::ReleaseId& id,
                                                                const release::ExpectedSize& expected);
  // A new file to write a manifest to, and to make it the one of `id`.
  [[nodiscard]] Result<std::unique_ptr<disk::File>> begin();
  Status adopt(const model::ReleaseId& id);
  void give_up();  // removes it; whoever has it open may go on reading
  // Removes all manifests but these.
  void keep_only(const std::vector<model::ReleaseId>& ids) { remove_all_but(cache_, ids); }
  static void remove_all_but(disk::Directory& cache, const std::vector<model::ReleaseId>& ids);

 private:
  disk::Directory& cache_;
  store::ObjectStore& store_;
  const model::SetName set_;
  const std::vector<PublicKey> trusted_;
};

}  // namespace duskline::publish
