#include "publish/prune_look.h"

#include <algorithm>
#include <utility>

#include "publish/lease.h"
#include "release/remote.h"

namespace duskline::publish {
namespace {

constexpr std::string_view scratch_name = "prune-manifest";
// Long void, so that no clock's error makes a live one of it.
constexpr std::chrono::nanoseconds litter_age = std::chrono::days(1);

}  // namespace

store::Key prune_lease_key(const model::SetName& set) { return store::Key(model::lease_key(set, "prune-run")); }

PruneView::PruneView(const PublishParts& parts, const PruneOptions& options, std::vector<PublicKey> trusted)
    : parts_(parts), options_(options), trusted_(std::move(trusted)) {}

Status PruneView::look(const Op& op, WallTime now) {
  // The list comes first: what is stored after it is not in it, so that it cannot be removed.
  DL_TRY(list_store(op, now));
  DL_TRY(read_heads(op));
  DL_ASSIGN(listed_, release::list_releases(parts_.store, op, options_.set));
  std::set<model::ReleaseId> of_heads;
  for (const release::SeenHead& head : heads_) of_heads.insert(head.head.release);
  for (const model::ReleaseId& id : releases_to_keep(listed_, of_heads, options_, now)) {
    if (!kept_.contains(id)) DL_TRY(need_release(op, id, of_heads));
  }
  (void)parts_.cache.remove_file(scratch_name, disk::Missing::is_absent);
  need_deltas();
  return {};
}

Status PruneView::list_store(const Op& op, WallTime now) {
  objects_.clear();
  channels_.clear();
  void_leases_.clear();
  is_publisher_at_work_ = false;
  const std::string top = options_.set.text() + "/";
  return store::for_each_object(parts_.store, op, top, [&](const store::ListedObject& object) -> Status {
    const std::string_view below = std::string_view(object.key.text()).substr(top.size());
    const std::string_view folder = below.substr(0, below.find('/'));
    if (folder == "release" || folder == "pack" || folder == "delta") {
      objects_.emplace(object.key.text(), StoredObject{object.info.size_bytes, object.info.modified});
    } else if (folder == "lease") {
      note_lease(object, now);
    } else if (folder == "channel") {
      auto channel = model::ChannelName::parse(below.substr(std::min(folder.size() + 1, below.size())));
      if (!channel) {
        return wrap(std::move(channel).error(),
                    object.key.text() + " is no head; nothing is pruned while it is there, since it may name content");
      }
      channels_.push_back(std::move(*channel));
    }
    return {};
  });
}

void PruneView::note_lease(const store::ListedObject& object, WallTime now) {
  if (object.key == prune_lease_key(options_.set)) return;
  if (now - object.info.modified > litter_age) {
    void_leases_.push_back(object.key);
  } else if (now - object.info.modified <= lease_lifetime) {
    is_publisher_at_work_ = true;
  }
}

Status PruneView::read_heads(const Op& op) {
  heads_.clear();
  for (const model::ChannelName& channel : channels_) {
    DL_ASSIGN(auto head, release::read_head(parts_.store, op, options_.set, channel, trusted_));
    if (head) heads_.push_back(std::move(*head));
  }
  return {};
}

Status PruneView::need_release(const Op& op, const model::ReleaseId& id, const std::set<model::ReleaseId>& of_heads) {
  DL_TRY(op.check());
  auto manifest = release::open_remote_manifest_on_demand(parts_.store, op, options_.set, id, {}, trusted_,
                                                          parts_.cache, std::string(scratch_name));
  if (!manifest) {
    if (manifest.error().code == Code::not_found && !of_heads.contains(id)) {
      parts_.reporter.note(Severity::warning,
                           "the manifest of release " + id.short_hex() + " is listed but not there; it keeps nothing");
      return {};
    }
    return wrap(std::move(manifest).error(), "nothing is pruned, since it is not known what release " + id.short_hex() +
                                                 " of set \"" + options_.set.text() + "\" needs");
  }
  kept_.insert(id);
  needed_.insert(model::release_key(options_.set, id));
  for (const Hash256& pack : (*manifest)->index().packs) needed_.insert(model::pack_key(options_.set, pack));
  return {};
}

// Those between kept releases, and those that a head offers.
void PruneView::need_deltas() {
  for (const release::SeenHead& head : heads_) {
    for (const model::DeltaRef& delta : head.head.deltas) {
      needed_.insert(model::delta_key(options_.set, delta.from, head.head.release));
    }
  }
  const std::string prefix = options_.set.text() + "/delta/";
  for (auto at = objects_.lower_bound(prefix); at != objects_.end() && at->first.starts_with(prefix); ++at) {
    const std::string_view name = std::string_view(at->first).substr(prefix.size());
    const std::size_t dash = std::min(name.find('-'), name.size());
    const auto from = Hash256::from_hex(name.substr(0, dash));
    const auto to = Hash256::from_hex(name.substr(std::min(dash + 1, name.size())));
    if (from && to && kept_.contains({*from}) && kept_.contains({*to})) needed_.insert(at->first);
  }
}

}  // namespace duskline::publish
