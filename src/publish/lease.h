// Says in the store that a publisher is at work, so that prune leaves its packs alone though no release names them yet.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/op.h"
#include "model/ids.h"
#include "store/object_store.h"

namespace duskline::publish {

// A lease object that was not written for so long, by the store's clock, is void.
inline constexpr std::chrono::nanoseconds lease_lifetime = std::chrono::hours(1);
inline constexpr std::chrono::nanoseconds lease_refresh = std::chrono::minutes(15);

// Taken by take(), given back by release(); after a kill it runs out by itself. One thread at a time.
class Lease {
 public:
  // `publisher` tells publishers of one set apart.
  Lease(store::ObjectStore& store, const model::SetName& set, std::string publisher, Clock& clock);
  Status take(const Op& op);     // refreshes where it was taken before
  Status refresh(const Op& op);  // writes it again when it is time to; cheap otherwise
  void release(const Op& op);    // as far as it can; does nothing when it was not taken

 private:
  Status write(const Op& op);
  store::ObjectStore& store_;
  store::Key key_;
  std::string publisher_;
  Clock& clock_;
  WallTime started_{};
  SteadyTime written_{};
  bool is_taken_ = false;
};

}  // namespace duskline::publish
