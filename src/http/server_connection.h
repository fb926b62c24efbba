// One client's connection: a small machine that goes on whenever its socket, a worker or the clock lets it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/server_event_loop.h"
#include "http/server_head.h"
#include "http/server_input.h"
#include "http/server_memory.h"
#include "http/server_outgoing.h"
#include "http/server_room.h"
#include "http/server_stream.h"

namespace duskline::http {

// On its loop's thread, but for run_step().
class ServerConnection final : public Watched {
 public:
  ServerConnection(ConnectionGroup& group, std::unique_ptr<Stream> stream, std::string peer, bool secure);
  ~ServerConnection() override = default;
  void begin(int socket);
  void turn_away();  // says 503
  void on_events(std::uint32_t events) override;
  void tick();
  void drain();
  void break_off();
  [[nodiscard]] bool is_open() const { return phase_ != Phase::closed; }

  // The group's.
  std::size_t place = 0;
  bool idle = false;
  ServerConnection *idle_before = nullptr, *idle_after = nullptr;

 private:
  enum class Phase : std::uint8_t {
    handshake,
    head,       // waiting for a request, or for the rest of its head
    invite,     // sending 100 Continue
    body,       // receiving a piece
    memory,     // waiting for room for a piece
    working,    // a worker has the exchange
    dropping,   // reading what nobody wants, to keep the connection
    sending,    // the answer
    lingering,  // our side is done; reading on for a while, so that the client gets to read our answer
    closed,
  };
  enum class Then : std::uint8_t { go_on, wait, pause, end };

  void advance();
  Then step();
  Then handshake();
  Then read_head();
  Then begin_request(std::string_view head);
  Then refuse_head(int status);
  Then begin_body();
  Then invite();
  Then read_body();
  Then take_memory();
  Then drop_body();
  Then run_step_later();
  Then finish_without_body();
  Then broken_body(int status);
  Then reply(Answer answer);
  Then send_answer();
  Then after_answer();
  Then linger();
  [[nodiscard]] bool may_drop_rest() const;
  Then start_sending();
  void run_step();  // on a worker
  void step_done();
  void memory_came(Piece piece);
  bool deadline_passed();  // true: go on
  void report(bool complete);
  void arm(std::chrono::milliseconds from_now);
  void await_request();
  [[nodiscard]] bool head_fits();
  void count_head(std::size_t bytes);
  void close();

  ConnectionGroup& group_;
  ServerRoom& room_;
  std::unique_ptr<Stream> stream_;
  Input input_;
  const std::string peer_;
  const bool secure_;
  Phase phase_ = Phase::handshake;
  bool draining_ = false;
  bool doomed_ = false;  // to be closed as soon as no other thread has to do with it
  bool paused_ = false;  // on the loop's list for another turn
  SteadyTime deadline_{};
  SteadyTime linger_until_{};
  std::optional<std::uint64_t> unsent_seen_;  // while sending: half a stall ago
  HeadFinder finder_;
  std::size_t head_bytes_ = 0;  // as counted in the room

  // Of the request in hand.
  struct Current {
    std::unique_ptr<Exchange> exchange;
    RequestBody body;
    Piece piece;
    bool last_step = false;  // finish() follows the piece
    bool keep_alive = false, http_1_0 = false, head_only = false;
    bool awaits_invitation = false;  // the client waits for 100 Continue
    bool drops_too_much = false;
    std::uint64_t dropped_bytes = 0;
    std::optional<Answer> answer;
    Outgoing outgoing;
    SteadyTime began{}, first_byte{};
    int status = 0;
  };
  std::unique_ptr<Current> current_;  // none between requests: an idle connection is small
};

}  // namespace duskline::http
