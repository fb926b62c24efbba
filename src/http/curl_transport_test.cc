#include <gtest/gtest.h>

#include <poll.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "http/transport.h"
#include "testing/loopback_server.h"

namespace duskline::http {
namespace {

using duskline::testing::HttpRequest;
using duskline::testing::LoopbackServer;
using duskline::testing::Noted;
using duskline::testing::Peer;
using std::chrono::milliseconds;

constexpr std::uint64_t plenty = 1 << 20;

struct Outcome {
  Result<Response> response;
  std::string body;
};

Outcome fetch(Transport& transport, const Request& request, std::uint64_t max_bytes = plenty, const Op& op = {}) {
  Bytes body;
  BufferSink sink(body, plenty);
  auto response = transport.send(op, request, sink, max_bytes);
  return {std::move(response), std::string(text_of(body))};
}

Outcome fetch(const LoopbackServer& server, const std::string& path = "/") {
  const auto transport = open_curl_transport({});
  return fetch(*transport, {.url = server.url() + path});
}

// Answers every request on a connection by `reply`, until it returns false or the client closes.
LoopbackServer::Handler for_each_request(std::function<bool(Peer&, const HttpRequest&)> reply) {
  return [reply = std::move(reply)](Peer& peer) {
    while (const auto request = peer.read_request()) {
      if (!reply(peer, *request)) return;
    }
  };
}

LoopbackServer::Handler raw(std::string answer) {
  return for_each_request([answer = std::move(answer)](Peer& peer, const HttpRequest&) {
    peer.write(answer);
    return false;
  });
}

TEST(CurlTransport, SendsTheUrlAndHeadersAsTheyAreAndStreamsTheBody) {
  Noted<HttpRequest> noted;
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest& request) {
    noted.set(request);
    return peer.answer(200, "ETag: \"x\"\r\n", "hello");
  }));
  const auto transport = open_curl_transport({});
  const auto got =
      fetch(*transport, {.url = server.url() + "/a/../%2f+b?z=1&a=%20", .headers = {{"X-One", "1"}, {"x-empty", ""}}});
  ASSERT_TRUE(got.response) << got.response.error().describe();
  EXPECT_EQ(got.response->status, 200);
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.response->body_bytes, 5U);
  EXPECT_EQ(*got.response->header("etag"), "\"x\"");
  const HttpRequest seen = noted.get();
  EXPECT_EQ(seen.target, "/a/../%2f+b?z=1&a=%20");
  EXPECT_EQ(seen.header("x-one"), "1");
  EXPECT_EQ(seen.headers.count("x-empty"), 1U);
  EXPECT_EQ(seen.header("host"), "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(seen.headers.count("expect"), 0U);
}

TEST(CurlTransport, SendsBodiesWithTheirLength) {
  Noted<HttpRequest> noted;
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest& request) {
    noted.set(request);
    return peer.answer(204, "", "");
  }));
  const auto transport = open_curl_transport({});
  const std::string content(3 << 20, 'q');
  for (const std::string& text : {content, std::string()}) {
    for (const char* method : {"PUT", "POST"}) {
      BufferSource body(bytes_of(text));
      const auto got = fetch(*transport, {.method = method, .url = server.url(), .body = &body});
      ASSERT_TRUE(got.response) << got.response.error().describe();
      const HttpRequest seen = noted.get();
      EXPECT_EQ(seen.method, method);
      EXPECT_EQ(seen.header("content-length"), std::to_string(text.size()));
      EXPECT_TRUE(seen.body == text);
      EXPECT_EQ(seen.headers.count("expect"), 0U);
    }
  }
}

TEST(CurlTransport, ReusesOneConnectionForRequestsInTurn) {
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest&) { return peer.answer(200, "", "x"); }));
  const auto transport = open_curl_transport({});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(fetch(*transport, {.url = server.url()}).response);
  for (const char* method : {"HEAD", "DELETE"}) {
    LoopbackServer other(for_each_request([&](Peer& peer, const HttpRequest&) { return peer.answer(204, "", ""); }));
    ASSERT_TRUE(fetch(*transport, {.method = method, .url = other.url()}).response);
  }
  ASSERT_TRUE(fetch(*transport, {.url = server.url()}).response);
  EXPECT_EQ(server.connections(), 1U);
}

