#include "http/server_event_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace duskline::http {

SignalsBlocked::SignalsBlocked() {
  sigset_t blocked;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF}) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_BLOCK, &blocked, &old_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

Result<std::unique_ptr<EventLoop>> EventLoop::make(Clock& clock) {
  std::unique_ptr<EventLoop> loop(new EventLoop(clock));
  loop->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  loop->wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (loop->epoll_ < 0 || loop->wake_ < 0) return errno_error("start the HTTP server's event loop", errno);
  loop->now_ = clock.steady();
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (::epoll_ctl(loop->epoll_, EPOLL_CTL_ADD, loop->wake_, &event) != 0) {
    return errno_error("start the HTTP server's event loop", errno);
  }
  return loop;
}

EventLoop::~EventLoop() {
  end();
  discarded_.clear();
  if (epoll_ >= 0) ::close(epoll_);
  if (wake_ >= 0) ::close(wake_);
}

void EventLoop::start(std::chrono::milliseconds tick, std::function<void()> on_tick) {
  tick_ = tick;
  on_tick_ = std::move(on_tick);
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

void EventLoop::post(std::function<void()> task) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (first) ::eventfd_write(wake_, 1);
}

void EventLoop::end() {
  if (!thread_.joinable()) return;
  post([this] { ending_ = true; });
  thread_.join();
}

Status EventLoop::watch(int fd, std::uint32_t events, Watched& watched) {
  epoll_event event{.events = events, .data = {.ptr = &watched}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return errno_error("watch a socket", errno);
  return {};
}

void EventLoop::change(int fd, std::uint32_t events, Watched& watched) {
  epoll_event event{.events = events, .data = {.ptr = &watched}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::again(Watched& watched) { again_.push_back(&watched); }

void EventLoop::discard(std::unique_ptr<Watched> watched) {
  std::erase(again_, watched.get());
  discarded_.push_back(std::move(watched));
}

void EventLoop::run() {
  auto next_tick = std::chrono::steady_clock::now() + tick_;
  while (!ending_) {
    const auto now = std::chrono::steady_clock::now();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_tick - now).count();
    turn(again_.empty() ? static_cast<int>(std::clamp<std::int64_t>(left, 0, tick_.count())) : 0);
    if (left <= 0 || std::chrono::steady_clock::now() >= next_tick) {
      on_tick_();
      next_tick = std::chrono::steady_clock::now() + tick_;
    }
    discarded_.clear();
  }
}

void EventLoop::turn(int timeout_ms) {
  std::array<epoll_event, 256> events{};
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  now_ = clock_.steady();
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      woken = true;
    } else {
      static_cast<Watched*>(event.data.ptr)->on_events(event.events);
    }
  }
  if (woken) run_tasks();
  // What discard() takes out of again_ meanwhile is still alive in this turn, and knows that it is closed.
  const auto waiting = std::exchange(again_, {});
  for (Watched* watched : waiting) watched->on_events(0);
}

void EventLoop::run_tasks() {
  eventfd_t ignored = 0;
  ::eventfd_read(wake_, &ignored);
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) task();
}

}  // namespace duskline::http
