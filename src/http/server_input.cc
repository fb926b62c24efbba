#include "http/server_input.h"

#include <algorithm>

namespace duskline::http {

Moved Input::read_more(Stream& stream) {
  if (!unread_.empty()) keep();
  const Moved moved = stream.read(scratch_);
  if (moved.kind != Moved::Kind::some) return moved;
  const std::string_view fresh = text_of(scratch_.first(moved.bytes));
  if (unread_.empty()) {
    std::string().swap(kept_);  // frees its memory
    unread_ = fresh;
  } else {
    kept_.erase(0, static_cast<std::size_t>(unread_.data() - kept_.data()));
    kept_.append(fresh);
    unread_ = kept_;
  }
  return moved;
}

void Input::keep() {
  if (unread_.empty()) {
    std::string().swap(kept_);  // frees its memory
    unread_ = {};
  } else if (!is_kept()) {
    kept_ = unread_;
    unread_ = kept_;
  }
}

RequestBody RequestBody::in_chunks() {
  RequestBody body;
  body.chunks_.emplace();
  return body;
}

Moved RequestBody::fill(Input& input, Stream& stream, ByteSpan room) {
  const Moved moved = chunks_ ? fill_from_chunks(input, stream, room) : fill_by_length(input, stream, room);
  if (moved.kind == Moved::Kind::some) received_bytes_ += moved.bytes;
  return moved;
}

Moved RequestBody::fill_by_length(Input& input, Stream& stream, ByteSpan room) {
  room = room.first(std::min<std::uint64_t>(room.size(), left_bytes_));
  if (const std::string_view here = input.unread(); !here.empty()) {
    const std::size_t count = std::min(here.size(), room.size());
    std::copy_n(here.begin(), count, room.begin());
    input.consume(count);
    left_bytes_ -= count;
    return {Moved::Kind::some, count};
  }
  const Moved moved = stream.read(room);
  if (moved.kind == Moved::Kind::some) left_bytes_ -= moved.bytes;
  return moved;
}

Moved RequestBody::fill_from_chunks(Input& input, Stream& stream, ByteSpan room) {
  if (input.unread().empty()) {
    if (const Moved moved = input.read_more(stream); moved.kind != Moved::Kind::some) return moved;
  }
  const auto step = chunks_->read(bytes_of(input.unread()), room);
  input.consume(step.consumed);
  return {Moved::Kind::some, step.produced};
}

}  // namespace duskline::http