TEST(CurlTransport, ReopensAConnectionThatTheServerClosedWhileIdle) {
  // Without a body, with a small one, and with one during which the close is noticed.
  const std::string none, small = "again", large(5 << 20, 'l');
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest& request) {
    peer.answer(200, "", std::to_string(request.body.size()));
    return false;
  }));
  const auto transport = open_curl_transport({});
  unsigned sent = 0;
  for (int round = 0; round < 3; ++round) {
    for (const std::string* text : {&none, &small, &large}) {
      BufferSource body(bytes_of(*text));
      Request request{.url = server.url()};
      if (text != &none) request.method = "PUT", request.body = &body;
      const auto got = fetch(*transport, request);
      ASSERT_TRUE(got.response) << got.response.error().describe();
      EXPECT_EQ(got.body, std::to_string(body.size_bytes()));
      ++sent;
    }
  }
  EXPECT_EQ(server.connections(), sent);
}

TEST(CurlTransport, SendsABodyAgainWhenAKeptConnectionBreaksUnderIt) {
  LoopbackServer server([](Peer& peer) {
    if (const auto request = peer.read_request()) peer.answer(200, "", std::to_string(request->body.size()));
    peer.read_some();  // the next request has begun
    peer.reset();
  });
  const auto transport = open_curl_transport({});
  const std::string content(5 << 20, 'l');
  for (unsigned i = 1; i <= 20; ++i) {
    BufferSource body(bytes_of(content));
    const auto got = fetch(*transport, {.method = "PUT", .url = server.url(), .body = &body});
    ASSERT_TRUE(got.response) << got.response.error().describe();
    EXPECT_EQ(got.body, std::to_string(content.size()));
    EXPECT_EQ(server.connections(), i);
  }
}

TEST(CurlTransport, SendsNothingAgainWhenANewConnectionBreaks) {
  LoopbackServer server([](Peer& peer) {
    peer.read_some();
    peer.reset();
  });
  const auto transport = open_curl_transport({});
  const std::string content(5 << 20, 'l');
  BufferSource body(bytes_of(content));
  const auto got = fetch(*transport, {.method = "PUT", .url = server.url(), .body = &body});
  EXPECT_EQ(got.response.error().code, Code::unavailable);
  EXPECT_EQ(server.connections(), 1U);
}

TEST(CurlTransport, ServesManyThreadsAtOnce) {
  LoopbackServer server(
      for_each_request([&](Peer& peer, const HttpRequest& request) { return peer.answer(200, "", request.target); }));
  const auto transport = open_curl_transport({});
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 20; ++i) {
          const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
          if (fetch(*transport, {.url = server.url() + path}).body != path) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(server.connections(), 8U);
}

TEST(CurlTransport, KeepsTheStartOfAnErrorAnswerFromTheSink) {
  const std::string long_text(100'000, 'e');
  LoopbackServer server(
      for_each_request([&](Peer& peer, const HttpRequest&) { return peer.answer(403, "", long_text); }));
  const auto got = fetch(server);
  ASSERT_TRUE(got.response) << got.response.error().describe();
  EXPECT_EQ(got.response->status, 403);
  EXPECT_EQ(got.body, "");
  EXPECT_EQ(got.response->body_start, long_text.substr(0, 64 << 10));
}

TEST(CurlTransport, FollowsNoRedirect) {
  LoopbackServer server(for_each_request(
      [&](Peer& peer, const HttpRequest&) { return peer.answer(307, "Location: http://127.0.0.1:1/\r\n", "away"); }));
  const auto got = fetch(server);
  ASSERT_TRUE(got.response);
  EXPECT_EQ(got.response->status, 307);
  EXPECT_EQ(got.response->body_start, "away");
}

TEST(CurlTransport, LetsTheCallerRefuseAnAnswerByItsHeaders) {
  LoopbackServer server(
      for_each_request([&](Peer& peer, const HttpRequest&) { return peer.answer(200, "A: b\r\n", "x"); }));
  const auto transport = open_curl_transport({});
  int calls = 0;
  Request request{.url = server.url()};
  request.accept = [&](const Response& response) -> Status {
    ++calls;
    EXPECT_EQ(*response.header("a"), "b");
    return Error{Code::unsupported, "not this"};
  };
  const auto got = fetch(*transport, request);
  ASSERT_FALSE(got.response);
  EXPECT_EQ(got.response.error().code, Code::unsupported);
  EXPECT_EQ(got.body, "");
  EXPECT_EQ(calls, 1);
}

TEST(CurlTransport, AsksToAcceptAlsoWithoutABody) {
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest&) { return peer.answer(200, "", ""); }));
  const auto transport = open_curl_transport({});
  Request request{.url = server.url()};
  request.accept = [](const Response&) -> Status { return Error{Code::unsupported, "not this"}; };
  EXPECT_EQ(fetch(*transport, request).response.error().code, Code::unsupported);
}

