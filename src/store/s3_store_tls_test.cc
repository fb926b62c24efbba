#include <gtest/gtest.h>

#include <fstream>

#include "store/s3_store.h"
#include "testing/bad_s3_server.h"
#include "testing/must.h"
#include "testing/scratch.h"
#include "testing/tls_front.h"

namespace duskline::store {
namespace {

using testing::BadS3Server;
using testing::must;

class FixedCredentials final : public s3::CredentialSource {
 public:
  explicit FixedCredentials(s3::Credentials credentials) : credentials_(std::move(credentials)) {}
  Result<s3::Credentials> get(const Op&) override { return credentials_; }
  void invalidate() override {}

 private:
  const s3::Credentials credentials_;
};

struct Fixture {
  explicit Fixture(const std::string& certified_host = "127.0.0.1")
      : ca_file(scratch.path("ca.pem")), front(server.port(), certified_host, ca_file) {}

  std::unique_ptr<ObjectStore> open(http::Transport& transport, S3Options options = {}) {
    options.bucket = BadS3Server::bucket;
    if (options.endpoint.empty()) options.endpoint = front.url();
    return must(
        open_s3_store(options, transport, std::make_unique<FixedCredentials>(server.settings().credentials), clock));
  }

  // The error of a request by a transport with these options.
  Error refused(const http::TransportOptions& http, S3Options options = {}) {
    const auto transport = http::open_curl_transport(http);
    const auto got = open(*transport, std::move(options))->head({}, Key("k"));
    return got ? Error{Code::internal, "it went well"} : got.error();
  }

  testing::Scratch scratch;
  std::string ca_file;
  BadS3Server server;
  testing::TlsFront front;
  RealClock clock;
};

TEST(S3StoreTls, TrustsTheAuthorityOfTheFile) {
  Fixture f;
  const auto transport = http::open_curl_transport({.ca_file = f.ca_file});
  const auto store = f.open(*transport);
  must(put_all(*store, {}, Key("k"), bytes_of("x"), {}));
  EXPECT_EQ(text_of(must(get_all(*store, {}, Key("k"), 10))), "x");
  EXPECT_EQ(f.server.connections(), 1U);
}

TEST(S3StoreTls, TrustsNobodyElse) {
  Fixture f;
  const Error error = f.refused({});
  EXPECT_EQ(error.code, Code::io) << error.describe();
  EXPECT_NE(error.describe().find("--ca-file"), std::string::npos) << error.describe();
  EXPECT_TRUE(f.server.requests().empty());
}

TEST(S3StoreTls, TrustsNoCertificateOfAnotherHost) {
  Fixture f("other.example");
  EXPECT_EQ(f.refused({.ca_file = f.ca_file}).code, Code::io);
  EXPECT_TRUE(f.server.requests().empty());
}

TEST(S3StoreTls, NamesACaFileThatCannotBeUsed) {
  Fixture f;
  std::ofstream(f.scratch.path("empty.pem")) << "nothing";
  for (const char* name : {"absent.pem", "empty.pem"}) {
    const Error error = f.refused({.ca_file = f.scratch.path(name)});
    EXPECT_EQ(error.code, Code::usage);
    EXPECT_NE(error.describe().find(name), std::string::npos) << error.describe();
  }
}

TEST(S3StoreTls, SaysThatTheServerSpeaksNoTls) {
  Fixture f;
  testing::LoopbackServer plain([](testing::Peer& peer) {
    peer.read_some();
    peer.answer(400, "", "this is a plain HTTP server");
  });
  EXPECT_EQ(f.refused({}, {.endpoint = "https://127.0.0.1:" + std::to_string(plain.port())}).code, Code::io);
}

TEST(S3StoreTls, KeepsACustomersKeyToTls) {
  Fixture f;
  const auto transport = http::open_curl_transport({.ca_file = f.ca_file});
  S3Options options;
  options.encryption = "sse-c";
  options.customer_key = std::string(32, 'k');
  options.multipart_from_bytes = 6 << 20;
  options.part_bytes = 5 << 20;
  const auto store = f.open(*transport, options);
  const Bytes small(10, 's'), large(7 << 20, 'l');
  must(put_all(*store, {}, Key("small"), small, {}));
  must(put_all(*store, {}, Key("large"), large, {}));
  EXPECT_EQ(must(get_all(*store, {}, Key("small"), 10)), small);
  EXPECT_EQ(must(get_all(*store, {}, Key("large"), large.size())), large);
  ASSERT_TRUE(must(store->head({}, Key("large"))));
  EXPECT_EQ(f.server.objects().at("small").headers.at("x-amz-server-side-encryption-customer-algorithm"), "AES256");
  EXPECT_FALSE(get_all(*f.open(*transport), {}, Key("small"), 10)) << "without the key";
}

// Opens a second connection while the first is busy.
class NestedSink final : public Sink {
 public:
  NestedSink(ObjectStore& store, int depth) : store_(store), depth_(depth) {}
  Status write(ByteView) override {
    if (depth_ == 0) return {};
    NestedSink inner(store_, depth_ - 1);
    DL_TRY(store_.get({}, Key("k"), {}, inner));
    return {};
  }

 private:
  ObjectStore& store_;
  const int depth_;
};

TEST(S3StoreTls, ResumesSessionsOnNewConnections) {
  Fixture f;
  const auto transport = http::open_curl_transport({.ca_file = f.ca_file});
  const auto store = f.open(*transport);
  f.server.put("k", "x");
  NestedSink sink(*store, 2);
  must(store->get({}, Key("k"), {}, sink));
  EXPECT_EQ(f.server.connections(), 3U);
  EXPECT_EQ(f.front.resumed(), 2U);
}

}  // namespace
}  // namespace duskline::store
