// Puts TLS in front of a plain loopback server, with a certificate made for the occasion.
#pragma once

#include <memory>
#include <string>

#include "testing/loopback_server.h"

struct ssl_ctx_st;

namespace duskline::testing {

class TlsFront {
 public:
  // Writes the self-signed certificate for `host` (a name, or "127.0.0.1") to `certificate_file` as PEM.
  TlsFront(std::uint16_t backend_port, const std::string& host, const std::string& certificate_file);
  ~TlsFront();
  TlsFront(const TlsFront&) = delete;
  TlsFront& operator=(const TlsFront&) = delete;
  [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + std::to_string(server_->port()); }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  // How many of the TLS sessions were resumed ones.
  [[nodiscard]] unsigned resumed() const { return resumed_; }

 private:
  void forward(Peer& peer);
  ssl_ctx_st* context_ = nullptr;
  const std::uint16_t backend_port_;
  std::atomic<unsigned> resumed_{0};
  std::unique_ptr<LoopbackServer> server_;
};

}  // namespace duskline::testing