TEST(CurlTransport, ReturnsTheSinksError) {
  LoopbackServer server(
      for_each_request([&](Peer& peer, const HttpRequest&) { return peer.answer(200, "", "too much"); }));
  const auto transport = open_curl_transport({});
  Bytes body;
  BufferSink sink(body, 3);
  const auto got = transport->send({}, {.url = server.url()}, sink, plenty);
  EXPECT_EQ(got.error().code, Code::too_large);
}

TEST(CurlTransport, ReturnsTheSourcesError) {
  class Broken final : public Source {
   public:
    [[nodiscard]] std::uint64_t size_bytes() const override { return 100; }
    Status rewind() override { return {}; }
    Result<std::size_t> read(ByteSpan) override { return Error{Code::changing, "moved"}; }
  };
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest&) { return peer.answer(200, "", ""); }));
  const auto transport = open_curl_transport({});
  Broken body;
  EXPECT_EQ(fetch(*transport, {.method = "PUT", .url = server.url(), .body = &body}).response.error().code,
            Code::changing);
}

TEST(CurlTransport, SendsNoBodyThatIsNotAsLongAsPromised) {
  class Odd final : public Source {
   public:
    explicit Odd(std::size_t has) : has_(has) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return 100'000; }
    Status rewind() override { return {}; }
    Result<std::size_t> read(ByteSpan into) override {
      const std::size_t count = std::min(into.size(), has_);
      has_ -= count;
      return count;
    }

   private:
    std::size_t has_;
  };
  std::atomic<int> complete{0};
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest&) {
    ++complete;
    return peer.answer(200, "", "");
  }));
  const auto transport = open_curl_transport({});
  for (const std::size_t has : {99'999U, 100'001U}) {
    Odd body(has);
    EXPECT_EQ(fetch(*transport, {.method = "PUT", .url = server.url(), .body = &body}).response.error().code,
              Code::changing);
  }
  EXPECT_EQ(complete, 0);
}

struct BadAnswer {
  const char* name;
  std::string answer;
  Code code;
};
class CurlTransportBad : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(CurlTransportBad, IsAnErrorThatNamesTheUrlWithoutItsQuery) {
  LoopbackServer server(raw(GetParam().answer));
  const auto got = fetch(server, "/key?X-Amz-Signature=5ec2e7");
  ASSERT_FALSE(got.response);
  EXPECT_EQ(got.response.error().code, GetParam().code) << got.response.error().describe();
  const std::string text = got.response.error().describe();
  EXPECT_NE(text.find(server.url() + "/key"), std::string::npos) << text;
  EXPECT_EQ(text.find("5ec2e7"), std::string::npos) << text;
}

