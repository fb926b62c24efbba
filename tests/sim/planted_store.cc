// Stores that do not do what they say, and the names of all planted bugs.
#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "planted.h"
#include "publish/prune_marks.h"

namespace duskline::sim {
namespace {

using store::GetOptions;
using store::Key;
using store::Listing;
using store::ListQuery;
using store::ObjectInfo;
using store::ObjectStore;
using store::PutOptions;
using store::RemoveReport;

constexpr BugName names[] = {
    {Bug::lost_sync, "lost_sync"},
    {Bug::activation_before_sync, "activation_before_sync"},
    {Bug::forgotten_floor, "forgotten_floor"},
    {Bug::unchecked_bytes, "unchecked_bytes"},
    {Bug::step_in_two, "step_in_two"},
    {Bug::lost_journal, "lost_journal"},
    {Bug::hasty_verify, "hasty_verify"},
    {Bug::head_before_packs, "head_before_packs"},
    {Bug::forgotten_pack, "forgotten_pack"},
    {Bug::no_grace, "no_grace"},
    {Bug::unconditional_heads, "unconditional_heads"},
};

bool is_pack(const Key& key) { return key.text().find("/pack/") != std::string::npos; }
bool is_head(const Key& key) { return key.text().find("/channel/") != std::string::npos; }

class PlantedStore final : public ObjectStore {
 public:
  PlantedStore(ObjectStore& real, Bug bug, std::uint64_t seed) : real_(real), bug_(bug), random_(seed) {}

  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
    if (bug_ != Bug::no_grace || !key.text().ends_with("/tombstone")) return real_.get(op, key, options, sink);
    return get_aged(op, key, options, sink);
  }
  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override { return real_.head(op, key); }
  Result<ObjectInfo> put(const Op& op, const Key& key, Source& body, const PutOptions& options) override {
    if (bug_ == Bug::unconditional_heads && is_head(key)) {
      return real_.put(op, key, body, {.caching = options.caching});
    }
    if (bug_ == Bug::forgotten_pack && is_pack(key) && random_() % 8 == 0) return ObjectInfo{.etag = "made up"};
    if (bug_ != Bug::head_before_packs) return real_.put(op, key, body, options);
    if (is_pack(key)) return hold_back(key, body);
    auto put = real_.put(op, key, body, options);
    if (is_head(key)) {
      for (const auto& [held, bytes] : held_) DL_TRY(store::put_all(real_, op, held, bytes, {}));
    }
    return put;
  }
  Result<Listing> list(const Op& op, const ListQuery& query) override { return real_.list(op, query); }
  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override { return real_.remove(op, keys); }
  [[nodiscard]] std::string describe() const override { return real_.describe(); }

 private:
  // The tombstones, each mark as if it had been set a year before.
  Result<ObjectInfo> get_aged(const Op& op, const Key& key, const GetOptions& options, Sink& sink) {
    constexpr std::uint64_t limit = 1 << 20;
    ObjectInfo info;
    DL_ASSIGN(const Bytes bytes, store::get_all(real_, op, key, limit, options, &info));
    const std::string set = key.text().substr(0, key.text().find('/'));
    DL_ASSIGN(const model::SetName name, model::SetName::parse(set));
    DL_ASSIGN(auto marks, publish::decode_marks(name, text_of(bytes)));
    for (auto& [marked, mark] : marks) mark.since -= std::chrono::days(365);
    const std::string text = publish::encode_marks(name, marks);
    info.size_bytes = text.size();
    if (options.begun != nullptr) *options.begun = info;
    DL_TRY(sink.write(bytes_of(text)));
    return info;
  }
  Result<ObjectInfo> hold_back(const Key& key, Source& body) {
    Bytes bytes(body.size_bytes());
    DL_TRY(body.rewind());
    for (std::size_t at = 0; at < bytes.size();) {
      DL_ASSIGN(const std::size_t got, body.read(ByteSpan(bytes).subspan(at)));
      if (got == 0) return Error{Code::changing, "the body ended early"};
      at += got;
    }
    held_.emplace_back(key, std::move(bytes));
    return ObjectInfo{.etag = "made up"};
  }

  ObjectStore& real_;
  const Bug bug_;
  std::mt19937_64 random_;
  std::vector<std::pair<Key, Bytes>> held_;
};

bool concerns(Bug bug, Party party) {
  switch (bug) {
    case Bug::head_before_packs:
    case Bug::forgotten_pack:
      return party == Party::publisher;
    case Bug::no_grace:
      return party == Party::pruner;
    case Bug::unconditional_heads:
      return party != Party::target;
    default:
      return false;
  }
}

}  // namespace

std::span<const BugName> all_bugs() { return names; }

Bug bug_named(std::string_view name) {
  const auto* found = std::ranges::find(names, name, &BugName::name);
  return found == std::end(names) ? Bug::none : found->bug;
}

std::unique_ptr<ObjectStore> with_bug(ObjectStore& store, Bug bug, Party party, std::uint64_t seed) {
  if (!concerns(bug, party)) return nullptr;
  return std::make_unique<PlantedStore>(store, bug, seed);
}

}  // namespace duskline::sim
