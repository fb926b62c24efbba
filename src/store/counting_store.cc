#include "store/stores.h"

namespace duskline::store {
namespace {

class CountingSink final : public Sink {
 public:
  CountingSink(Sink& inner, std::atomic<std::uint64_t>& count) : inner_(inner), count_(count) {}
  Status write(ByteView bytes) override {
    count_.fetch_add(bytes.size(), std::memory_order_relaxed);
    return inner_.write(bytes);
  }

 private:
  Sink& inner_;
  std::atomic<std::uint64_t>& count_;
};

}  // namespace

Traffic CountingStore::traffic() const { return {requests_.load(), received_.load(), sent_.load()}; }

Result<ObjectInfo> CountingStore::get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) {
  ++requests_;
  CountingSink counting(sink, received_);
  return inner_.get(op, key, options, counting);
}

Result<std::optional<ObjectInfo>> CountingStore::head(const Op& op, const Key& key) {
  ++requests_;
  return inner_.head(op, key);
}

Result<ObjectInfo> CountingStore::put(const Op& op, const Key& key, Source& source, const PutOptions& options) {
  ++requests_;
  auto info = inner_.put(op, key, source, options);
  if (info) sent_ += source.size_bytes();
  return info;
}

Result<Listing> CountingStore::list(const Op& op, const ListQuery& query) {
  ++requests_;
  return inner_.list(op, query);
}

Result<RemoveReport> CountingStore::remove(const Op& op, std::span<const Key> keys) {
  ++requests_;
  return inner_.remove(op, keys);
}

}  // namespace duskline::store
