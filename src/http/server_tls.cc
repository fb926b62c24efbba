#include "http/server_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace duskline::http {
namespace {

std::string last_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "it cannot be read";
}

// HTTP/1.1 is all that we speak: a client that insists on something else learns it here.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                    unsigned in_length, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, ours, sizeof ours - 1, in, in_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<std::shared_ptr<SSL_CTX>> load_context(const ServerTls& files) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return Error{Code::internal, "TLS cannot be set up: " + last_reason()};
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // The end of a body is known without TLS: clients that just close are common.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // Tickets resume sessions without memory of ours.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate_file.c_str()) != 1) {
    return Error{Code::usage, "the TLS certificate \"" + files.certificate_file + "\" cannot be used: " +
                                  last_reason() + ". It must be PEM, the server's own certificate first"};
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return Error{Code::usage, "the TLS key \"" + files.key_file + "\" cannot be used: " + last_reason() +
                                  ". It must be PEM without a passphrase, and belong to the certificate"};
  }
  return context;
}

std::string stamp_of(const ServerTls& files) {
  std::string stamp;
  for (const std::string& path : {files.certificate_file, files.key_file}) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) continue;
    for (const auto number : {std::int64_t(status.st_ino), std::int64_t(status.st_size),
                              std::int64_t(status.st_mtim.tv_sec), std::int64_t(status.st_mtim.tv_nsec)}) {
      stamp += std::to_string(number) + " ";
    }
  }
  return stamp;
}

class TlsStream final : public Stream {
 public:
  TlsStream(int socket, std::shared_ptr<SSL_CTX> context)
      : socket_(socket), context_(std::move(context)), tls_(SSL_new(context_.get()), SSL_free) {
    if (tls_ == nullptr) return;
    SSL_set_fd(tls_.get(), socket_);
    SSL_set_accept_state(tls_.get());
  }
  ~TlsStream() override {
    tls_.reset();
    ::close(socket_);
  }
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  void note(std::uint32_t events) override { plain_end_seen_ |= (events & (EPOLLHUP | EPOLLERR)) != 0; }

  Moved handshake() override {
    if (tls_ == nullptr) return failed;
    ERR_clear_error();
    const int result = SSL_do_handshake(tls_.get());
    return result == 1 ? Moved{Moved::Kind::some, 1} : outcome_of(result);
  }

  Moved read(ByteSpan room) override {
    std::size_t total = 0;
    // A record at a time; as many as are there.
    while (total < room.size()) {
      ERR_clear_error();
      std::size_t count = 0;
      const int result = SSL_read_ex(tls_.get(), room.data() + total, room.size() - total, &count);
      if (result == 1) {
        total += count;
        continue;
      }
      if (total > 0) break;
      return outcome_of(result);
    }
    return {Moved::Kind::some, total};
  }

  Moved write(ByteView bytes, More) override {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &count);
    return result == 1 ? Moved{Moved::Kind::some, count} : outcome_of(result);
  }

  std::optional<Moved> send_file(int, std::uint64_t, std::size_t, More) override { return std::nullopt; }

  void end_output() override {
    if (!broken_) SSL_shutdown(tls_.get());
    ERR_clear_error();
    ::shutdown(socket_, SHUT_WR);
  }

  [[nodiscard]] std::uint64_t unsent_bytes() const override { return unsent_bytes_of(socket_); }

 private:
  Moved outcome_of(int result) {
    switch (SSL_get_error(tls_.get(), result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return plain_end_seen_ ? failed : blocked;
      case SSL_ERROR_ZERO_RETURN:
        return ended;
      default:
        broken_ = true;
        ERR_clear_error();
        return failed;
    }
  }

  const int socket_;
  std::shared_ptr<SSL_CTX> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_;
  bool broken_ = false, plain_end_seen_ = false;
};

}  // namespace

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::load(const ServerTls& files) {
  std::unique_ptr<TlsIdentity> identity(new TlsIdentity(files));
  DL_TRY(identity->reload());
  return identity;
}

Status TlsIdentity::reload() {
  // The stamp first: what changes while the files are read is seen by the next look.
  const std::string stamp = stamp_of(files_);
  auto context = load_context(files_);
  const std::lock_guard lock(mutex_);
  stamp_ = stamp;
  if (!context) return std::move(context).error();
  context_ = std::move(*context);
  return {};
}

void TlsIdentity::reload_if_changed() {
  {
    const std::lock_guard lock(mutex_);
    if (stamp_of(files_) == stamp_) return;
  }
  const Status kept_if_bad = reload();
  static_cast<void>(kept_if_bad);
}

std::unique_ptr<Stream> TlsIdentity::stream(int socket) {
  const std::lock_guard lock(mutex_);
  return std::make_unique<TlsStream>(socket, context_);
}

}  // namespace duskline::http