std::string many_headers() {
  std::string text = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 2000; ++i) text += "X-Header-" + std::to_string(i) + ": " + std::string(100, 'h') + "\r\n";
  return text + "Content-Length: 0\r\n\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, CurlTransportBad,
    ::testing::Values(
        BadAnswer{"nothing", "", Code::unavailable},
        BadAnswer{"garbage", "\x01\x02 garbage\r\n\r\n", Code::unavailable},
        BadAnswer{"half_of_the_headers", "HTTP/1.1 200 OK\r\nContent-Le", Code::unavailable},
        BadAnswer{"short_body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Code::unavailable},
        BadAnswer{"broken_chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Code::unavailable},
        BadAnswer{"unended_chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                  Code::unavailable},
        BadAnswer{"negative_length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc", Code::unavailable},
        BadAnswer{"one_endless_header", "HTTP/1.1 200 OK\r\nA: " + std::string(200'000, 'h'), Code::unavailable},
        BadAnswer{"many_headers", many_headers(), Code::unavailable},
        BadAnswer{"too_long", "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(2'000'000, 'x'),
                  Code::too_large}),
    [](const auto& info) { return info.param.name; });

TEST(CurlTransport, StopsAnEndlessBodyAtTheLimit) {
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest&) {
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (peer.write("4\r\nmore\r\n")) {
    }
    return false;
  }));
  const auto transport = open_curl_transport({});
  const auto got = fetch(*transport, {.url = server.url()}, 100);
  EXPECT_EQ(got.response.error().code, Code::too_large);
  EXPECT_LE(got.body.size(), 100U);
}

TEST(CurlTransport, StopsAnEndlessErrorAnswer) {
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest&) {
    peer.write("HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (peer.write("4\r\nmore\r\n")) {
    }
    return false;
  }));
  const auto got = fetch(server);
  ASSERT_TRUE(got.response) << got.response.error().describe();
  EXPECT_EQ(got.response->status, 500);
  EXPECT_EQ(got.response->body_start.size(), std::size_t{64} << 10);
}

TEST(CurlTransport, CallsAResetUnavailable) {
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest&) {
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
    peer.reset();
    return false;
  }));
  EXPECT_EQ(fetch(server).response.error().code, Code::unavailable);
}

TEST(CurlTransport, GivesUpOnABodyThatStalls) {
  LoopbackServer server(for_each_request([&](Peer& peer, const HttpRequest&) {
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
    peer.wait_until_closed();
    return false;
  }));
  const auto transport = open_curl_transport({.stall_limit = milliseconds(30)});
  const auto got = fetch(*transport, {.url = server.url()});
  EXPECT_EQ(got.response.error().code, Code::unavailable);
  EXPECT_NE(got.response.error().describe().find("nothing was received"), std::string::npos);
}

TEST(CurlTransport, GivesUpOnAnUploadThatStalls) {
  LoopbackServer server([](Peer& peer) {
    // Reads nothing: both sides' buffers fill up, and the rest cannot leave. A reset or close by the client ends it.
    pollfd closed{peer.socket(), POLLRDHUP, 0};
    poll(&closed, 1, -1);
  });
  const auto transport = open_curl_transport({.stall_limit = milliseconds(100)});
  const Bytes content(64 << 20);
  BufferSource body(content);
  const auto got = fetch(*transport, {.method = "PUT", .url = server.url(), .body = &body});
  EXPECT_EQ(got.response.error().code, Code::unavailable);
}

TEST(CurlTransport, EndsAtTheDeadline) {
  LoopbackServer server([](Peer& peer) { peer.wait_until_closed(); });
  const auto transport = open_curl_transport({});
  Op op;
  op.deadline = std::chrono::steady_clock::now() + milliseconds(30);
  EXPECT_EQ(fetch(*transport, {.url = server.url()}, plenty, op).response.error().code, Code::timeout);
}

TEST(CurlTransport, IsCancelledWhileItWaits) {
  std::stop_source stop;
  LoopbackServer server([&](Peer& peer) {
    peer.read_request();
    stop.request_stop();  // the client waits for an answer by now
    peer.wait_until_closed();
  });
  const auto transport = open_curl_transport({.stall_limit = std::chrono::hours(1)});
  Op op;
  op.stop = stop.get_token();
  EXPECT_EQ(fetch(*transport, {.url = server.url()}, plenty, op).response.error().code, Code::cancelled);
  EXPECT_EQ(fetch(*transport, {.url = server.url()}, plenty, op).response.error().code, Code::cancelled);
}

