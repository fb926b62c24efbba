// Collects the header lines of an answer, within bounds.
#pragma once

#include <string_view>

#include "http/transport.h"

namespace duskline::http {

// A status line begins a new answer (after an interim 1xx); an empty line ends the headers; lines after that are
// trailers, and only counted.
class HeaderReader {
 public:
  explicit HeaderReader(std::uint64_t max_bytes) : left_bytes_(max_bytes) {}
  // One line with or without its line end. Code::unavailable when there is too much of it or it is malformed.
  Status line(std::string_view text);
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] Response& response() { return response_; }
  [[nodiscard]] const Response& response() const { return response_; }

 private:
  Status status_line(std::string_view text);
  Response response_;
  std::uint64_t left_bytes_;
  bool complete_ = false;
};

}  // namespace duskline::http
