// What a connection has received: the bytes not yet used, and the body that they are part of.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/server_chunks.h"
#include "http/server_stream.h"

namespace duskline::http {

// Bytes are read into a scratch buffer that all connections of a loop share, so that most connections never own one.
class Input {
 public:
  explicit Input(ByteSpan scratch) : scratch_(scratch) {}
  [[nodiscard]] std::string_view unread() const { return unread_; }
  void consume(std::size_t bytes) { unread_.remove_prefix(bytes); }
  // Adds to unread().
  Moved read_more(Stream& stream);
  // Takes what is unread into this object's own memory: before another connection uses the scratch buffer.
  void keep();

 private:
  [[nodiscard]] bool is_kept() const {
    return unread_.data() >= kept_.data() && unread_.data() <= kept_.data() + kept_.size();
  }
  ByteSpan scratch_;
  std::string kept_;
  std::string_view unread_;  // in kept_ or in the scratch buffer
};

// Where a request's body ends.
class RequestBody {
 public:
  RequestBody() = default;
  explicit RequestBody(std::uint64_t content_length) : left_bytes_(content_length) {}
  static RequestBody in_chunks();
  [[nodiscard]] bool done() const { return chunks_ ? chunks_->done() : left_bytes_ == 0; }
  [[nodiscard]] bool malformed() const { return chunks_ && chunks_->malformed(); }
  // What is still to come; nothing while that is unknown.
  [[nodiscard]] std::optional<std::uint64_t> left_bytes() const {
    return chunks_ ? std::nullopt : std::optional(left_bytes_);
  }
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }
  // Bytes of the body: from what is unread, then from the stream. Kind::some with 0 bytes: look at done(), malformed().
  Moved fill(Input& input, Stream& stream, ByteSpan room);

 private:
  Moved fill_by_length(Input& input, Stream& stream, ByteSpan room);
  Moved fill_from_chunks(Input& input, Stream& stream, ByteSpan room);
  std::uint64_t left_bytes_ = 0;
  std::uint64_t received_bytes_ = 0;
  std::optional<ChunkReader> chunks_;
};

}  // namespace duskline::http
