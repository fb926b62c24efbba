#include "http/server_chunks.h"

#include <algorithm>

namespace duskline::http {
namespace {

constexpr std::uint32_t max_size_digits = 15;
constexpr std::uint32_t max_overhead = 8 << 10;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

ChunkReader::Step ChunkReader::read(ByteView in, ByteSpan out) {
  Step step;
  while (step.consumed < in.size() && state_ != State::done && state_ != State::malformed) {
    if (state_ != State::data) {
      state_ = framing(static_cast<char>(in[step.consumed++]));
      continue;
    }
    const std::size_t count = std::min<std::uint64_t>({left_, in.size() - step.consumed, out.size() - step.produced});
    if (count == 0) break;
    std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(step.consumed), count,
                out.begin() + static_cast<std::ptrdiff_t>(step.produced));
    step.consumed += count;
    step.produced += count;
    left_ -= count;
    if (left_ == 0) state_ = State::data_cr;
  }
  return step;
}

ChunkReader::State ChunkReader::framing(char c) {
  switch (state_) {
    case State::size:
      return size_digit(c);
    case State::extension:
      return c == '\r' ? State::size_end : overhead(c, State::extension);
    case State::size_end:
      return c == '\n' ? size_ended() : State::malformed;
    case State::data_cr:
      return c == '\r' ? State::data_lf : State::malformed;
    case State::data_lf:
      return c == '\n' ? State::size : State::malformed;
    case State::line_start:
      return c == '\r' ? State::last_lf : overhead(c, State::trailer);
    case State::trailer:
      return c == '\r' ? State::trailer_end : overhead(c, State::trailer);
    case State::trailer_end:
      return c == '\n' ? State::line_start : State::malformed;
    case State::last_lf:
      return c == '\n' ? State::done : State::malformed;
    case State::data:
    case State::done:
    case State::malformed:
      break;
  }
  return State::malformed;
}

ChunkReader::State ChunkReader::size_digit(char c) {
  if (const int value = hex_value(c); value >= 0) {
    left_ = left_ * 16 + static_cast<unsigned>(value);
    return ++digits_ <= max_size_digits ? State::size : State::malformed;
  }
  if (digits_ == 0) return State::malformed;
  if (c == '\r') return State::size_end;
  return c == ';' || c == ' ' || c == '\t' ? State::extension : State::malformed;
}

ChunkReader::State ChunkReader::size_ended() {
  digits_ = 0;
  overhead_ = 0;
  return left_ > 0 ? State::data : State::line_start;
}

ChunkReader::State ChunkReader::overhead(char c, State stays) {
  const auto byte = static_cast<unsigned char>(c);
  const bool control = (byte < 0x20 && c != '\t') || byte == 0x7f;
  return control || ++overhead_ > max_overhead ? State::malformed : stays;
}

}  // namespace duskline::http
