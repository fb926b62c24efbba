#include "objects/body.h"

namespace duskline::objects {
namespace {

constexpr int attempts_at_a_name = 1000;  // leftovers of killed processes may have the first numbers

}  // namespace

Body::~Body() {
  // Whether the log names the file is not known: only the next process can tell.
  if (!certain_ && own_pin_) own_pin_->keep_forever();
}

Status Body::begin_file(std::uint64_t expected_bytes) {
  for (int attempt = 0;; ++attempt) {
    const std::uint64_t number = context_.next_data();
    Pins::Pin pin(context_.pins, number);
    auto made = DataWriter::create(context_.files, context_.directory, context_.store, number);
    if (!made && made.error().code == Code::already_exists && attempt < attempts_at_a_name) continue;
    if (!made) return made.error();
    file_ = std::move(*made);
    if (expected_bytes >= min_direct_bytes) {
      if (DirectBuffers::Buffer buffer = context_.buffers.take()) file_->write_directly(std::move(buffer));
    }
    own_pin_.emplace(std::move(pin));
    return {};
  }
}

Status Body::spill() {
  if (!file_) DL_TRY(begin_file(0));
  DL_TRY(file_->write(small_));
  small_ = {};
  return {};
}

Status Body::write(ByteView bytes) {
  if (bytes.empty()) return {};
  if (!file_ && small_.size() + bytes.size() > max_inline_bytes) DL_TRY(spill());
  // Until settle(), own bytes have no other place than their order.
  const std::uint64_t at = file_ ? file_->size_bytes() : small_.size();
  if (file_) {
    DL_TRY(file_->write(bytes));
  } else {
    small_.insert(small_.end(), bytes.begin(), bytes.end());
  }
  size_ += bytes.size();
  if (!extents_.empty() && extents_.back().file == own_body) {
    extents_.back().length_bytes += bytes.size();
  } else {
    extents_.push_back({own_body, at, bytes.size()});
  }
  return {};
}

void Body::share(const Extent& extent, Pins::Pin pin) {
  if (extent.length_bytes == 0) return;
  extents_.push_back(extent);
  pins_.push_back(std::move(pin));
  size_ += extent.length_bytes;
}

Status Body::settle(Inline how) {
  // A body in the log is whole, and one version's own.
  const bool alone = extents_.size() == 1 && extents_.front().file == own_body;
  if (!small_.empty() && (how == Inline::never || !alone)) DL_TRY(spill());
  if (!file_) return {};
  DL_TRY(file_->finish());
  for (Extent& extent : extents_) {
    if (extent.file == own_body) extent.file = file_->number();
  }
  return {};
}

void Body::commit_begins() {
  if (file_) file_->keep();
  certain_ = !file_;
}

}  // namespace duskline::objects
