#include "http/server.h"

#include <fcntl.h>

#include <thread>

#include "http/server_kit.h"

namespace duskline::http {
namespace {

class TempFile final : public SharedFile {
 public:
  explicit TempFile(const std::string& bytes) : fd_(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
    EXPECT_EQ(::pwrite(fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  ~TempFile() override { ::close(fd_); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  [[nodiscard]] int descriptor() const override { return fd_; }

 private:
  int fd_;
};

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

TEST_F(ServerTest, AnswersOnAConnectionThatStays) {
  start();
  Client client(address_);
  for (int i = 0; i < 3; ++i) {
    const Received answer = client.ask(get("/a"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.version, "HTTP/1.1");
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.header("content-length"), "5");
    EXPECT_EQ(answer.header("date").size(), 29U);
    EXPECT_EQ(answer.headers.count("connection"), 0U);
  }
  EXPECT_EQ(server_->counts().accepted, 1U);
  EXPECT_EQ(server_->counts().requests, 3U);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInTheirOrder) {
  start([](const Head& head) {
    Plan plan;
    if (head->target.ends_with("w")) plan.wants = Exchange::Wants::work;
    plan.finish = [head] { return Answer{.status = 200, .body = head->target}; };
    return plan;
  });
  Client client(address_);
  client.send(get("/1") + get("/2w") + put("/3", "body that nobody wants") + get("/4w") + get("/5").substr(0, 10));
  for (const char* target : {"/1", "/2w", "/3", "/4w"}) EXPECT_EQ(client.receive().body, target);
  client.send(get("/5").substr(10));
  EXPECT_EQ(client.receive().body, "/5");
}

TEST_F(ServerTest, TellsTheHandlerWhatTheHeadSays) {
  Head seen;
  start([&](const Head& head) {
    seen = head;
    return Plan{};
  });
  Client client(address_);
  client.ask(
      "\r\nPOST /b/k%20?x=%C3%A4&y HTTP/1.1\r\nHOST: Example:1\r\nX-Amz-Meta-Name:  \xc3\xa4 b\t \r\nX-Empty:\r\n"
      "X-Amz-Meta-Name: 2\r\nContent-Length: 0\r\n\r\n");
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(seen->method, "POST");
  EXPECT_EQ(seen->target, "/b/k%20?x=%C3%A4&y");
  const Headers expected = {{"host", "Example:1"},
                            {"x-amz-meta-name", "\xc3\xa4 b"},
                            {"x-empty", ""},
                            {"x-amz-meta-name", "2"},
                            {"content-length", "0"}};
  EXPECT_EQ(seen->headers, expected);
  EXPECT_EQ(*seen->header("x-amz-meta-name"), "\xc3\xa4 b");
  EXPECT_EQ(seen->header("absent"), nullptr);
  EXPECT_EQ(seen->peer, "127.0.0.1");
  EXPECT_EQ(seen->content_length, 0U);
  EXPECT_FALSE(seen->secure);
  EXPECT_FALSE(seen->chunked);
}

TEST_F(ServerTest, ServesHttp10) {
  start();
  Client client(address_);
  const Received kept = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.body, "hello");
  EXPECT_EQ(kept.header("connection"), "keep-alive");
  const Received last = client.ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(last.body, "hello");
  EXPECT_EQ(last.header("connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, ClosesWhereEitherSideAsksForIt) {
  start([](const Head& head) {
    Plan plan;
    plan.finish = [close = head->target == "/close"] { return Answer{.body = "x", .close = close}; };
    return plan;
  });
  Client asking(address_);
  EXPECT_EQ(asking.ask(get("/", "Connection: Foo, Close\r\n")).header("connection"), "close");
  EXPECT_TRUE(asking.at_end());
  Client told(address_);
  EXPECT_EQ(told.ask(get("/close")).header("connection"), "close");
  EXPECT_TRUE(told.at_end());
}

TEST_F(ServerTest, AnswersAHalfClosedClient) {
  start([](const Head&) {
    Plan plan = echo_plan();
    return plan;
  });
  Client client(address_);
  client.send(put("/", "abc"));
  client.end_output();
  EXPECT_EQ(client.receive().body, "abc");
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, GivesAHeadAnswerItsLengthAndNoBody) {
  start([](const Head& head) {
    Plan plan;
    plan.finish = [head] {
      Answer answer{.body = "hello"};
      if (head->target == "/long") answer.head_length = 1'000'000;
      return answer;
    };
    return plan;
  });
  Client client(address_);
  EXPECT_EQ(client.ask("HEAD /long HTTP/1.1\r\nHost: h\r\n\r\n").header("content-length"), "1000000");
  EXPECT_EQ(client.ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").header("content-length"), "5");
  EXPECT_EQ(client.ask(get("/")).body, "hello");
}

TEST_F(ServerTest, SendsNoBodyWhereTheStatusHasNone) {
  start([](const Head& head) {
    Plan plan;
    plan.finish = [head] { return Answer{.status = std::stoi(head->target.substr(1)), .body = ""}; };
    return plan;
  });
  Client client(address_);
  EXPECT_EQ(client.ask(get("/204")).headers.count("content-length"), 0U);
  EXPECT_EQ(client.ask(get("/304")).headers.count("content-length"), 0U);
  EXPECT_EQ(client.ask(get("/200")).header("content-length"), "0");
}

TEST_F(ServerTest, KeepsControlCharactersOutOfHeaders) {
  start([](const Head&) {
    Plan plan;
    plan.finish = [] { return Answer{.headers = {{"x-a", "b\r\nx-evil: 1"}, {"x-\xc3\xa4", "\xc3\xa4"}}}; };
    return plan;
  });
  Client client(address_);
  const Received answer = client.ask(get("/"));
  EXPECT_EQ(answer.header("x-a"), "b  x-evil: 1");
  EXPECT_EQ(answer.headers.count("x-evil"), 0U);
  EXPECT_EQ(answer.header("x-\xc3\xa4"), "\xc3\xa4");
}

TEST_F(ServerTest, GivesASmallBodyInOnePiece) {
  start([](const Head&) { return echo_plan(); });
  Client client(address_);
  const std::string body = pattern(200 << 10);
  const Received answer = client.ask(put("/", body));
  EXPECT_EQ(answer.body, body);
  EXPECT_EQ(answer.header("x-pieces"), "1");
  const Outcome outcome = handler_->outcome(0);
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body_bytes_received, body.size());
  EXPECT_EQ(outcome.body_bytes_sent, body.size());
  EXPECT_GE(outcome.total, outcome.turnaround);
  EXPECT_EQ(client.ask(put("/", "")).body, "");
}

TEST_F(ServerTest, GivesALargeBodyInBoundedPieces) {
  auto options = loopback();
  options.body_piece_bytes = 10'000;
  start([](const Head&) { return echo_plan(); }, options);
  Client client(address_);
  const std::string body = pattern(95'000);
  const Received answer = client.ask(put("/", body));
  EXPECT_EQ(answer.body, body);
  EXPECT_EQ(answer.header("x-pieces"), "10");
}

TEST_F(ServerTest, TakesChunkedBodies) {
  start([](const Head&) { return echo_plan(); });
  Client client(address_);
  const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n";
  EXPECT_EQ(client.ask(head + "3\r\nabc\r\n0A;name=\"v\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n").body,
            "abc0123456789");
  EXPECT_EQ(client.ask(head + "0\r\n\r\n").body, "");
  // Byte by byte, with the next request at its end.
  for (const char c : head + "2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n") client.send({&c, 1});
  EXPECT_EQ(client.receive().body, "xyz");
  EXPECT_EQ(client.ask(put("/", "after")).body, "after");
}

TEST_F(ServerTest, InvitesABodyOnlyWhereItIsWanted) {
  start([](const Head& head) {
    Plan plan = echo_plan();
    if (head->target == "/no") plan.wants = Exchange::Wants::answer;
    return plan;
  });
  Client client(address_);
  const std::string expect = "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n";
  client.send("PUT / HTTP/1.1\r\nHost: h\r\n" + expect);
  EXPECT_EQ(client.receive().status, 100);
  client.send("abcde");
  EXPECT_EQ(client.receive().body, "abcde");
  // Where the body comes at once there is nothing to invite.
  EXPECT_EQ(client.ask("PUT / HTTP/1.1\r\nHost: h\r\n" + expect + "fghij").body, "fghij");
  // A final answer instead: what follows could be the body or not, so the connection ends.
  const Received answer = client.ask("PUT /no HTTP/1.1\r\nHost: h\r\n" + expect);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("connection"), "close");
  client.end_output();
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, DropsASmallBodyAndKeepsTheConnection) {
  start([](const Head& head) {
    Plan plan;
    if (head->target == "/early") {
      plan.wants = Exchange::Wants::body;
      plan.body = [](ByteView) { return Answer{.status = 403, .body = "no"}; };
    }
    return plan;
  });
  Client client(address_);
  EXPECT_EQ(client.ask(put("/", pattern(500'000))).body, "hello");
  EXPECT_EQ(client.ask(put("/early", pattern(900'000))).status, 403);
  EXPECT_EQ(client.ask(get("/")).body, "hello");
}

TEST_F(ServerTest, AnswersAtOnceWhereTheUnwantedBodyIsLarge) {
  start([](const Head& head) {
    Plan plan;
    plan.finish = [] { return Answer{.status = 403, .body = "no"}; };
    if (head->target == "/work") plan.wants = Exchange::Wants::work;
    return plan;
  });
  for (const char* target : {"/", "/work"}) {
    Client client(address_);
    client.send("PUT " + std::string(target) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
    const Received answer = client.receive();
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.header("connection"), "close");
    // It reads on for a while, so that a client that is still sending gets to read the answer.
    EXPECT_TRUE(client.send(pattern(3'000'000)));
    client.end_output();
    EXPECT_TRUE(client.at_end());
  }
}

TEST_F(ServerTest, SendsSlicesOfFiles) {
  const std::string bytes = pattern(3'000'000);
  const auto file = std::make_shared<TempFile>(bytes);
  start([&](const Head& head) {
    Plan plan;
    plan.finish = [&, small = head->target == "/small"] {
      Answer answer{.body = "start:"};
      answer.files = {{file, 0, 10}, {file, 100, 0}, {file, 1'000'000, small ? 2000U : 2'000'000U}, {file, 5, 1}};
      return answer;
    };
    return plan;
  });
  Client client(address_);
  EXPECT_EQ(client.ask(get("/small")).body, "start:" + bytes.substr(0, 10) + bytes.substr(1'000'000, 2000) + bytes[5]);
  EXPECT_EQ(client.ask(get("/")).body, "start:" + bytes.substr(0, 10) + bytes.substr(1'000'000, 2'000'000) + bytes[5]);
  EXPECT_EQ(handler_->outcome(1).body_bytes_sent, 2'000'017U);
  EXPECT_EQ(client.ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").header("content-length"), "2000017");
}

TEST_F(ServerTest, BreaksTheConnectionWhereAFileIsShorterThanPromised) {
  for (const std::uint64_t promised : {6'000U, 6'000'000U}) {
    const auto file = std::make_shared<TempFile>(pattern(5000));
    start([&](const Head&) {
      Plan plan;
      plan.finish = [&] { return Answer{.files = {{file, 0, promised}}}; };
      return plan;
    });
    Client client(address_);
    EXPECT_EQ(client.ask(get("/")).status, 0);
    const Outcome outcome = handler_->outcome(0);
    EXPECT_FALSE(outcome.complete);
    EXPECT_LE(outcome.body_bytes_sent, 5000U);
  }
}

TEST_F(ServerTest, SendsALargeBodyToASlowReader) {
  const std::string body = pattern(20 << 20);
  start([&](const Head&) {
    Plan plan;
    plan.finish = [&] { return Answer{.body = body}; };
    return plan;
  });
  Client slow(address_), quick(address_);
  slow.send(get("/"));
  EXPECT_EQ(quick.ask(get("/")).body.size(), body.size());
  EXPECT_EQ(slow.receive().body, body);
}

TEST_F(ServerTest, ListensOnIpv6AndRefusesWhatCannotBeListenedOn) {
  PlannedHandler handler;
  auto options = loopback();
  options.listen = "[::1]:0";
  if (auto server = Server::start(options, handler, clock_)) {  // not every machine has IPv6
    EXPECT_EQ((*server)->address().substr(0, 6), "[::1]:");
  }
  for (const char* bad : {"nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", "::1:80", "", "127.0.0.1:"}) {
    options.listen = bad;
    auto server = Server::start(options, handler, clock_);
    ASSERT_FALSE(server) << bad;
    EXPECT_EQ(server.error().code, Code::usage) << bad;
  }
  start();
  options.listen = address_;
  auto second = Server::start(options, handler, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::already_exists);
}

TEST_F(ServerTest, DrainsWhenItStops) {
  Barrier barrier;
  start([&](const Head& head) {
    Plan plan;
    if (head->target != "/slow") return plan;
    plan.wants = Exchange::Wants::work;
    plan.finish = [&] {
      barrier.wait();
      return Answer{.body = "done"};
    };
    return plan;
  });
  Client busy(address_), idle(address_), begun(address_);
  idle.ask(get("/"));
  begun.send("GET / HT");
  busy.send(get("/slow"));
  barrier.await_arrivals(1);
  std::thread stopper([&] { server_->stop(std::chrono::steady_clock::now() + std::chrono::seconds(60)); });
  EXPECT_TRUE(idle.at_end());
  EXPECT_TRUE(begun.at_end());
  Client late(address_);
  EXPECT_TRUE(late.at_end());
  barrier.open();
  const Received answer = busy.receive();
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(busy.at_end());
  stopper.join();
  server_->stop(std::chrono::steady_clock::now());
}

TEST_F(ServerTest, BreaksOffAtTheDeadline) {
  const std::string body = pattern(30 << 20);
  start([&](const Head& head) {
    Plan plan = echo_plan();
    if (head->target == "/large") {
      plan.wants = Exchange::Wants::answer;
      plan.finish = [&] { return Answer{.body = body}; };
    }
    return plan;
  });
  Client reader(address_), writer(address_);
  reader.send(get("/large"));  // and reads nothing
  writer.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(writer.receive().status, 100);
  server_->stop(std::chrono::steady_clock::now());
  EXPECT_TRUE(writer.at_end());
  EXPECT_LT(reader.rest().size(), body.size());
  EXPECT_FALSE(handler_->outcome(0).complete);
  EXPECT_FALSE(handler_->outcome(1).complete);
}

}  // namespace
}  // namespace duskline::http
