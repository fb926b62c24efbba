// What the store holds already, and what this run adds to it.
#pragma once

#include <memory>
#include <string>

#include "base/op.h"
#include "publish/chunk_table.h"
#include "publish/journal.h"
#include "publish/lease.h"
#include "publish/pack_uploads.h"
#include "publish/publish.h"
#include "release/manifest.h"

namespace duskline::publish {

class Stock {
 public:
  // Knows the packs that a killed run left behind, if they are still there. Writes nothing to the store unless there
  // are such packs, which a lease then protects.
  [[nodiscard]] static Result<std::unique_ptr<Stock>> open(const Op& op, const PublishParts& parts,
                                                           const PublishOptions& options, const std::string& publisher);

  // Adds the chunks of a release that a head names. Code::not_found, and nothing is added, where the store has lost
  // a pack of it.
  Status know(const Op& op, release::Manifest& manifest);
  // The same for a release that no head may name any more, which a prune could be after: under the lease.
  Status know_older(const Op& op, release::Manifest& manifest);
  [[nodiscard]] ChunkTable& chunks() { return *chunks_; }
  [[nodiscard]] Lease& lease() { return lease_; }
  [[nodiscard]] std::uint64_t pack_bytes() const { return sink_->bytes(); }
  // The index of chunks is not needed any more.
  void drop_chunks() { chunks_.reset(); }
  // Takes the lease back.
  void leave(const Op& op) { lease_.release(op); }
  // After the head was moved: what was uploaded is not on its way any more.
  void end(const Op& op);

 private:
  Stock(const PublishParts& parts, const PublishOptions& options, const std::string& publisher);
  Status use_again(const Op& op);
  Status check_packs(const Op& op, release::Manifest& manifest);

  const PublishParts& parts_;
  const model::SetName set_;
  Lease lease_;
  std::unique_ptr<PackJournal> journal_;  // null in a dry run
  std::unique_ptr<PackSink> sink_;
  std::unique_ptr<ChunkTable> chunks_;
};

}  // namespace duskline::publish
