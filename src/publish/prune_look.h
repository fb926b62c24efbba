// What a store holds of one set, and what of it is needed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "publish/prune.h"
#include "publish/prune_plan.h"
#include "release/heads.h"

namespace duskline::publish {

// The lease that keeps two prunes of a set apart.
[[nodiscard]] store::Key prune_lease_key(const model::SetName& set);

// Looks more than once: what was needed at an earlier look stays needed.
class PruneView {
 public:
  PruneView(const PublishParts& parts, const PruneOptions& options, std::vector<PublicKey> trusted);

  // An error wherever something that may name content cannot be read or trusted.
  Status look(const Op& op, WallTime now);

  [[nodiscard]] const StoredObjects& objects() const { return objects_; }
  [[nodiscard]] bool is_needed(const std::string& key) const { return needed_.contains(key); }
  [[nodiscard]] bool is_publisher_at_work() const { return is_publisher_at_work_; }
  [[nodiscard]] const std::vector<store::Key>& void_leases() const { return void_leases_; }
  [[nodiscard]] const std::vector<release::SeenHead>& heads() const { return heads_; }
  [[nodiscard]] const std::vector<release::ListedRelease>& listed() const { return listed_; }
  [[nodiscard]] bool is_kept(const model::ReleaseId& id) const { return kept_.contains(id); }

 private:
  Status list_store(const Op& op, WallTime now);
  void note_lease(const store::ListedObject& object, WallTime now);
  Status read_heads(const Op& op);
  Status need_release(const Op& op, const model::ReleaseId& id, const std::set<model::ReleaseId>& of_heads);
  void need_deltas();

  const PublishParts& parts_;
  const PruneOptions& options_;
  const std::vector<PublicKey> trusted_;
  StoredObjects objects_;
  std::vector<model::ChannelName> channels_;
  std::vector<release::SeenHead> heads_;
  std::vector<release::ListedRelease> listed_;
  std::vector<store::Key> void_leases_;
  std::set<model::ReleaseId> kept_;
  std::set<std::string> needed_;
  bool is_publisher_at_work_ = false;
};

}  // namespace duskline::publish
