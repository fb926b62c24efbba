// Accepts connections, and shares them out among the loops.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/server_event_loop.h"

namespace duskline::http {

struct Accepted {
  int socket = -1;
  std::string peer;  // without port
};

// On one loop's thread, once open.
class Listener final : public Watched {
 public:
  // "127.0.0.1:9000", "[::1]:0", "localhost:9000", ":9000" (every address). Code::usage where that is none,
  // already_exists where somebody listens there, denied for ports that need a privilege.
  static Result<std::unique_ptr<Listener>> open(const std::string& address);
  ~Listener() override;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  Status watch_with(EventLoop& loop, std::function<void(Accepted)> on_accepted);
  void on_events(std::uint32_t events) override;
  // Out of descriptors or memory, accepting pauses until here rather than spin.
  void tick();
  void close();

 private:
  explicit Listener(int socket) : socket_(socket) {}
  int socket_;
  std::string address_;
  EventLoop* loop_ = nullptr;
  bool pausing_ = false;
  std::function<void(Accepted)> on_accepted_;
};

}  // namespace duskline::http
