#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <thread>

#include "http/server_kit.h"

namespace duskline::http {
namespace {

template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

// A self-signed certificate with that serial number, and its key.
void make_identity(const ServerTls& files, long serial) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Owned<X509> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  ASSERT_NE(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
  for (const bool is_key : {false, true}) {
    std::FILE* const file = std::fopen((is_key ? files.key_file : files.certificate_file).c_str(), "we");
    ASSERT_NE(file, nullptr);
    const int written = is_key ? PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr)
                               : PEM_write_X509(file, certificate.get());
    std::fclose(file);
    ASSERT_EQ(written, 1);
  }
}

class TlsClient {
 public:
  explicit TlsClient(const std::string& address)
      : plain_(address),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        tls_(SSL_new(context_.get()), SSL_free) {
    SSL_set_fd(tls_.get(), plain_.socket());
  }
  bool connect() { return SSL_connect(tls_.get()) == 1; }
  bool connect_with_protocols(const std::string& list) {
    SSL_set_alpn_protos(tls_.get(), reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned>(list.size()));
    return connect();
  }
  [[nodiscard]] std::string protocol() const {
    const unsigned char* chosen = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(tls_.get(), &chosen, &length);
    return {reinterpret_cast<const char*>(chosen), length};
  }
  [[nodiscard]] long serial() const {
    const Owned<X509> certificate(SSL_get1_peer_certificate(tls_.get()), X509_free);
    return ASN1_INTEGER_get(X509_get_serialNumber(certificate.get()));
  }
  // The answer's bytes from its status line to its body's end; `body_bytes` long.
  std::string ask(const std::string& request, std::size_t body_bytes) {
    for (std::size_t sent = 0; sent < request.size();) {
      const int count = SSL_write(tls_.get(), request.data() + sent, static_cast<int>(request.size() - sent));
      if (count <= 0) return {};
      sent += static_cast<std::size_t>(count);
    }
    std::string answer;
    for (;;) {
      const auto end = answer.find("\r\n\r\n");
      if (end != std::string::npos && answer.size() >= end + 4 + body_bytes) return answer.substr(end + 4);
      char bytes[1 << 14];
      const int count = SSL_read(tls_.get(), bytes, sizeof bytes);
      if (count <= 0) return {};
      answer.append(bytes, static_cast<std::size_t>(count));
    }
  }
  bool at_end() {
    char byte = 0;
    return SSL_read(tls_.get(), &byte, 1) <= 0;
  }

 private:
  Client plain_;
  Owned<SSL_CTX> context_;
  Owned<SSL> tls_;
};

class OpenFile final : public SharedFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() override { ::close(fd_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int descriptor() const override { return fd_; }

 private:
  int fd_;
};

class ServerTlsTest : public ServerTest {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "server_tls_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
    files_ = {.certificate_file = folder_ + "/cert.pem", .key_file = folder_ + "/key.pem"};
    make_identity(files_, 1);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] ServerOptions secure() const {
    ServerOptions options = loopback();
    options.tls = files_;
    return options;
  }
  std::string folder_;
  ServerTls files_;
};

TEST_F(ServerTlsTest, AnswersAndTellsThatItIsSecure) {
  start(
      [](const Head& head) {
        Plan plan;
        plan.finish = [secure = head->secure] { return Answer{.body = secure ? "secure" : "plain!"}; };
        return plan;
      },
      secure());
  TlsClient client(address_);
  ASSERT_TRUE(client.connect_with_protocols("\x02h2\x08http/1.1"));
  EXPECT_EQ(client.protocol(), "http/1.1");
  EXPECT_EQ(client.ask(get("/"), 6), "secure");
  EXPECT_EQ(client.ask(get("/"), 6), "secure");
  TlsClient insists(address_);
  EXPECT_FALSE(insists.connect_with_protocols("\x02h2"));
}

TEST_F(ServerTlsTest, CarriesLargeBodiesBothWays) {
  std::string body(5 << 20, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + (i * 31 + i / 1000) % 26);
  const std::string path = folder_ + "/file";
  std::FILE* const file = std::fopen(path.c_str(), "we");
  ASSERT_EQ(std::fwrite(body.data(), 1, body.size(), file), body.size());
  std::fclose(file);
  const auto opened = std::make_shared<OpenFile>(path);
  start(
      [&](const Head& head) {
        if (head->method == "PUT") return echo_plan();
        Plan plan;
        plan.finish = [&] { return Answer{.body = "start:", .files = {{opened, 7, body.size() - 7}}}; };
        return plan;
      },
      secure());
  TlsClient client(address_);
  ASSERT_TRUE(client.connect());
  EXPECT_EQ(client.ask(put("/", body), body.size()), body);
  EXPECT_EQ(client.ask(get("/"), 6 + body.size() - 7), "start:" + body.substr(7));
  TlsClient other(address_);
  ASSERT_TRUE(other.connect());
  EXPECT_EQ(other.ask(put("/", "abc"), 3), "abc");
}

TEST_F(ServerTlsTest, TakesNewCertificatesForNewConnections) {
  start([](const Head&) { return Plan{}; }, secure());
  TlsClient before(address_);
  ASSERT_TRUE(before.connect());
  EXPECT_EQ(before.serial(), 1);
  make_identity(files_, 2);
  ASSERT_TRUE(server_->reload());
  TlsClient after(address_);
  ASSERT_TRUE(after.connect());
  EXPECT_EQ(after.serial(), 2);
  EXPECT_EQ(before.ask(get("/"), 5), "hello");
  // What cannot be used changes nothing.
  std::filesystem::resize_file(files_.key_file, 10);
  const Status refused = server_->reload();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::usage);
  EXPECT_NE(refused.error().message.find("key.pem"), std::string::npos);
  TlsClient still(address_);
  ASSERT_TRUE(still.connect());
  EXPECT_EQ(still.serial(), 2);
}

TEST_F(ServerTlsTest, RefusesToStartWithoutAUsableCertificate) {
  PlannedHandler handler;
  auto options = secure();
  options.tls->certificate_file = folder_ + "/absent.pem";
  EXPECT_EQ(Server::start(options, handler, clock_).error().code, Code::usage);
  // A key that belongs to another certificate.
  const ServerTls other{folder_ + "/other_cert.pem", folder_ + "/other_key.pem"};
  make_identity(other, 3);
  options.tls = {files_.certificate_file, other.key_file};
  EXPECT_EQ(Server::start(options, handler, clock_).error().code, Code::usage);
}

TEST_F(ServerTlsTest, EndsGarbageInsteadOfAHandshake) {
  auto options = secure();
  options.header_time = std::chrono::milliseconds(30);
  start([](const Head&) { return Plan{}; }, options);
  Client plain(address_);
  plain.send(get("/") + std::string(1000, 'x'));
  plain.rest();  // an alert, perhaps; and the end
  Client silent(address_);
  EXPECT_TRUE(silent.at_end());
  TlsClient good(address_);
  ASSERT_TRUE(good.connect());
  EXPECT_EQ(good.ask(get("/"), 5), "hello");
}

TEST_F(ServerTlsTest, StopsWhileClientsAreConnected) {
  start([](const Head&) { return Plan{}; }, secure());
  TlsClient idle(address_);
  ASSERT_TRUE(idle.connect());
  Client handshaking(address_);
  EXPECT_EQ(idle.ask(get("/"), 5), "hello");
  server_->stop(std::chrono::steady_clock::now() + std::chrono::seconds(60));
  EXPECT_TRUE(idle.at_end());
  EXPECT_TRUE(handshaking.at_end());
}

}  // namespace
}  // namespace duskline::http
