#include "oracle.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "release/remote.h"
#include "testing/must.h"

namespace duskline::sim {

using store::GetOptions;
using store::Key;
using store::Listing;
using store::ListQuery;
using store::ObjectInfo;
using store::PutOptions;
using store::RemoveReport;
using testing::must;

constexpr std::uint64_t max_envelope_bytes = 1 << 20;

// Tells the oracle of each head as soon as it is written.
class Oracle::WatchedStore final : public store::ObjectStore {
 public:
  explicit WatchedStore(Oracle& oracle) : oracle_(oracle), real_(oracle.store_) {}
  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
    return real_.get(op, key, options, sink);
  }
  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override { return real_.head(op, key); }
  Result<ObjectInfo> put(const Op& op, const Key& key, Source& body, const PutOptions& options) override {
    auto put = real_.put(op, key, body, options);
    if (put && key.text() == model::head_key(oracle_.set_, oracle_.channel_)) oracle_.see_head();
    return put;
  }
  Result<Listing> list(const Op& op, const ListQuery& query) override { return real_.list(op, query); }
  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override { return real_.remove(op, keys); }
  [[nodiscard]] std::string describe() const override { return "simulated store"; }

 private:
  Oracle& oracle_;
  store::ObjectStore& real_;
};

Oracle::Oracle(store::ObjectStore& store, testing::SimClock& clock, const model::SetName& set,
               const model::ChannelName& channel, const PublicKey& key)
    : store_(store),
      clock_(clock),
      set_(set),
      channel_(channel),
      key_(key),
      disk_(clock),
      scratch_(must(disk_.open_or_create("/oracle", 0700))),
      watched_(std::make_unique<WatchedStore>(*this)) {}

void Oracle::fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

const WrittenHead* Oracle::head_of_version(std::uint64_t version) const {
  const auto found = std::ranges::find(heads_, version, &WrittenHead::version);
  return found == heads_.end() ? nullptr : &*found;
}

const Published* Oracle::find(const model::ReleaseId& id) const {
  const auto found = releases_.find(id);
  return found == releases_.end() ? nullptr : &found->second;
}

Tree Oracle::read(const model::ReleaseId& id) {
  const auto manifest = must(release::open_remote_manifest(store_, {}, set_, id, {}, {key_}, *scratch_, "manifest"));
  return read_tree(store_, set_, *manifest);
}

void Oracle::check_chain(const model::Head& head, const Hash256& replaced) {
  const std::uint64_t last = heads_.empty() ? 0 : heads_.back().version;
  const Hash256 expected = heads_.empty() ? Hash256{} : sha256(heads_.back().envelope);
  if (head.version != last + 1) {
    fail("head version " + std::to_string(head.version) + " was written over version " + std::to_string(last));
  }
  if (replaced != expected) fail("head version " + std::to_string(head.version) + " replaced one it does not name");
  if (!heads_.empty() && head.number < heads_.back().number) fail("the head went back to an older release");
}

void Oracle::see_head() try {
  WrittenHead written;
  written.envelope = must(store::get_all(store_, {}, Key(model::head_key(set_, channel_)), max_envelope_bytes));
  const model::Head head = must(release::read_head(store_, {}, set_, channel_, {key_})).value().head;
  check_chain(head, head.previous);
  written.version = head.version;
  written.release = head.release;
  written.number = head.number;
  if (!heads_.empty()) releases_.at(heads_.back().release).last_named = clock_.now();
  heads_.push_back(std::move(written));

  const bool is_new = !releases_.contains(head.release);
  Published& published = releases_[head.release];
  published.last_named = clock_.now();
  if (is_new) {
    published.tree = source_;
    published.number = head.number;
  }
  const std::string differs = difference(published.tree, read(head.release));
  if (!differs.empty()) fail("the release that the head names is not the source as it was:\n" + differs);
  for (const model::DeltaRef& delta : head.deltas) {
    const std::string key = model::delta_key(set_, delta.from, head.release);
    if (!must(store_.head({}, Key(key)))) fail("the head offers the delta \"" + key + "\", which is not there");
  }
} catch (const std::exception& error) {
  fail("the head names a release that is not whole: " + std::string(error.what()));
}

void Oracle::check_kept(std::chrono::nanoseconds grace) {
  for (const auto& [id, published] : releases_) {
    const bool is_head = has_head() && head().release == id;
    if (!is_head && published.last_named + grace <= clock_.now()) continue;
    try {
      const std::string differs = difference(published.tree, read(id));
      if (!differs.empty()) fail("release " + std::to_string(published.number) + " changed:\n" + differs);
    } catch (const std::exception& error) {
      fail("release " + std::to_string(published.number) + (is_head ? ", which the head names," : "") +
           " was pruned too early: " + error.what());
    }
  }
}

}  // namespace duskline::sim
