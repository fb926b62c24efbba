#include <utility>

#include "release/heads.h"

namespace duskline::release {
namespace {

// Takes back the probe's object whatever the outcome. One that stays is only litter that prune removes.
class Litter {
 public:
  Litter(store::ObjectStore& store, const Op& op, const store::Key& key) : store_(store), op_(op), key_(key) {}
  Litter(const Litter&) = delete;
  Litter& operator=(const Litter&) = delete;
  ~Litter() { (void)store_.remove(op_, {&key_, 1}).has_value(); }

 private:
  store::ObjectStore& store_;
  const Op& op_;
  const store::Key& key_;
};

enum class Outcome : std::uint8_t { written, refused, unsupported };

Result<Outcome> try_put(store::ObjectStore& store, const Op& op, const store::Key& key, std::string_view body,
                        store::PutOptions options) {
  options.caching = store::Caching::forbidden;
  const auto put = store::put_all(store, op, key, bytes_of(body), options);
  if (put) return Outcome::written;
  if (put.error().code == Code::precondition) return Outcome::refused;
  if (put.error().code == Code::unsupported) return Outcome::unsupported;
  return wrap(put.error(), "find out whether " + store.describe() + " honours conditional writes");
}

}  // namespace

Result<Conditions> probe_conditions(store::ObjectStore& store, const Op& op, const model::SetName& set) {
  DL_ASSIGN(const Bytes random, random_bytes(8));
  const store::Key key(model::lease_key(set, "probe-" + to_hex(random)));
  const Litter litter(store, op, key);
  store::PutOptions if_absent;
  if_absent.existing = store::PutOptions::Existing::refuse;

  Conditions found;
  // Refused at once means that an earlier try of this very request went through: the name is random.
  DL_ASSIGN(const Outcome first, try_put(store, op, key, "first", if_absent));
  if (first == Outcome::unsupported) {
    DL_TRY(try_put(store, op, key, "first", {}));
  } else {
    DL_ASSIGN(const Outcome again, try_put(store, op, key, "again", if_absent));
    found.if_none_match = again == Outcome::refused;
  }

  DL_ASSIGN(const std::optional<store::ObjectInfo> info, store.head(op, key));
  if (!info) {
    return Error{Code::unavailable, store.describe() + " does not show an object that it has just taken; try again"};
  }
  store::PutOptions if_same;
  if_same.if_match = info->etag;
  DL_ASSIGN(const Outcome right, try_put(store, op, key, "in time", if_same));
  // The same version again, as a publisher would have it who comes too late.
  DL_ASSIGN(const Outcome late, try_put(store, op, key, "too late", if_same));
  found.if_match = right == Outcome::written && late == Outcome::refused;
  return found;
}

}  // namespace duskline::release
