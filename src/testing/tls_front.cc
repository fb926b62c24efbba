#include "testing/tls_front.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace duskline::testing {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void add_extension(X509* certificate, int id, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
  require(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make_certificate(EVP_PKEY* key, const std::string& host) {
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos;
  add_extension(certificate, NID_subject_alt_name, (is_address ? "IP:" : "DNS:") + host);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(certificate, key, EVP_sha256()) != 0);
  return certificate;
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  require(socket >= 0 && ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

bool write_all(int socket, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t sent = ::send(socket, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

// Both ways, until one side ends.
void pump(SSL* tls, int plain) {
  char bytes[1 << 15];
  for (;;) {
    pollfd both[2] = {{SSL_get_fd(tls), POLLIN, 0}, {plain, POLLIN, 0}};
    if (SSL_pending(tls) == 0 && ::poll(both, 2, -1) < 0) return;
    if (SSL_pending(tls) > 0 || both[0].revents != 0) {
      const int count = SSL_read(tls, bytes, sizeof bytes);
      if (count <= 0 || !write_all(plain, bytes, static_cast<std::size_t>(count))) return;
    }
    if (both[1].revents != 0) {
      const ssize_t count = ::recv(plain, bytes, sizeof bytes, 0);
      if (count <= 0 || SSL_write(tls, bytes, static_cast<int>(count)) <= 0) return;
    }
  }
}

}  // namespace

TlsFront::TlsFront(std::uint16_t backend_port, const std::string& host, const std::string& certificate_file)
    : context_(SSL_CTX_new(TLS_server_method())), backend_port_(backend_port) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that the client has closed
  EVP_PKEY* key = EVP_EC_gen("P-256");
  require(context_ != nullptr && key != nullptr);
  X509* certificate = make_certificate(key, host);
  require(SSL_CTX_use_certificate(context_, certificate) == 1 && SSL_CTX_use_PrivateKey(context_, key) == 1);
  const std::string id = "tls front";
  SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  std::FILE* file = std::fopen(certificate_file.c_str(), "we");
  require(file != nullptr && PEM_write_X509(file, certificate) == 1);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
  server_ = std::make_unique<LoopbackServer>([this](Peer& peer) { forward(peer); });
}

TlsFront::~TlsFront() {
  server_.reset();
  SSL_CTX_free(context_);
}

void TlsFront::forward(Peer& peer) {
  SSL* tls = SSL_new(context_);
  SSL_set_fd(tls, peer.socket());
  if (SSL_accept(tls) == 1) {
    if (SSL_session_reused(tls) == 1) ++resumed_;
    const int plain = connect_to(backend_port_);
    pump(tls, plain);
    ::close(plain);
    SSL_shutdown(tls);
  }
  SSL_free(tls);
}

}  // namespace duskline::testing
