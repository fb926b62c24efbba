// A server on 127.0.0.1 for tests: plain blocking sockets, one thread per connection, no HTTP library, so that it can
// misbehave in any way. Header only: the libraries below src/testing use it in their unit tests too.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace duskline::testing {

struct HttpRequest {
  std::string method, target;                       // target as sent
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// A value that a server's thread leaves for the test.
template <typename T>
class Noted {
 public:
  void set(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }
  [[nodiscard]] T get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

// One accepted connection, used by its own thread.
class Peer {
 public:
  explicit Peer(int socket) : socket_(socket) {
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  // The next request, or nothing where the client has closed. Bodies by Content-Length only.
  std::optional<HttpRequest> read_request() {
    HttpRequest request;
    auto line = read_line();
    if (!line) return std::nullopt;
    const auto first = line->find(' '), second = line->rfind(' ');
    if (first == std::string::npos || first == second) return std::nullopt;
    request.method = line->substr(0, first);
    request.target = line->substr(first + 1, second - first - 1);
    for (line = read_line(); line && !line->empty(); line = read_line()) {
      const auto colon = line->find(':');
      if (colon == std::string::npos) return std::nullopt;
      std::string name = line->substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      const auto value = line->find_first_not_of(' ', colon + 1);
      request.headers.emplace(name, value == std::string::npos ? "" : line->substr(value));
    }
    if (!line) return std::nullopt;
    const std::string text = request.header("content-length");
    std::size_t length = 0;
    std::from_chars(text.data(), text.data() + text.size(), length);
    request.body = buffer_.substr(0, length);
    buffer_.erase(0, request.body.size());
    std::size_t have = request.body.size();
    request.body.resize(length);
    while (have < length) {
      const ssize_t count = ::recv(socket_, request.body.data() + have, length - have, 0);
      if (count <= 0) return std::nullopt;
      have += static_cast<std::size_t>(count);
    }
    return request;
  }

  // False once the client has closed.
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  bool answer(int status, std::string_view headers, std::string_view body) {
    std::string text =
        "HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    text.append(headers).append("\r\n").append(body);
    return write(text);
  }

  // Ends the connection with a TCP reset.
  void reset() {
    const linger now{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    reset_ = true;
  }

  // Blocks until the client closes, or the server is destroyed.
  void wait_until_closed() {
    while (fill()) {
    }
  }

  // Bytes as they come, for what is not HTTP; empty at the end.
  std::string read_some() {
    if (buffer_.empty() && !fill()) return {};
    return std::exchange(buffer_, {});
  }

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] bool is_reset() const { return reset_; }

 private:
  bool fill() {
    char bytes[1 << 16];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  std::optional<std::string> read_line() {
    for (;;) {
      if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return line;
      }
      if (!fill()) return std::nullopt;
    }
  }

  const int socket_;
  std::string buffer_;
  bool reset_ = false;
};

class LoopbackServer {
 public:
  using Handler = std::function<void(Peer&)>;  // called once per connection; the connection ends when it returns

  explicit LoopbackServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, generic, sizeof address) != 0 || ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, generic, &length) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~LoopbackServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (Session& session : sessions_) {
        if (session.socket >= 0) ::shutdown(session.socket, SHUT_RDWR);
      }
    }
    for (Session& session : sessions_) session.thread.join();
    ::close(listener_);
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] unsigned connections() const { return connections_; }

 private:
  struct Session {
    int socket = -1;
    std::thread thread;
  };

  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      const std::lock_guard lock(mutex_);
      ++connections_;
      Session& session = sessions_.emplace_back();
      session.socket = socket;
      session.thread = std::thread([this, &session] { serve(session); });
      if (stopping_) ::shutdown(socket, SHUT_RDWR);
    }
  }

  void serve(Session& session) {
    Peer peer(session.socket);
    handler_(peer);
    const std::lock_guard lock(mutex_);
    if (!peer.is_reset()) ::shutdown(session.socket, SHUT_RDWR);
    ::close(session.socket);
    session.socket = -1;
  }

  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<unsigned> connections_{0};
  std::mutex mutex_;
  std::list<Session> sessions_;
  std::thread acceptor_;
};

}  // namespace duskline::testing
