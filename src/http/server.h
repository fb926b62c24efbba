// An HTTP/1.1 server: event-loop threads own the connections, a bounded pool of workers does what may wait.
//
// An idle connection holds a socket and a small buffer, no thread. Bodies come in pieces, one at a time for each
// connection, so that a slow client holds nothing but its buffer; files go out by sendfile from the loop (through
// TLS by reads). Every limit below ends with an answer or a closed connection, never with a queue that grows.
// RFC 9110, RFC 9112.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/op.h"
#include "http/transport.h"

namespace duskline::http {

struct RequestHead {
  std::string method;
  std::string target;  // as sent: "/bucket/a%20b?list-type=2"
  Headers headers;     // names in lower case, in the order they came; values trimmed, any bytes but control characters
  std::string peer;    // "203.0.113.7" or "2001:db8::1"
  bool secure = false;
  bool http_1_0 = false;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;  // transfer-encoding: chunked
  WallTime received{};
  [[nodiscard]] const std::string* header(std::string_view lower_case_name) const;  // the first of that name
};

// A file that stays open as long as somebody sends from it.
class SharedFile {
 public:
  virtual ~SharedFile() = default;
  [[nodiscard]] virtual int descriptor() const = 0;
  // Otherwise it is never sent straight from the descriptor, but as read_at() gives it.
  [[nodiscard]] virtual bool is_sent_as_it_lies() const { return true; }
  // As pread(2). Any thread; must not wait for anything but the disk.
  [[nodiscard]] virtual ssize_t read_at(ByteSpan room, std::uint64_t offset_bytes) const;
};
struct FileSlice {
  std::shared_ptr<const SharedFile> file;
  std::uint64_t offset_bytes = 0, length_bytes = 0;
};

struct Answer {
  int status = 200;
  Headers headers;               // without content-length, date, connection: the server adds them
  std::string body;              // sent first,
  std::vector<FileSlice> files;  // then these, in order
  // Announced although nothing is sent: answers to HEAD.
  std::optional<std::uint64_t> head_length;
  bool close = false;  // the connection, afterwards
};

struct Outcome {
  int status = 0;
  std::uint64_t body_bytes_sent = 0;
  std::uint64_t body_bytes_received = 0;
  std::chrono::nanoseconds total{};       // from the head's arrival to the last byte sent
  std::chrono::nanoseconds turnaround{};  // to the first byte sent
  bool complete = false;                  // false: the client went away, or the file ended early
};

// One request's life. Its calls never overlap, but come from different threads.
class Exchange {
 public:
  virtual ~Exchange() = default;
  enum class Wants : std::uint8_t {
    answer,  // finish() at once, on the event loop: it must not wait for anything but memory and page cache
    work,    // finish() on a worker; a body that comes is dropped
    body,    // body() for each piece, on workers, then finish()
  };
  [[nodiscard]] virtual Wants wants() const = 0;
  // A piece of the body, never empty. An answer here ends the exchange early.
  virtual std::optional<Answer> body(ByteView piece) = 0;
  virtual Answer finish() = 0;
  // The workers' queue is full: called on the loop instead of the next step, ends the exchange.
  virtual Answer overloaded() = 0;
  // The body broke off, was malformed, or came too slowly: `status` is what the server would answer (400, 408, 413).
  virtual Answer broken(int status) = 0;
  // The answer has gone out, or could not. On the loop; must not wait.
  virtual void sent(const Outcome&) {}
};

class Handler {
 public:
  virtual ~Handler() = default;
  // A request's head is complete. On an event-loop thread: must not wait for anything but memory and page cache.
  // Any thread; several at once.
  virtual std::unique_ptr<Exchange> begin(std::shared_ptr<const RequestHead> head) = 0;
  // A head that is no request (400, 408, 414, 431, 501, 505), or too many connections (503).
  virtual Answer malformed(int status) = 0;
};

struct ServerTls {
  std::string certificate_file, key_file;  // PEM; read again when they change
};

struct ServerOptions {
  std::string listen = "127.0.0.1:9000";  // "[::1]:0"; port 0: any
  std::optional<ServerTls> tls;
  unsigned loops = 0;  // 0: one for each CPU, at most 4
  unsigned workers = 32;
  std::size_t worker_queue = 512;                 // steps waiting for a worker; beyond: overloaded()
  std::size_t max_connections = 20'000;           // at the limit, whoever is idle for longest makes room
  std::size_t max_header_bytes = 64 << 10;        // the request line with it; S3 clients send some 10 KiB at most
  std::uint64_t head_memory_bytes = 24 << 20;     // of all unfinished heads beyond 4 KiB each; then 503
  std::size_t body_piece_bytes = 256 << 10;       // at most, for one body() call; small bodies come in one piece
  std::uint64_t body_memory_bytes = 24 << 20;     // of all connections' body pieces; connections wait for their turn
  std::chrono::milliseconds header_time{20'000};  // from a request's first byte to the end of its head; TLS handshake
  std::chrono::milliseconds idle_time{120'000};   // between requests
  std::chrono::milliseconds stall_time{60'000};   // without a byte in or out during a body
  std::uint64_t dropped_body_bytes = 1 << 20;     // of unwanted body that is read to keep a connection
};

struct ServerCounts {
  std::uint64_t connections = 0, accepted = 0, refused = 0, requests = 0, workers_busy = 0, steps_waiting = 0;
};

class Server {
 public:
  virtual ~Server() = default;
  // Listens when this returns. `handler` must outlive the server. Code::usage for an address or certificate that
  // cannot be used; Code::already_exists where another process listens there.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Handler& handler, Clock& clock);
  [[nodiscard]] virtual std::string address() const = 0;  // "127.0.0.1:40123"
  [[nodiscard]] virtual ServerCounts counts() const = 0;
  virtual Status reload() = 0;  // certificates; the old ones stay where the new ones cannot be used
  // Accepts nothing more, lets exchanges that run end until `deadline`, then breaks them off. Idempotent.
  virtual void stop(SteadyTime deadline) = 0;
};

}  // namespace duskline::http
