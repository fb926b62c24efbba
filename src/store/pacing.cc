#include "store/pacing.h"

#include <algorithm>
#include <cmath>

namespace duskline::store {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds free_debt{20};
constexpr std::uint64_t smallest_piece_bytes = 1 << 10, largest_piece_bytes = 256 << 10;

constexpr unsigned first_limit = 8;
constexpr milliseconds shortest_epoch{100};
constexpr std::uint64_t request_worth_bytes = 16 << 10;  // so that requests without a body count as goodput too
constexpr double growth = 1.02, decline = 0.9;

}  // namespace

SteadyTime TokenBucket::take(SteadyTime now, std::uint64_t bytes) {
  const duration<double> cost(static_cast<double>(bytes) / static_cast<double>(bytes_per_second_));
  const duration<double> most(std::chrono::hours(24 * 365));
  paid_until_ = std::max(paid_until_, now) + duration_cast<SteadyTime::duration>(std::min(cost, most));
  return paid_until_ - now > free_debt ? paid_until_ : now;
}

std::size_t TokenBucket::piece_bytes() const {
  return static_cast<std::size_t>(std::clamp(bytes_per_second_ / 10, smallest_piece_bytes, largest_piece_bytes));
}

RequestWindow::RequestWindow(unsigned most) : most_(std::max(most, 1U)), limit_(std::min(most_, first_limit)) {}

void RequestWindow::start_epoch(SteadyTime now) {
  epoch_open_ = true;
  epoch_start_ = now;
  epoch_requests_ = 0;
  epoch_bytes_ = 0;
  epoch_was_full_ = false;
}

void RequestWindow::finished(SteadyTime now, std::uint64_t bytes, Outcome outcome, unsigned in_flight) {
  if (outcome == Outcome::throttled) {
    if (immune_ > 0) {
      --immune_;
      return;
    }
    limit_ = std::max(limit_ / 2, 1U);
    immune_ = in_flight > 0 ? in_flight - 1 : 0;
    last_goodput_ = 0;
    start_epoch(now);
    return;
  }
  if (immune_ > 0) --immune_;
  if (!epoch_open_) start_epoch(now);
  ++epoch_requests_;
  epoch_bytes_ += bytes;
  epoch_was_full_ |= in_flight >= limit_;
  if (epoch_requests_ >= limit_ && now - epoch_start_ >= shortest_epoch) end_epoch(now);
}

void RequestWindow::end_epoch(SteadyTime now) {
  const double seconds = duration<double>(now - epoch_start_).count();
  const double goodput = static_cast<double>(epoch_bytes_ + epoch_requests_ * request_worth_bytes) / seconds;
  if (epoch_was_full_) {
    if (goodput > last_goodput_ * growth) {
      limit_ = std::min(limit_ + 1, most_);
    } else if (goodput < last_goodput_ * decline) {
      limit_ = std::max(limit_ - 1, 1U);
    }
    last_goodput_ = goodput;
  }
  start_epoch(now);
}

}  // namespace duskline::store
