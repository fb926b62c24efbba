// Who knows what must be true of the store: every release with its tree, every head that there was.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/signing.h"
#include "disk/filesystem.h"
#include "release/heads.h"
#include "store/object_store.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"
#include "tree.h"

namespace duskline::sim {

struct Published {
  Tree tree;
  model::ReleaseNumber number = 0;
  WallTime last_named{};  // when a head named it last
};

struct WrittenHead {
  std::uint64_t version = 0;
  model::ReleaseId release;
  model::ReleaseNumber number = 0;
  Bytes envelope;
};

// Looks at the store itself, below all faults, after every write of a head. What breaks first is kept; nothing is
// thrown, since the engine is on the stack.
class Oracle {
 public:
  Oracle(store::ObjectStore& store, testing::SimClock& clock, const model::SetName& set,
         const model::ChannelName& channel, const PublicKey& key);

  // The store that everybody else shall use.
  [[nodiscard]] store::ObjectStore& watched() { return *watched_; }

  // What a publisher is about to read: a new release must hold just this.
  void expect(Tree source) { source_ = std::move(source); }
  [[nodiscard]] const Tree& expected() const { return source_; }

  [[nodiscard]] bool has_head() const { return !heads_.empty(); }
  [[nodiscard]] const WrittenHead& head() const { return heads_.back(); }
  [[nodiscard]] const std::vector<WrittenHead>& heads() const { return heads_; }  // oldest first
  [[nodiscard]] const WrittenHead* head_of_version(std::uint64_t version) const;
  [[nodiscard]] const std::map<model::ReleaseId, Published>& releases() const { return releases_; }
  [[nodiscard]] const Published* find(const model::ReleaseId& id) const;

  // All that somebody may still be pulling is there: what a head named less than `grace` ago.
  void check_kept(std::chrono::nanoseconds grace);

  void fail(std::string what);
  [[nodiscard]] const std::string& failure() const { return failure_; }  // "" while all is well

 private:
  class WatchedStore;
  void see_head();
  void check_chain(const model::Head& head, const Hash256& replaced);
  [[nodiscard]] Tree read(const model::ReleaseId& id);

  store::ObjectStore& store_;
  testing::SimClock& clock_;
  const model::SetName set_;
  const model::ChannelName channel_;
  const PublicKey key_;
  testing::SimDisk disk_;
  std::unique_ptr<disk::Directory> scratch_;
  std::unique_ptr<store::ObjectStore> watched_;
  Tree source_;
  std::map<model::ReleaseId, Published> releases_;
  std::vector<WrittenHead> heads_;
  std::string failure_;
};

}  // namespace duskline::sim
