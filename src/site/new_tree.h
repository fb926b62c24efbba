// The release that a target is brought to, made known at the target: its tree as a local record, and where its chunks
// lie in the store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "base/signing.h"
#include "model/release.h"
#include "release/delta_object.h"
#include "release/manifest.h"
#include "store/object_store.h"

namespace duskline::site {

// Which release is wanted, and what its head says about it.
struct WantedRelease {
  model::ReleaseId id;
  std::uint64_t manifest_bytes = 0, manifest_index_bytes = 0;  // 0: not known
  std::vector<model::DeltaRef> deltas;
};

struct TreeRequest {
  store::ObjectStore& store;
  const model::SetName& set;
  const std::string& realm;
  const std::vector<PublicKey>& trusted;
  WantedRelease wanted;
  // The record of what is installed, to start from; may be null. Lives as long as the tree that is made from it.
  release::Manifest* installed = nullptr;
  disk::Directory& folder;  // for "record" and "manifest", found again by a later run
  Reporter& reporter;
};

// A chunk's place, as the store has it.
struct Located {
  std::optional<Hash256> pack;  // absent: the delta object
  model::Frame frame;
  std::uint32_t offset_in_frame = 0;
};

// One thread.
class NewTree {
 public:
  // Fetches what is missing of the release's tree: by the delta from what is installed, else the whole manifest where
  // it is small or nothing is installed, else the segments that changed. The statement's signature, type, realm and set
  // are checked, and every node by its hash. Code::untrusted, invalid, corrupt, not_found.
  [[nodiscard]] static Result<std::unique_ptr<NewTree>> obtain(const Op&, const TreeRequest&);
  // Of a release whose record is here already: only the places of chunks are fetched, when they are asked for.
  [[nodiscard]] static std::unique_ptr<NewTree> of_record(const TreeRequest&,
                                                          std::unique_ptr<release::Manifest> record);
  ~NewTree();

  [[nodiscard]] const model::ReleaseId& id() const;
  [[nodiscard]] const model::Release& release() const;
  [[nodiscard]] release::Manifest& record();
  // What leads here from the installed release; null where there is none, or it was of no use.
  [[nodiscard]] const release::DeltaIndex* delta() const;
  [[nodiscard]] std::optional<Located> in_delta(const Hash256& chunk) const;
  // May fetch a part of the manifest. Code::invalid where the place is not in its node.
  Result<Located> in_packs(const Op&, std::uint64_t node, std::uint32_t place);

 private:
  struct State;
  NewTree();
  std::unique_ptr<State> state_;
};

// Writes the record of `to` out of `installed` where subtrees are equal, else reading `to` node by node.
[[nodiscard]] Status merge_record(const Op&, release::Manifest& installed, release::Manifest& to,
                                  release::RecordWriter& out);

}  // namespace duskline::site
