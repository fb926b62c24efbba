// What the connections of one server, and those of one loop, have in common.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/server.h"
#include "http/server_event_loop.h"
#include "http/server_memory.h"
#include "http/server_workers.h"

namespace duskline::http {

class ServerConnection;
class Stream;

struct ServerRoom {
  ServerRoom(const ServerOptions& chosen, Handler& answers, Clock& time)
      : options(chosen),
        handler(answers),
        clock(time),
        memory(chosen.body_memory_bytes, chosen.body_piece_bytes),
        workers(chosen.workers, chosen.worker_queue) {}
  const ServerOptions options;
  Handler& handler;
  Clock& clock;
  PieceMemory memory;
  StepWorkers workers;
  std::atomic<std::uint64_t> connections{0}, accepted{0}, refused{0}, requests{0};
  std::atomic<std::uint64_t> head_bytes{0};  // of unfinished heads that are more than small
  // For whoever waits for the last connection's end.
  std::mutex end_mutex;
  std::condition_variable ended;
};

// The connections of one event loop. On the loop's thread, but for what says otherwise.
class ConnectionGroup {
 public:
  ConnectionGroup(ServerRoom& room, EventLoop& loop) : room_(room), loop_(loop) {}
  ~ConnectionGroup();
  ConnectionGroup(const ConnectionGroup&) = delete;
  ConnectionGroup& operator=(const ConnectionGroup&) = delete;

  enum class Welcome : std::uint8_t { serve, turn_away };
  // Owns the socket, which is counted in room.connections.
  void adopt(int socket, std::unique_ptr<Stream> stream, std::string peer, bool secure, Welcome welcome);
  void retire(ServerConnection& connection);
  void tick();
  // Between requests, or not. The list is in the order in which they became so.
  void note_idle(ServerConnection& connection);
  void note_busy(ServerConnection& connection);
  void end_longest_idle();  // makes room for another connection
  void drain();             // ends what is idle, and the others after their answer; also those adopted from now on
  void break_off();         // ends all, as soon as no worker is busy with them
  [[nodiscard]] std::size_t size() const { return size_; }        // any thread
  [[nodiscard]] std::size_t idle() const { return idle_count_; }  // any thread

  [[nodiscard]] ServerRoom& room() { return room_; }
  [[nodiscard]] EventLoop& loop() { return loop_; }
  [[nodiscard]] ByteSpan in_scratch() { return in_scratch_; }
  [[nodiscard]] ByteSpan out_scratch() { return out_scratch_; }
  [[nodiscard]] std::string_view date();  // for the Date header

 private:
  ServerRoom& room_;
  EventLoop& loop_;
  std::vector<std::unique_ptr<ServerConnection>> connections_;
  std::atomic<std::size_t> size_{0}, idle_count_{0};
  ServerConnection *first_idle_ = nullptr, *last_idle_ = nullptr;
  bool draining_ = false, breaking_off_ = false;
  std::array<std::uint8_t, 64 << 10> in_scratch_{}, out_scratch_{};
  std::string date_;
  std::chrono::seconds date_of_{-1};
};

}  // namespace duskline::http
