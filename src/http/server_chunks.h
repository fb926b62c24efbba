// Takes the framing off a chunked body (RFC 9112 section 7.1), as its bytes come. Extensions and trailers are dropped.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace duskline::http {

class ChunkReader {
 public:
  struct Step {
    std::size_t consumed = 0;  // of `in`
    std::size_t produced = 0;  // bytes of the body, now in `out`
  };
  // Goes on until `in` is used up, `out` is full, the body ends or is malformed.
  Step read(ByteView in, ByteSpan out);
  [[nodiscard]] bool done() const { return state_ == State::done; }
  [[nodiscard]] bool malformed() const { return state_ == State::malformed; }

 private:
  enum class State : std::uint8_t {
    size,
    extension,
    size_end,
    data,
    data_cr,
    data_lf,
    line_start,  // of a trailer, or of the empty line
    trailer,
    trailer_end,
    last_lf,
    done,
    malformed,
  };
  State framing(char c);
  State size_digit(char c);
  State size_ended();
  State overhead(char c, State stays);
  State state_ = State::size;
  std::uint64_t left_ = 0;      // of this chunk
  std::uint32_t digits_ = 0;    // of this chunk's size
  std::uint32_t overhead_ = 0;  // bytes of this chunk's extension, or of all trailers
};

}  // namespace duskline::http
