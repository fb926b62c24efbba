// The part of a connection's life from a request's head to its answer.
#include "http/server_connection.h"

namespace duskline::http {
namespace {

constexpr const char* invitation = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

ServerConnection::Then ServerConnection::begin_body() {
  if (current_->body.done()) return finish_without_body();
  arm(room_.options.stall_time);
  if (current_->exchange->wants() != Exchange::Wants::body) {
    if (!may_drop_rest()) return finish_without_body();
    phase_ = Phase::dropping;
    return Then::go_on;
  }
  phase_ = Phase::body;
  if (current_->awaits_invitation) {
    current_->outgoing = Outgoing(std::string(invitation));
    phase_ = Phase::invite;
  }
  return Then::go_on;
}

ServerConnection::Then ServerConnection::invite() {
  switch (current_->outgoing.send(*stream_, group_.out_scratch())) {
    case Outgoing::Sent::all:
      current_->outgoing = Outgoing();
      current_->awaits_invitation = false;
      phase_ = Phase::body;
      return Then::go_on;
    case Outgoing::Sent::blocked:
    case Outgoing::Sent::paused:
      return Then::wait;
    case Outgoing::Sent::broken:
      break;
  }
  return Then::end;
}

ServerConnection::Then ServerConnection::read_body() {
  Current& current = *current_;
  for (;;) {
    if (current.body.malformed()) return broken_body(400);
    if (current.body.done()) {
      current.last_step = true;
      return run_step_later();
    }
    if (!current.piece.has_memory()) {
      if (const Then then = take_memory(); then != Then::go_on) return then;
    }
    if (current.piece.room().empty()) return run_step_later();
    const Moved moved = current.body.fill(input_, *stream_, current.piece.room());
    if (moved.kind == Moved::Kind::some) {
      current.piece.grow(moved.bytes);
      arm(room_.options.stall_time);
      continue;
    }
    if (moved.kind != Moved::Kind::blocked) return broken_body(400);
    if (!room_.memory.scarce()) return Then::wait;
    if (!current.piece.empty()) return run_step_later();
    current.piece = Piece();  // nothing has come: the memory is for those who have something
    return Then::wait;
  }
}

ServerConnection::Then ServerConnection::take_memory() {
  const std::uint64_t left = current_->body.left_bytes().value_or(UINT64_MAX);
  const std::size_t bytes = std::min<std::uint64_t>(left, room_.memory.piece_bytes());
  phase_ = Phase::memory;
  current_->piece = room_.memory.take(bytes, this, [this](std::shared_ptr<Piece> piece) {
    group_.loop().post([this, piece = std::move(piece)] { memory_came(std::move(*piece)); });
  });
  if (!current_->piece.has_memory()) return Then::wait;
  phase_ = Phase::body;
  return Then::go_on;
}

void ServerConnection::memory_came(Piece piece) {
  if (doomed_) return close();
  current_->piece = std::move(piece);
  phase_ = Phase::body;
  arm(room_.options.stall_time);
  advance();
}

ServerConnection::Then ServerConnection::drop_body() {
  Current& current = *current_;
  for (int turns = 0; turns < 16; ++turns) {
    const bool enough = current.body.malformed() || current.dropped_bytes > room_.options.dropped_body_bytes;
    if (enough) current.drops_too_much = true;
    if (enough || current.body.done()) return current.answer ? start_sending() : finish_without_body();
    const Moved moved = current.body.fill(input_, *stream_, group_.out_scratch());
    if (moved.kind == Moved::Kind::blocked) return Then::wait;
    if (moved.kind == Moved::Kind::some) {
      current.dropped_bytes += moved.bytes;
      arm(room_.options.stall_time);
    } else {
      current.drops_too_much = true;
      return current.answer ? start_sending() : finish_without_body();
    }
  }
  return Then::pause;
}

ServerConnection::Then ServerConnection::finish_without_body() {
  if (current_->exchange->wants() == Exchange::Wants::answer) return reply(current_->exchange->finish());
  current_->last_step = true;
  return run_step_later();
}

ServerConnection::Then ServerConnection::run_step_later() {
  phase_ = Phase::working;
  if (room_.workers.submit([this] { run_step(); })) return Then::wait;
  current_->piece = Piece();
  return reply(current_->exchange->overloaded());
}

// The loop leaves current_ alone until step_done().
void ServerConnection::run_step() {
  Current& current = *current_;
  if (!current.piece.empty()) current.answer = current.exchange->body(current.piece.filled());
  current.piece = Piece();
  if (!current.answer && current.last_step) current.answer = current.exchange->finish();
  group_.loop().post([this] { step_done(); });
}

void ServerConnection::step_done() {
  if (doomed_) return close();
  phase_ = Phase::body;
  arm(room_.options.stall_time);
  if (current_->answer) {
    Answer answer = std::move(*current_->answer);
    if (reply(std::move(answer)) == Then::end) return close();
  }
  advance();
}

ServerConnection::Then ServerConnection::broken_body(int status) {
  current_->piece = Piece();
  current_->drops_too_much = true;
  return reply(current_->exchange->broken(status));
}

bool ServerConnection::may_drop_rest() const {
  const auto left = current_->body.left_bytes();
  return !current_->drops_too_much && !current_->awaits_invitation && !current_->body.malformed() &&
         left.value_or(0) <= room_.options.dropped_body_bytes;
}

ServerConnection::Then ServerConnection::reply(Answer answer) {
  current_->answer = std::move(answer);
  current_->piece = Piece();
  if (current_->body.done() || !may_drop_rest()) return start_sending();
  phase_ = Phase::dropping;
  arm(room_.options.stall_time);
  return Then::go_on;
}

ServerConnection::Then ServerConnection::start_sending() {
  Current& current = *current_;
  const bool in_step = current.body.done() && !current.drops_too_much;
  current.keep_alive = current.keep_alive && in_step && !current.answer->close && !draining_;
  current.status = current.answer->status;
  current.outgoing = Outgoing(std::move(*current.answer), {.date = group_.date(),
                                                           .head_only = current.head_only,
                                                           .keep_alive = current.keep_alive,
                                                           .http_1_0 = current.http_1_0});
  current.answer.reset();
  phase_ = Phase::sending;
  arm(room_.options.stall_time / 2);
  return Then::go_on;
}

}  // namespace duskline::http
