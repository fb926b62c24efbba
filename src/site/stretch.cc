#include "site/stretch.h"

namespace duskline::site {
namespace {

constexpr std::uint64_t worth_a_request_bytes = 64 << 10;
constexpr std::chrono::duration<double> worth_a_request_time{0.25};

}  // namespace

bool Stretch::claim(std::size_t part) {
  const std::lock_guard lock(mutex_);
  if (part >= end_) return false;
  claimed_ = part + 1;
  return true;
}

std::span<const Part> Stretch::own() const {
  const std::lock_guard lock(mutex_);
  return parts_.first(end_);
}

std::uint64_t Stretch::slow_bytes(SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  if (claimed_ >= end_) return 0;
  const std::uint64_t left = bytes_between(claimed_, end_);
  const std::uint64_t begun = bytes_between(0, claimed_);
  if (left < worth_a_request_bytes) return 0;
  // That the part at hand counts as received flatters the pace; where nothing has begun there is none to judge by.
  const std::chrono::duration<double> passed = now - begun_;
  const double needed = begun == 0 ? 0 : passed.count() * static_cast<double>(left) / static_cast<double>(begun);
  return needed > worth_a_request_time.count() ? left : 0;
}

std::span<const Part> Stretch::take_over() {
  const std::lock_guard lock(mutex_);
  if (claimed_ >= end_) return {};
  const std::size_t middle = claimed_ + (end_ - claimed_) / 2;
  const auto taken = parts_.subspan(middle, end_ - middle);
  end_ = middle;
  return taken;
}

std::uint64_t Stretch::bytes_between(std::size_t first, std::size_t last) const {
  return first == last ? 0 : parts_[last - 1].end() - parts_[first].stored.offset_bytes;
}

}  // namespace duskline::site
