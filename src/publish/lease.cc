#include "publish/lease.h"

#include <utility>

namespace duskline::publish {

Lease::Lease(store::ObjectStore& store, const model::SetName& set, std::string publisher, Clock& clock)
    : store_(store), key_(model::lease_key(set, publisher)), publisher_(std::move(publisher)), clock_(clock) {}

Status Lease::take(const Op& op) {
  if (is_taken_) return refresh(op);
  started_ = clock_.now();
  DL_TRY(write(op));
  is_taken_ = true;
  return {};
}

Status Lease::refresh(const Op& op) {
  if (!is_taken_ || clock_.steady() - written_ < lease_refresh) return {};
  return write(op);
}

Status Lease::write(const Op& op) {
  written_ = clock_.steady();
  const std::string json = R"({"type":"duskline-lease","format":1,"publisher":")" + publisher_ + R"(","started":")" +
                           format_time(started_) + R"(","written":")" + format_time(clock_.now()) + "\"}\n";
  store::PutOptions options;
  options.caching = store::Caching::forbidden;
  auto put = store::put_all(store_, op, key_, bytes_of(json), options);
  if (!put) return wrap(std::move(put).error(), "write the lease that protects packs on their way");
  return {};
}

void Lease::release(const Op& op) {
  if (!std::exchange(is_taken_, false)) return;
  (void)store_.remove(op, std::span(&key_, 1));  // what stays behind runs out by itself
}

}  // namespace duskline::publish
