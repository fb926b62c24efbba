// A lease object: who is writing now. Best effort only, for stores without conditional writes.
#pragma once

#include <chrono>
#include <string>

#include "base/clock.h"
#include "store/object_store.h"

namespace duskline::release {

class HeadLease {
 public:
  // Code::locked while another holder's lease has not run out. Two that take it at the same moment mostly notice.
  [[nodiscard]] static Result<HeadLease> take(store::ObjectStore&, const Op&, const store::Key&,
                                              std::chrono::nanoseconds life, Clock&);
  // A failure is left to the time to live.
  void give_back(const Op&) const;

 private:
  HeadLease(store::ObjectStore& store, store::Key key) : store_(&store), key_(std::move(key)) {}
  store::ObjectStore* store_;
  store::Key key_;
};

}  // namespace duskline::release
