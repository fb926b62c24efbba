// The source as a tree of nodes, its new content on the way to the store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/op.h"
#include "model/tree.h"
#include "publish/collect.h"
#include "publish/publish.h"
#include "publish/source.h"
#include "publish/stamps.h"
#include "publish/stock.h"
#include "release/manifest.h"

namespace duskline::publish {

// Stamps and options that belong together: what both of them must say for the stamps to hold.
[[nodiscard]] Hash256 options_key(const PublishOptions& options);
// The stamps of the last scan, if they are of this source and made under these options. May be null.
[[nodiscard]] std::unique_ptr<StampReader> open_stamps(disk::Directory& cache, const PublishOptions& options,
                                                       const OpenSource& source);

class Snapshot {
 public:
  // Reads what `before` (may be null) does not show to be unchanged. All new chunks are stored when this returns.
  [[nodiscard]] static Result<std::unique_ptr<Snapshot>> take(const Op& op, const PublishParts& parts,
                                                              const PublishOptions& options, OpenSource& source,
                                                              const Remembered* before, Stock& stock);
  ~Snapshot();

  [[nodiscard]] const model::Entry& top() const { return top_; }
  [[nodiscard]] release::TreeSpool& spool() { return *spool_; }
  [[nodiscard]] const std::vector<std::string>& mounts() const { return mounts_; }
  [[nodiscard]] std::uint64_t files_read() const { return files_read_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }
  // The stamps become those of `id`, whose tree this is.
  Status keep_stamps(const model::ReleaseId& id);

 private:
  explicit Snapshot(disk::Directory& cache) : cache_(cache) {}
  disk::Directory& cache_;
  std::unique_ptr<release::TreeSpool> spool_;
  std::unique_ptr<StampWriter> stamps_;
  StampHeader stamp_header_;
  model::Entry top_;
  std::vector<std::string> mounts_;
  std::uint64_t files_read_ = 0, bytes_read_ = 0, skipped_ = 0;
};

}  // namespace duskline::publish
