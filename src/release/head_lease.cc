#include "release/head_lease.h"

#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "base/signing.h"
#include "release/small_json.h"

namespace duskline::release {
namespace {

struct Lease {
  std::string holder;
  WallTime expires{};
};

// Nothing where there is none, or what lies there is no lease.
Result<std::optional<Lease>> read_lease(store::ObjectStore& store, const Op& op, const store::Key& key) {
  DL_ASSIGN(const std::optional<boost::json::object> object, read_small_json(store, op, key));
  if (!object) return std::optional<Lease>{};
  const auto holder = text_member(*object, "holder");
  const auto expires = parse_time(text_member(*object, "expires").value_or(""));
  if (!holder || !expires) return std::optional<Lease>{};
  return std::optional<Lease>{Lease{*holder, *expires}};
}

Error held(const store::Key& key, const Lease& lease) {
  return {Code::locked, "another publisher is writing: it holds " + key.text() + " until " +
                            format_time(lease.expires) + "; try again after that"};
}

}  // namespace

Result<HeadLease> HeadLease::take(store::ObjectStore& store, const Op& op, const store::Key& key,
                                  std::chrono::nanoseconds life, Clock& clock) {
  DL_ASSIGN(std::optional<Lease> lease, read_lease(store, op, key));
  // A lease that claims to hold for longer than any does is somebody's wrong clock.
  if (lease && lease->expires > clock.now() && lease->expires <= clock.now() + 2 * life) return held(key, *lease);

  DL_ASSIGN(const Bytes random, random_bytes(16));
  const std::string holder = to_hex(random);
  const boost::json::object body{{"holder", holder}, {"expires", format_time(clock.now() + life)}};
  store::PutOptions options;
  options.caching = store::Caching::forbidden;
  DL_TRY(store::put_all(store, op, key, bytes_of(boost::json::serialize(body)), options));
  DL_ASSIGN(lease, read_lease(store, op, key));
  if (lease && lease->holder != holder) return held(key, *lease);
  return HeadLease(store, key);
}

void HeadLease::give_back(const Op& op) const { (void)store_->remove(op, {&key_, 1}).has_value(); }

}  // namespace duskline::release
