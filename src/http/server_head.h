// Reads the head of a request. Strict, because what a proxy in front of us and we understand differently is a hole
// through which requests are smuggled: only CRLF ends a line, nothing is folded, one framing and no other.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "http/server.h"

namespace duskline::http {

// How long the head at the front of some bytes is, with its empty line; for bytes that come bit by bit.
class HeadFinder {
 public:
  // Nothing while the head is incomplete. `bytes`: what was given before, with more at its end.
  std::optional<std::size_t> find(std::string_view bytes);

 private:
  std::size_t searched_ = 0;
};

// True where these first bytes cannot begin a request, so that waiting for more is in vain (TLS on a plain port).
[[nodiscard]] bool begins_badly(std::string_view bytes);

struct ParsedHead {
  int status = 0;  // 0, or what to answer: 400, 431, 501, 505
  std::shared_ptr<RequestHead> head;
  bool keep_alive = false;
  bool expects_continue = false;
};
// `text`: as long as HeadFinder says. Fills what the text says; peer, secure and received are the caller's.
[[nodiscard]] ParsedHead parse_head(std::string_view text);

}  // namespace duskline::http
