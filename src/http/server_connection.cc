#include "http/server_connection.h"

#include <sys/epoll.h>

namespace duskline::http {
namespace {

constexpr std::chrono::seconds linger_time{30};
constexpr std::chrono::seconds linger_idle_time{5};
// An unfinished head of this size is taken without counting.
constexpr std::size_t small_head_bytes = 4 << 10;

}  // namespace

ServerConnection::ServerConnection(ConnectionGroup& group, std::unique_ptr<Stream> stream, std::string peer,
                                   bool secure)
    : group_(group),
      room_(group.room()),
      stream_(std::move(stream)),
      input_(group.in_scratch()),
      peer_(std::move(peer)),
      secure_(secure) {}

void ServerConnection::begin(int socket) {
  arm(room_.options.header_time);
  if (!secure_) await_request();
  const auto status = group_.loop().watch(socket, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this);
  if (!status) close();
}

void ServerConnection::turn_away() {
  group_.note_busy(*this);
  if (secure_) return close();  // not worth a handshake
  if (refuse_head(503) == Then::end) return close();
  advance();
}

void ServerConnection::on_events(std::uint32_t events) {
  if (phase_ == Phase::closed) return;
  if (events == 0) {
    paused_ = false;
  } else {
    stream_->note(events);
    if (paused_) return;
  }
  advance();
}

void ServerConnection::advance() {
  for (;;) {
    switch (step()) {
      case Then::go_on:
        continue;
      case Then::pause:
        if (!paused_) group_.loop().again(*this);
        paused_ = true;
        input_.keep();
        return;
      case Then::wait:
        input_.keep();
        return;
      case Then::end:
        return close();
    }
  }
}

ServerConnection::Then ServerConnection::step() {
  switch (phase_) {
    case Phase::handshake:
      return handshake();
    case Phase::head:
      return read_head();
    case Phase::invite:
      return invite();
    case Phase::body:
      return read_body();
    case Phase::dropping:
      return drop_body();
    case Phase::sending:
      return send_answer();
    case Phase::lingering:
      return linger();
    case Phase::memory:
    case Phase::working:
    case Phase::closed:
      break;
  }
  return Then::wait;
}

ServerConnection::Then ServerConnection::handshake() {
  const Moved moved = stream_->handshake();
  if (moved.kind == Moved::Kind::blocked) return Then::wait;
  if (moved.kind != Moved::Kind::some) return Then::end;
  await_request();
  return Then::go_on;
}

void ServerConnection::await_request() {
  phase_ = Phase::head;
  if (!input_.unread().empty()) return arm(room_.options.header_time);
  arm(room_.options.idle_time);
  group_.note_idle(*this);
}

ServerConnection::Then ServerConnection::read_head() {
  if (draining_) return Then::end;
  for (;;) {
    const std::string_view here = input_.unread();
    if (const auto length = finder_.find(here); length && *length <= room_.options.max_header_bytes) {
      return begin_request(here.substr(0, *length));
    } else if (length || here.size() >= room_.options.max_header_bytes) {
      const bool long_target = here.substr(0, room_.options.max_header_bytes).find('\n') == std::string_view::npos;
      return refuse_head(long_target ? 414 : 431);
    }
    if (begins_badly(here)) return refuse_head(400);
    if (!head_fits()) return refuse_head(503);
    const bool first = here.empty();
    const Moved moved = input_.read_more(*stream_);
    if (moved.kind == Moved::Kind::blocked) return Then::wait;
    if (moved.kind != Moved::Kind::some) return Then::end;
    if (first) {
      arm(room_.options.header_time);
      group_.note_busy(*this);
    }
  }
}

bool ServerConnection::head_fits() {
  const std::size_t bytes = input_.unread().size();
  count_head(bytes > small_head_bytes ? bytes : 0);
  return head_bytes_ == 0 || room_.head_bytes <= room_.options.head_memory_bytes;
}

void ServerConnection::count_head(std::size_t bytes) {
  if (bytes == head_bytes_) return;
  room_.head_bytes += bytes;
  room_.head_bytes -= head_bytes_;
  head_bytes_ = bytes;
}

ServerConnection::Then ServerConnection::begin_request(std::string_view head) {
  count_head(0);
  ParsedHead parsed = parse_head(head);
  input_.consume(head.size());
  if (parsed.status != 0) return refuse_head(parsed.status);
  ++room_.requests;
  parsed.head->peer = peer_;
  parsed.head->secure = secure_;
  parsed.head->received = room_.clock.now();
  current_ = std::make_unique<Current>();
  current_->began = room_.clock.steady();
  current_->keep_alive = parsed.keep_alive;
  current_->http_1_0 = parsed.head->http_1_0;
  current_->head_only = parsed.head->method == "HEAD";
  current_->body =
      parsed.head->chunked ? RequestBody::in_chunks() : RequestBody(parsed.head->content_length.value_or(0));
  current_->awaits_invitation = parsed.expects_continue && !current_->body.done() && input_.unread().empty();
  current_->exchange = room_.handler.begin(std::move(parsed.head));
  return begin_body();
}

// What comes after it cannot be told apart from it any more.
ServerConnection::Then ServerConnection::refuse_head(int status) {
  count_head(0);
  current_ = std::make_unique<Current>();
  current_->began = room_.clock.steady();
  current_->drops_too_much = true;
  current_->answer = room_.handler.malformed(status);
  return start_sending();
}

ServerConnection::Then ServerConnection::send_answer() {
  const std::uint64_t before = current_->outgoing.sent_bytes();
  const Outgoing::Sent sent = current_->outgoing.send(*stream_, group_.out_scratch());
  if (current_->outgoing.sent_bytes() > before) {
    arm(room_.options.stall_time / 2);
    if (before == 0) current_->first_byte = room_.clock.steady();
  }
  switch (sent) {
    case Outgoing::Sent::all:
      report(true);
      return after_answer();
    case Outgoing::Sent::blocked:
      return Then::wait;
    case Outgoing::Sent::paused:
      return Then::pause;
    case Outgoing::Sent::broken:
      break;
  }
  return Then::end;
}

ServerConnection::Then ServerConnection::after_answer() {
  const bool unread = current_->drops_too_much || !current_->body.done() || !input_.unread().empty();
  const bool keep = current_->keep_alive && !draining_;
  current_.reset();
  if (keep) {
    await_request();
    return Then::go_on;
  }
  if (!unread) {
    stream_->end_output();
    return Then::end;
  }
  // Closing now would make the kernel send a reset, which can overtake the answer.
  stream_->end_output();
  input_.consume(input_.unread().size());
  phase_ = Phase::lingering;
  linger_until_ = group_.loop().now() + linger_time;
  arm(linger_idle_time);
  return Then::go_on;
}

ServerConnection::Then ServerConnection::linger() {
  for (int turns = 0; turns < 16; ++turns) {
    const Moved moved = stream_->read(group_.in_scratch());
    if (moved.kind == Moved::Kind::blocked) return Then::wait;
    if (moved.kind != Moved::Kind::some || group_.loop().now() >= linger_until_ || draining_) return Then::end;
    arm(linger_idle_time);
  }
  return Then::pause;
}

void ServerConnection::tick() {
  if (phase_ == Phase::closed) return;
  // A piece that a slow client fills is handed on before others have to wait for its memory.
  if (phase_ == Phase::body && !current_->piece.empty() && room_.memory.scarce()) advance();
  if (phase_ == Phase::closed || group_.loop().now() < deadline_) return;
  if (deadline_passed()) advance();
}

bool ServerConnection::deadline_passed() {
  Then then = Then::end;
  switch (phase_) {
    case Phase::head:
      if (!input_.unread().empty()) then = refuse_head(408);
      break;
    case Phase::body:
      then = broken_body(408);
      break;
    case Phase::memory:
      if (!room_.memory.forget(this)) return false;  // it comes just now
      then = reply(current_->exchange->overloaded());
      break;
    case Phase::dropping:
      current_->drops_too_much = true;
      then = current_->answer ? start_sending() : finish_without_body();
      break;
    case Phase::sending:
      // A slow reader of a large window lets our writes wait for long, but takes bytes all the time.
      if (const std::uint64_t unsent = stream_->unsent_bytes(); !unsent_seen_ || unsent < *unsent_seen_) {
        arm(room_.options.stall_time / 2);
        unsent_seen_ = unsent;
        return false;
      }
      break;
    case Phase::working:
      return false;
    case Phase::handshake:
    case Phase::invite:
    case Phase::lingering:
    case Phase::closed:
      break;
  }
  if (then == Then::end) close();
  return then == Then::go_on;
}

void ServerConnection::drain() {
  draining_ = true;
  if (phase_ == Phase::handshake || phase_ == Phase::head || phase_ == Phase::lingering) close();
}

void ServerConnection::break_off() {
  draining_ = true;
  doomed_ = true;
  const bool elsewhere = phase_ == Phase::working || (phase_ == Phase::memory && !room_.memory.forget(this));
  if (!elsewhere) close();
}

void ServerConnection::report(bool complete) {
  if (current_ == nullptr || current_->exchange == nullptr) return;
  const SteadyTime now = room_.clock.steady();
  Outcome outcome;
  outcome.status = current_->status;
  outcome.body_bytes_sent = current_->outgoing.body_bytes_sent();
  outcome.body_bytes_received = current_->body.received_bytes();
  outcome.total = now - current_->began;
  outcome.turnaround = (current_->outgoing.begun() ? current_->first_byte : now) - current_->began;
  outcome.complete = complete;
  current_->exchange->sent(outcome);
  current_->exchange.reset();
}

void ServerConnection::arm(std::chrono::milliseconds from_now) {
  deadline_ = group_.loop().now() + from_now;
  unsent_seen_.reset();
}

void ServerConnection::close() {
  if (phase_ == Phase::closed) return;
  count_head(0);
  report(false);
  current_.reset();
  phase_ = Phase::closed;
  stream_.reset();  // closes the socket
  group_.retire(*this);
}

}  // namespace duskline::http
