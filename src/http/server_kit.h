// What the server's tests share: a handler that does as told, and a client that sends and reads bytes as they are.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

#include "http/server.h"

namespace duskline::http {

// Everything that an exchange may do, as functions.
struct Plan {
  Exchange::Wants wants = Exchange::Wants::answer;
  std::function<std::optional<Answer>(ByteView)> body = [](ByteView) { return std::nullopt; };
  std::function<Answer()> finish = [] { return Answer{.status = 200, .body = "hello"}; };
  std::function<void(const Outcome&)> sent = [](const Outcome&) {};
};

class PlannedExchange final : public Exchange {
 public:
  explicit PlannedExchange(Plan plan) : plan_(std::move(plan)) {}
  [[nodiscard]] Wants wants() const override { return plan_.wants; }
  std::optional<Answer> body(ByteView piece) override { return plan_.body(piece); }
  Answer finish() override { return plan_.finish(); }
  Answer overloaded() override { return {.status = 503, .body = "overloaded"}; }
  Answer broken(int status) override { return {.status = status, .body = "broken"}; }
  void sent(const Outcome& outcome) override { plan_.sent(outcome); }

 private:
  Plan plan_;
};

using Head = std::shared_ptr<const RequestHead>;

// Answers by a function of the head; by default "hello".
class PlannedHandler final : public Handler {
 public:
  explicit PlannedHandler(std::function<Plan(const Head&)> plan = [](const Head&) { return Plan{}; })
      : plan_(std::move(plan)) {}
  std::unique_ptr<Exchange> begin(Head head) override {
    Plan plan = plan_(head);
    plan.sent = [this, then = plan.sent](const Outcome& outcome) {
      then(outcome);
      const std::lock_guard lock(mutex_);
      outcomes_.push_back(outcome);
      changed_.notify_all();
    };
    return std::make_unique<PlannedExchange>(std::move(plan));
  }
  Answer malformed(int status) override { return {.status = status, .body = "malformed"}; }

  // Waits for the outcome of the exchange of that number, from 0.
  Outcome outcome(std::size_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return outcomes_.size() > number; });
    return outcomes_[number];
  }

 private:
  std::function<Plan(const Head&)> plan_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Outcome> outcomes_;
};

// Takes the whole body in, and gives it back with how it came: "3 pieces: ...".
inline Plan echo_plan() {
  auto text = std::make_shared<std::string>();
  auto pieces = std::make_shared<int>(0);
  Plan plan;
  plan.wants = Exchange::Wants::body;
  plan.body = [text, pieces](ByteView piece) -> std::optional<Answer> {
    text->append(text_of(piece));
    ++*pieces;
    return std::nullopt;
  };
  plan.finish = [text, pieces] {
    return Answer{.status = 200, .headers = {{"x-pieces", std::to_string(*pieces)}}, .body = *text};
  };
  return plan;
}

// Where a worker waits until the test lets it go on.
class Barrier {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void await_arrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

struct Received {
  int status = 0;
  std::string version;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class Client {
 public:
  explicit Client(const std::string& address) : Client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), address) {}
  Client(int socket, const std::string& address) : socket_(socket) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) close();
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False once the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void end_output() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  [[nodiscard]] int socket() const { return socket_; }

  // The next answer; status 0 where the connection ends before it is whole. `method`: HEAD has no body.
  Received receive(std::string_view method = "GET") {
    Received answer;
    std::string line = read_line();
    if (line.size() < 12) return answer;
    answer.version = line.substr(0, 8);
    const int status = std::stoi(line.substr(9, 3));
    for (line = read_line(); !line.empty(); line = read_line()) {
      const auto colon = line.find(": ");
      if (colon == std::string::npos) return answer;
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      answer.headers.emplace(name, line.substr(colon + 2));
    }
    const std::string length = answer.header("content-length");
    const std::size_t body = method == "HEAD" || length.empty() ? 0 : std::stoull(length);
    while (buffer_.size() < body && fill()) {
    }
    answer.body = buffer_.substr(0, body);
    buffer_.erase(0, answer.body.size());
    if (answer.body.size() == body) answer.status = status;
    return answer;
  }
  Received ask(std::string_view request) {
    send(request);
    return receive(request.substr(0, request.find(' ')));
  }
  // True where the server closes without another byte.
  bool at_end() { return buffer_.empty() && !fill(); }
  // Everything until the server closes.
  std::string rest() {
    while (fill()) {
    }
    return std::exchange(buffer_, {});
  }

 private:
  bool fill() {
    char bytes[1 << 16];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  std::string read_line() {
    for (;;) {
      if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return line;
      }
      if (!fill()) return {};
    }
  }
  int socket_ = -1;
  std::string buffer_;
};

inline std::string get(const std::string& target, const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n";
}
inline std::string put(const std::string& target, const std::string& body, const std::string& headers = "") {
  return "PUT " + target + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
         "\r\n" + body;
}

class ServerTest : public testing::Test {
 protected:
  static ServerOptions loopback() {
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    options.loops = 2;
    options.workers = 4;
    return options;
  }
  void start(std::function<Plan(const Head&)> plan, ServerOptions options = loopback()) {
    server_.reset();
    handler_ = std::make_unique<PlannedHandler>(std::move(plan));
    auto started = Server::start(options, *handler_, clock_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    address_ = server_->address();
  }
  void start() {
    start([](const Head&) { return Plan{}; });
  }

  RealClock clock_;
  std::unique_ptr<PlannedHandler> handler_;
  std::unique_ptr<Server> server_;  // before the handler goes
  std::string address_;
};

}  // namespace duskline::http
