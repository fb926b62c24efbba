// The server's certificate, and TLS over one connection.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "http/server.h"
#include "http/server_stream.h"

struct ssl_ctx_st;

namespace duskline::http {

// Any thread. Connections that exist go on with the certificate they began with.
class TlsIdentity {
 public:
  // Code::usage where the files cannot be read, are not PEM, or do not belong together.
  static Result<std::unique_ptr<TlsIdentity>> load(const ServerTls& files);
  Status reload();
  // Where the files have changed since they were last looked at. Nothing changes where they cannot be used (yet: of
  // two files one may have been replaced).
  void reload_if_changed();
  [[nodiscard]] std::unique_ptr<Stream> stream(int socket);  // owns the socket

 private:
  explicit TlsIdentity(ServerTls files) : files_(std::move(files)) {}
  const ServerTls files_;
  std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::string stamp_;
};

}  // namespace duskline::http
