// An answer on its way out: head, body and files, wherever the connection took less than was offered.
#pragma once

#include "http/server.h"
#include "http/server_stream.h"

namespace duskline::http {

struct AnswerFraming {
  std::string_view date;
  bool head_only = false;   // the request was HEAD
  bool keep_alive = false;  // after this answer
  bool http_1_0 = false;    // of the request
};

// The status line and headers. Control characters in values become spaces: nothing that came from a request can end
// a line.
[[nodiscard]] std::string render_head(const Answer& answer, const AnswerFraming& framing);

class Outgoing {
 public:
  Outgoing() = default;
  Outgoing(Answer answer, const AnswerFraming& framing);
  explicit Outgoing(std::string raw) : head_(std::move(raw)), total_bytes_(head_.size()) {}

  enum class Sent : std::uint8_t {
    all,
    blocked,
    paused,  // enough for one turn
    broken,  // the connection failed, or a file was shorter than its slice
  };
  Sent send(Stream& stream, ByteSpan scratch);
  [[nodiscard]] bool begun() const { return sent_bytes_ > 0; }
  [[nodiscard]] std::uint64_t body_bytes_sent() const {
    return sent_bytes_ > head_.size() ? sent_bytes_ - head_.size() : 0;
  }
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  Moved send_some(Stream& stream, ByteSpan scratch, std::size_t most);
  Moved write_some(Stream& stream, ByteSpan scratch);
  std::size_t gather(ByteSpan room) const;
  void advance(std::size_t bytes);
  std::string head_, body_;
  std::vector<FileSlice> files_;
  std::uint64_t total_bytes_ = 0, sent_bytes_ = 0;
  std::size_t file_ = 0;               // which of files_ comes next,
  std::uint64_t file_sent_bytes_ = 0;  // and how much of it has gone
};

}  // namespace duskline::http
