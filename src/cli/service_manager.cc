#include "cli/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>

namespace duskline::cli {
namespace {

// Nobody is told where the socket cannot be reached: a service must not end for that.
int connect_to(const std::string& path) {
  sockaddr_un address{};
  if (path.size() < 2 || path.size() >= sizeof address.sun_path) return -1;
  if (path.front() != '/' && path.front() != '@') return -1;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket >= 0 && ::connect(socket, reinterpret_cast<sockaddr*>(&address), length) != 0) {
    ::close(socket);
    return -1;
  }
  return socket;
}

}  // namespace

ServiceManager::ServiceManager(const std::optional<std::string>& socket) {
  if (socket) socket_ = connect_to(*socket);
}

ServiceManager::~ServiceManager() {
  if (socket_ >= 0) ::close(socket_);
}

void ServiceManager::ready(std::string_view status) const { tell("READY=1\nSTATUS=" + std::string(status)); }

void ServiceManager::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void ServiceManager::stopping() const { tell("STOPPING=1"); }

void ServiceManager::tell(std::string_view message) const {
  if (socket_ < 0) return;
  [[maybe_unused]] const ssize_t ignored = ::send(socket_, message.data(), message.size(), MSG_NOSIGNAL);
}

}  // namespace duskline::cli
