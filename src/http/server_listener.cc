#include "http/server_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace duskline::http {
namespace {

constexpr int backlog = 4096;
constexpr int accepts_in_a_turn = 64;

struct HostPort {
  std::string host, port;
};

std::optional<HostPort> split(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  HostPort parts{address.substr(0, colon), address.substr(colon + 1)};
  if (parts.host.starts_with('[') && parts.host.ends_with(']')) {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  } else if (parts.host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  const bool digits = parts.port.find_first_not_of("0123456789") == std::string::npos;
  if (parts.port.empty() || parts.port.size() > 5 || !digits || std::stoi(parts.port) > 65535) return std::nullopt;
  return parts;
}

// Without the port: "203.0.113.7", "2001:db8::1"; IPv4 through an IPv6 socket as what it is.
std::string host_of(const sockaddr_storage& address) {
  std::array<char, NI_MAXHOST> host{};
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::getnameinfo(generic, sizeof address, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) return {};
  const std::string text = host.data();
  return text.starts_with("::ffff:") && text.find('.') != std::string::npos ? text.substr(7) : text;
}

std::string text_of(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  const bool v6 = address.ss_family == AF_INET6;
  const auto port = ntohs(v6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
  const std::string host = host_of(address);
  return (v6 && host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Error listen_error(const std::string& address, int err) {
  if (err == EADDRINUSE) {
    return {Code::already_exists, "listen on " + address + ": another program listens there already"};
  }
  if (err == EACCES) return {Code::denied, "listen on " + address + ": ports below 1024 need a privilege"};
  if (err == EADDRNOTAVAIL) return {Code::usage, "listen on " + address + ": this machine does not have that address"};
  return errno_error("listen on " + address, err);
}

bool is_shortage(int err) { return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM; }

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(const std::string& address) {
  const auto parts = split(address);
  if (!parts) {
    return Error{Code::usage,
                 "\"" + address + "\" is no address to listen on: write it as 127.0.0.1:9000 or [::1]:9000"};
  }
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const char* const host = parts->host.empty() || parts->host == "*" ? nullptr : parts->host.c_str();
  if (const int failed = ::getaddrinfo(host, parts->port.c_str(), &hints, &found); failed != 0) {
    return Error{Code::usage, "listen on " + address + ": " + ::gai_strerror(failed)};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return errno_error("make a socket to listen on", errno);
  std::unique_ptr<Listener> listener(new Listener(socket));
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit it.
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::bind(socket, found->ai_addr, found->ai_addrlen) != 0 || ::listen(socket, backlog) != 0) {
    return listen_error(address, errno);
  }
  listener->address_ = text_of(socket);
  return listener;
}

Listener::~Listener() { close(); }

Status Listener::watch_with(EventLoop& loop, std::function<void(Accepted)> on_accepted) {
  loop_ = &loop;
  on_accepted_ = std::move(on_accepted);
  return loop.watch(socket_, EPOLLIN, *this);
}

void Listener::on_events(std::uint32_t) {
  for (int i = 0; i < accepts_in_a_turn && socket_ >= 0; ++i) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int socket = ::accept4(socket_, reinterpret_cast<sockaddr*>(&address), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket >= 0) {
      on_accepted_({socket, host_of(address)});
    } else if (is_shortage(errno)) {
      pausing_ = true;
      loop_->change(socket_, 0, *this);
      return;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    }
  }
}

void Listener::tick() {
  if (!pausing_ || socket_ < 0) return;
  pausing_ = false;
  loop_->change(socket_, EPOLLIN, *this);
}

void Listener::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

}  // namespace duskline::http
