// One thread that waits for many descriptors (epoll, edge-triggered) and for tasks from other threads.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace duskline::http {

// What a descriptor belongs to. Called on the loop's thread only.
class Watched {
 public:
  virtual ~Watched() = default;
  // `events` as epoll gives them; 0: the turn that again() asked for.
  virtual void on_events(std::uint32_t events) = 0;
};

// Blocks signals in threads that are started while it lives: they are for the program's own threads, and a write to a
// connection that is gone must not end the process.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t old_{};
};

class EventLoop {
 public:
  static Result<std::unique_ptr<EventLoop>> make(Clock& clock);
  ~EventLoop();  // ends the thread
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until end(); `on_tick` is called about once in each `tick`.
  void start(std::chrono::milliseconds tick, std::function<void()> on_tick);
  // Any thread. Tasks run in the order in which they were posted; those that end() finds waiting are run.
  void post(std::function<void()> task);
  void end();  // any thread but the loop's; waits for it

  // The following from the loop's thread, or before start().
  Status watch(int fd, std::uint32_t events, Watched& watched);
  void change(int fd, std::uint32_t events, Watched& watched);
  void again(Watched& watched);                    // on_events(0) in the next turn
  void discard(std::unique_ptr<Watched> watched);  // destroyed at the end of this turn: events for it may be in hand
  [[nodiscard]] SteadyTime now() const { return now_; }  // when this turn began

 private:
  explicit EventLoop(Clock& clock) : clock_(clock) {}
  void run();
  void turn(int timeout_ms);
  void run_tasks();
  Clock& clock_;
  int epoll_ = -1, wake_ = -1;
  std::chrono::milliseconds tick_{1000};
  std::function<void()> on_tick_;
  SteadyTime now_{};
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool ending_ = false;
  std::vector<Watched*> again_;
  std::vector<std::unique_ptr<Watched>> discarded_;
  std::thread thread_;
};

}  // namespace duskline::http
