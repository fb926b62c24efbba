#include <algorithm>
#include <map>
#include <mutex>

#include "store/body.h"
#include "store/stores.h"

namespace duskline::store {
namespace {

constexpr std::size_t piece_bytes = 64 << 10;

struct Object {
  std::shared_ptr<const Bytes> body;
  ObjectInfo info;
};

class MemStore final : public ObjectStore {
 public:
  explicit MemStore(Clock& clock) : clock_(clock) {}

  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
    DL_TRY(op.check());
    const std::optional<Object> object = find(key);
    if (!object) return Error{Code::not_found, "get " + key.text() + ": no such object in " + describe()};
    DL_TRY(check_get_conditions(key, options, object->info));
    DL_ASSIGN(const ByteRange range, resolve_range(key, options.range, object->info.size_bytes));
    if (options.begun != nullptr) *options.begun = object->info;
    ByteView rest = ByteView(*object->body).subspan(range.offset_bytes, range.length_bytes);
    while (!rest.empty()) {
      const ByteView piece = rest.first(std::min(rest.size(), piece_bytes));
      DL_TRY(sink.write(piece));
      DL_TRY(op.check());
      rest = rest.subspan(piece.size());
    }
    return object->info;
  }

  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override {
    DL_TRY(op.check());
    const std::optional<Object> object = find(key);
    return object ? std::optional(object->info) : std::nullopt;
  }

  Result<ObjectInfo> put(const Op& op, const Key& key, Source& source, const PutOptions& options) override {
    auto body = std::make_shared<Bytes>();
    BufferSink sink(*body, source.size_bytes());
    DL_TRY(read_body(op, key, source, options, sink));
    const std::lock_guard lock(mutex_);
    const auto old = objects_.find(key);
    DL_TRY(check_put_conditions(key, options, old == objects_.end() ? std::nullopt : std::optional(old->second.info)));
    ObjectInfo info{body->size(), "m" + std::to_string(++versions_), clock_.now()};
    objects_.insert_or_assign(key, Object{std::move(body), info});
    return info;
  }

  Result<Listing> list(const Op& op, const ListQuery& query) override {
    DL_TRY(op.check());
    Listing page;
    const std::lock_guard lock(mutex_);
    for (auto at = first_after(query); at != objects_.end() && at->first.text().starts_with(query.prefix); ++at) {
      page.truncated = page.objects.size() >= query.limit;
      if (page.truncated) break;
      page.objects.push_back({at->first, at->second.info});
    }
    return page;
  }

  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override {
    DL_TRY(op.check());
    const std::lock_guard lock(mutex_);
    for (const Key& key : keys) objects_.erase(key);
    return RemoveReport{};
  }

  [[nodiscard]] std::string describe() const override { return "memory"; }

 private:
  std::optional<Object> find(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto at = objects_.find(key);
    return at == objects_.end() ? std::nullopt : std::optional(at->second);
  }

  struct ByText {
    using is_transparent = void;
    bool operator()(const Key& a, const Key& b) const { return a < b; }
    bool operator()(const Key& a, std::string_view b) const { return a.text() < b; }
    bool operator()(std::string_view a, const Key& b) const { return a < b.text(); }
  };
  using Objects = std::map<Key, Object, ByText>;

  Objects::const_iterator first_after(const ListQuery& query) const {
    if (query.start_after >= query.prefix && !query.start_after.empty()) {
      return objects_.upper_bound(std::string_view(query.start_after));
    }
    return objects_.lower_bound(std::string_view(query.prefix));
  }

  Clock& clock_;
  std::mutex mutex_;
  Objects objects_;
  std::uint64_t versions_ = 0;
};

}  // namespace

std::unique_ptr<ObjectStore> open_mem_store(Clock& clock) { return std::make_unique<MemStore>(clock); }

}  // namespace duskline::store
