// Tells the service manager that started us (systemd) how we are: sd_notify(3), without its library.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace duskline::cli {

class ServiceManager {
 public:
  // `socket`: $NOTIFY_SOCKET. Without one, nobody is told.
  explicit ServiceManager(const std::optional<std::string>& socket);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready(std::string_view status) const;
  void reloading() const;  // then ready() again
  void stopping() const;

 private:
  void tell(std::string_view message) const;
  int socket_ = -1;
};

}  // namespace duskline::cli
