// Places around a place.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/report.h"
#include "store/stores.h"
#include "sync/pacer.h"
#include "sync/place.h"

namespace duskline::sync {

// Tries again what may pass: as RetryStore does for objects. What arrived spoiled is fetched again too. A read that
// broke in its middle goes on where it stopped.
[[nodiscard]] std::unique_ptr<Place> retry_place(std::unique_ptr<Place> inner, store::RetryPolicy policy, Clock& clock,
                                                 std::function<double()> random, Reporter& reporter);

// Lets no more through than `pacer` allows of what is read from the place.
[[nodiscard]] std::unique_ptr<Place> paced_place(std::unique_ptr<Place> inner, Pacer& pacer);

}  // namespace duskline::sync
