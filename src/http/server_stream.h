// The bytes of one connection, plain or through TLS, without waiting.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "base/bytes.h"

namespace duskline::http {

struct Moved {
  enum class Kind : std::uint8_t {
    some,     // `bytes` of them, at least one
    blocked,  // an event will tell when to try again
    ended,    // the other side sends no more
    failed,   // the connection is of no use any more
  } kind = Kind::failed;
  std::size_t bytes = 0;
};
inline constexpr Moved blocked{Moved::Kind::blocked}, ended{Moved::Kind::ended}, failed{Moved::Kind::failed};

enum class More : std::uint8_t { no, follows };  // follows: the last packet may wait for what comes next

class Stream {
 public:
  virtual ~Stream() = default;
  // What epoll said of the socket; before the next call.
  virtual void note(std::uint32_t events) = 0;
  virtual Moved handshake() = 0;  // `some` once it is complete
  virtual Moved read(ByteSpan room) = 0;
  // After `blocked` the same bytes come first in the next call, and not fewer.
  virtual Moved write(ByteView bytes, More more) = 0;
  // Straight from a file; nothing where this kind of stream cannot. Kind::ended: the file is shorter than that.
  virtual std::optional<Moved> send_file(int file, std::uint64_t offset_bytes, std::size_t length, More more) = 0;
  virtual void end_output() = 0;
  // Written, but not yet taken by the other side.
  [[nodiscard]] virtual std::uint64_t unsent_bytes() const = 0;
};

[[nodiscard]] std::uint64_t unsent_bytes_of(int socket);
[[nodiscard]] std::unique_ptr<Stream> plain_stream(int socket);  // owns the socket

}  // namespace duskline::http