TEST(CurlTransport, IsCancelledInMidBody) {
  class Stopping final : public Sink {
   public:
    Status write(ByteView bytes) override {
      received += bytes.size();
      stop.request_stop();
      return {};
    }
    std::stop_source stop;
    std::uint64_t received = 0;
  };
  const std::string content(32 << 20, 'x');
  LoopbackServer server(
      for_each_request([&](Peer& peer, const HttpRequest&) { return peer.answer(200, "", content); }));
  const auto transport = open_curl_transport({});
  Stopping sink;
  Op op;
  op.stop = sink.stop.get_token();
  EXPECT_EQ(transport->send(op, {.url = server.url()}, sink, content.size()).error().code, Code::cancelled);
  EXPECT_LE(sink.received, 1U << 20);
}

TEST(CurlTransport, SaysThatNobodyListens) {
  std::string url;
  {
    url = LoopbackServer([](Peer&) {}).url();
  }
  const auto transport = open_curl_transport({});
  const auto got = fetch(*transport, {.url = url});
  EXPECT_EQ(got.response.error().code, Code::unavailable);
}

TEST(CurlTransport, SaysThatANameIsUnknown) {
  const auto transport = open_curl_transport({});
  const auto got = fetch(*transport, {.url = "http://no-such-host.invalid/", .proxies = Proxies::none});
  EXPECT_EQ(got.response.error().code, Code::unavailable);
  EXPECT_NE(got.response.error().describe().find("no-such-host.invalid"), std::string::npos);
}

TEST(CurlTransport, RefusesHeadersThatWouldBeSeveral) {
  const auto transport = open_curl_transport({});
  const Headers bad[] = {{{"a", "b\r\nc: d"}}, {{"a\r\nb", "c"}}, {{"a", "\x01"}},
                         {{"", "a"}},          {{"a b", "c"}},    {{"a:b", "c"}}};
  for (const Headers& headers : bad) {
    EXPECT_EQ(fetch(*transport, {.url = "http://127.0.0.1:1/", .headers = headers}).response.error().code,
              Code::invalid);
  }
}

TEST(CurlTransport, RefusesOtherProtocols) {
  const auto transport = open_curl_transport({});
  EXPECT_EQ(fetch(*transport, {.url = "file:///etc/passwd"}).response.error().code, Code::usage);
}

// Sets a variable for the time of a test, in a process that has no other thread then.
class WithVariable {
 public:
  WithVariable(std::string name, const std::string& value) : name_(std::move(name)) {
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~WithVariable() { unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

class CurlTransportProxy : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"})
      unsetenv(name);
  }
};

TEST_P(CurlTransportProxy, IsUsedUnlessExcepted) {
  Noted<HttpRequest> noted;
  LoopbackServer proxy(for_each_request([&](Peer& peer, const HttpRequest& request) {
    noted.set(request);
    return peer.answer(200, "", "by proxy");
  }));
  const auto transport = open_curl_transport({});
  const Request request{.url = "http://store.invalid/key"};
  const WithVariable setting(GetParam(), "http://user:pa55word@127.0.0.1:" + std::to_string(proxy.port()));
  const auto got = fetch(*transport, request);
  ASSERT_TRUE(got.response) << got.response.error().describe();
  EXPECT_EQ(got.body, "by proxy");
  const HttpRequest seen = noted.get();
  EXPECT_EQ(seen.target, "http://store.invalid/key");
  EXPECT_NE(seen.header("proxy-authorization"), "");

  Request direct = request;
  direct.proxies = Proxies::none;
  EXPECT_FALSE(fetch(*transport, direct).response);
  for (const char* exception : {"no_proxy", "NO_PROXY"}) {
    const WithVariable except(exception, "other.invalid,store.invalid");
    EXPECT_FALSE(fetch(*transport, request).response) << exception;
  }
}

INSTANTIATE_TEST_SUITE_P(All, CurlTransportProxy,
                         ::testing::Values("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"));

TEST(CurlTransport, ShowsNoPasswordOfAProxyThatIsDown) {
  std::string authority;
  {
    authority = LoopbackServer([](Peer&) {}).url().substr(7);
  }
  const WithVariable setting("http_proxy", "http://user:pa55word@" + authority);
  const auto transport = open_curl_transport({});
  const auto got = fetch(*transport, {.url = "http://store.invalid/key"});
  EXPECT_EQ(got.response.error().code, Code::unavailable);
  EXPECT_EQ(got.response.error().describe().find("pa55word"), std::string::npos);
}

}  // namespace
}  // namespace duskline::http
