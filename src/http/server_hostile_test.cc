// Clients that send garbage, nothing, too much or too slowly.
#include <poll.h>
#include <sys/resource.h>

#include <thread>

#include "http/server_kit.h"

namespace duskline::http {
namespace {

using std::chrono::milliseconds;

class ServerHostileTest : public ServerTest {
 protected:
  static ServerOptions impatient() {
    ServerOptions options = loopback();
    options.header_time = options.idle_time = options.stall_time = milliseconds(30);
    return options;
  }
};

// What cannot be a request, and what we and a proxy could understand differently.
TEST_F(ServerHostileTest, RefusesMalformedHeads) {
  start();
  const std::string host = "Host: h\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::vector<std::pair<std::string, int>> cases = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /a b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/1.1 \r\n" + host + "\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"GET\r\n\r\n", 400},
      {"GET / HTTP/1.1\n" + host + "\r\n\r\n", 400},
      {"GET / http/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/1.10\r\n" + host + "\r\n", 400},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET a HTTP/1.1\r\n" + host + "\r\n", 400},
      {"CONNECT h:443 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"G@T / HTTP/1.1\r\n" + host + "\r\n", 400},
      {std::string("GET /\0 HTTP/1.1\r\n", 17) + host + "\r\n", 400},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
      {"GET / HTTP/1.1\r\n" + host + "X-A : b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X-A: b\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "no colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + ": b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X-A: b\nContent-Length: 5\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X-A: b\rX-B: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X-A: \x01\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X-\xc3\xa4: a\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 5, 5\r\n\r\nabcde", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nabcde", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 0x5\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 9223372036854775808\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n" + chunked + "\r\n0\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + chunked + "Content-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + chunked + chunked + "\r\n0\r\n\r\n", 400},
      {"PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
      {"PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", 501},
      {"PUT / HTTP/1.0\r\n" + host + chunked + "\r\n0\r\n\r\n", 400},
  };
  for (const auto& [request, status] : cases) {
    Client client(address_);
    // Had it been taken for a request, the second one would get an answer too.
    client.send(request + get("/smuggled"));
    EXPECT_EQ(client.receive().status, status) << request;
    client.end_output();
    EXPECT_TRUE(client.at_end()) << request;
  }
  EXPECT_EQ(server_->counts().requests, 0U);
}

TEST_F(ServerHostileTest, TakesAnAbsoluteTargetForWhatItMeans) {
  Head seen;
  start([&](const Head& head) {
    seen = head;
    return Plan{};
  });
  Client client(address_);
  for (const auto& [target, path] :
       {std::pair("http://bucket.example:9000/k?a=b", "/k?a=b"), std::pair("HTTPS://bucket.example:9000", "/"),
        std::pair("http://bucket.example:9000?list", "/?list")}) {
    EXPECT_EQ(client.ask(get(target)).status, 200);
    EXPECT_EQ(seen->target, path);
    EXPECT_EQ(*seen->header("host"), "bucket.example:9000");
  }
}

TEST_F(ServerHostileTest, RefusesHeadsBeyondTheLimit) {
  auto options = loopback();
  options.max_header_bytes = 8 << 10;
  start([](const Head&) { return Plan{}; }, options);
  const std::string much(9 << 10, 'x');
  for (const auto& [request, status] :
       {std::pair(get("/" + much), 414), std::pair(get("/", "X-A: " + much + "\r\n"), 431),
        std::pair("GET /" + much.substr(0, 8 << 10), 414), std::pair(get("/", much + ": a\r\n"), 431)}) {
    Client client(address_);
    EXPECT_EQ(client.ask(request).status, status);
  }
  std::string many;
  for (int i = 0; i < 300; ++i) many += "A: b\r\n";
  Client client(address_);
  EXPECT_EQ(client.ask(get("/", many)).status, 431);
  Client fitting(address_);
  EXPECT_EQ(fitting.ask(get("/", "X-A: " + much.substr(0, 7 << 10) + "\r\n")).status, 200);
}

TEST_F(ServerHostileTest, RefusesMalformedChunks) {
  start([](const Head&) { return echo_plan(); });
  const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& body : std::vector<std::string>{
           "x\r\n", "\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n", "-3\r\nabc\r\n", "0x3\r\nabc\r\n",
           "1000000000000000\r\n", "3;\x01\r\nabc\r\n", "3 3\rabc\r\n", "0\r\nTrailer\x7f\r\n\r\n", "0\r\n\rx",
           "3;" + std::string(9 << 10, 'e') + "\r\nabc\r\n", "0\r\n" + std::string(9 << 10, 't') + "\r\n\r\n"}) {
    Client client(address_);
    client.send(head + body + get("/smuggled"));
    EXPECT_EQ(client.receive().status, 400) << body.substr(0, 30);
    client.end_output();
    EXPECT_TRUE(client.at_end()) << body.substr(0, 30);
  }
}

TEST_F(ServerHostileTest, TellsOfABodyThatBreaksOff) {
  start([](const Head&) { return echo_plan(); });
  Client client(address_);
  client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  client.end_output();
  EXPECT_EQ(client.receive().status, 400);
  EXPECT_EQ(handler_->outcome(0).status, 400);
  EXPECT_EQ(handler_->outcome(0).body_bytes_received, 3U);
}

TEST_F(ServerHostileTest, ClosesConnectionsThatStayIdle) {
  start([](const Head&) { return Plan{}; }, impatient());
  Client silent(address_), kept(address_);
  kept.ask(get("/"));
  EXPECT_TRUE(silent.at_end());
  EXPECT_TRUE(kept.at_end());
}

TEST_F(ServerHostileTest, GivesUpOnASlowHead) {
  start([](const Head&) { return Plan{}; }, impatient());
  Client client(address_);
  // More of it again and again: what counts is the time since its first byte.
  bool sent = client.send("GET / HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 1'000'000 && sent; ++i) {
    pollfd readable{client.socket(), POLLIN, 0};
    if (::poll(&readable, 1, 1) == 1) break;
    sent = client.send("a:\r\n");
  }
  EXPECT_EQ(client.receive().status, 408);
}

TEST_F(ServerHostileTest, GivesUpOnAStalledBody) {
  start(
      [](const Head& head) {
        Plan plan = echo_plan();
        if (head->target == "/drop") plan.wants = Exchange::Wants::work;
        return plan;
      },
      impatient());
  for (const auto& [target, status] : {std::pair("/", 408), std::pair("/drop", 200)}) {
    Client client(address_);
    client.send("PUT " + std::string(target) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    const Received answer = client.receive();
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.header("connection"), "close");
  }
}

TEST_F(ServerHostileTest, GivesUpOnAReaderThatStalls) {
  start(
      [](const Head&) {
        Plan plan;
        plan.finish = [] { return Answer{.body = std::string(30 << 20, 'x')}; };
        return plan;
      },
      impatient());
  Client client(address_);
  client.send(get("/"));
  const Outcome outcome = handler_->outcome(0);
  EXPECT_FALSE(outcome.complete);
  EXPECT_GT(outcome.body_bytes_sent, 0U);
  EXPECT_LT(client.rest().size(), 30U << 20);
}

TEST_F(ServerHostileTest, ShareOfMemoryOfSlowBodiesIsBounded) {
  auto options = loopback();
  options.body_piece_bytes = 10'000;
  options.body_memory_bytes = 20'000;
  start([](const Head&) { return echo_plan(); }, options);
  // Each begins a body and stops in the middle: more of them than there is memory.
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(std::make_unique<Client>(address_));
    slow.back()->send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n" + std::string(5000, 'x'));
  }
  Client quick(address_);
  EXPECT_EQ(quick.ask(put("/", std::string(100'000, 'q'))).body.size(), 100'000U);
  for (auto& client : slow) {
    client->send(std::string(5000, 'y'));
    EXPECT_EQ(client->receive().body.size(), 10'000U);
  }
}

TEST_F(ServerHostileTest, SaysSoWhereNoMemoryComes) {
  Barrier barrier;
  auto options = impatient();
  options.body_piece_bytes = options.body_memory_bytes = 1000;
  start(
      [&](const Head& head) {
        Plan plan = echo_plan();
        if (head->target == "/hold") {
          plan.body = [&](ByteView) {
            barrier.wait();
            return std::nullopt;
          };
        }
        return plan;
      },
      options);
  Client holder(address_), waiting(address_);
  holder.send(put("/hold", std::string(1000, 'x')));
  barrier.await_arrivals(1);
  EXPECT_EQ(waiting.ask(put("/", "abc")).status, 503);
  barrier.open();
  EXPECT_EQ(holder.receive().status, 200);
  Client after(address_);
  EXPECT_EQ(after.ask(put("/", "abc")).body, "abc");
}

TEST_F(ServerHostileTest, RefusesStepsBeyondTheQueue) {
  Barrier barrier;
  auto options = loopback();
  options.workers = 1;
  options.worker_queue = 2;
  start(
      [&](const Head& head) {
        Plan plan;
        if (head->target == "/") return plan;
        plan.wants = Exchange::Wants::work;
        plan.finish = [&] {
          barrier.wait();
          return Answer{.body = "worked"};
        };
        return plan;
      },
      options);
  Client first(address_);
  first.send(get("/work"));
  barrier.await_arrivals(1);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(address_));
    clients.back()->send(get("/work"));
  }
  // Two wait, two are told; and what needs no worker is answered all the while.
  Client other(address_);
  EXPECT_EQ(other.ask(get("/")).body, "hello");
  handler_->outcome(2);
  EXPECT_EQ(server_->counts().workers_busy, 1U);
  EXPECT_EQ(server_->counts().steps_waiting, 2U);
  barrier.open();
  std::map<int, int> answers;
  for (auto& client : clients) ++answers[client->receive().status];
  EXPECT_EQ(answers, (std::map<int, int>{{200, 2}, {503, 2}}));
  EXPECT_EQ(first.receive().body, "worked");
}

TEST_F(ServerHostileTest, TurnsAwayConnectionsBeyondTheLimit) {
  auto options = loopback();
  options.max_connections = 2;
  start([](const Head&) { return echo_plan(); }, options);
  const std::string begun = "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  Client first(address_), second(address_);
  EXPECT_EQ(first.ask(begun).status, 100);
  EXPECT_EQ(second.ask(begun).status, 100);
  Client third(address_);
  EXPECT_EQ(third.receive().status, 503);
  EXPECT_EQ(server_->counts().refused, 1U);
  first.send("abc");
  EXPECT_EQ(first.receive().body, "abc");
  // Once the turned away one has gone, the idle one makes room.
  third.close();
  while (server_->counts().connections > 2) std::this_thread::yield();
  Client fourth(address_);
  EXPECT_EQ(fourth.ask(put("/", "four")).body, "four");
  EXPECT_TRUE(first.at_end());
  second.send("xyz");
  EXPECT_EQ(second.receive().body, "xyz");
}

TEST_F(ServerHostileTest, EndsWhoIsIdleForLongest) {
  auto options = loopback();
  options.loops = 1;
  options.max_connections = 3;
  start([](const Head&) { return Plan{}; }, options);
  Client first(address_), second(address_), third(address_);
  for (Client* client : {&first, &second, &third, &first}) EXPECT_EQ(client->ask(get("/")).status, 200);
  Client fourth(address_);
  EXPECT_EQ(fourth.ask(get("/")).status, 200);
  EXPECT_TRUE(second.at_end());
  for (Client* client : {&first, &third, &fourth}) EXPECT_EQ(client->ask(get("/")).status, 200);
  EXPECT_EQ(server_->counts().refused, 0U);
}

TEST_F(ServerHostileTest, BoundsTheMemoryOfUnfinishedHeads) {
  auto options = loopback();
  options.head_memory_bytes = 40'000;
  start([](const Head&) { return Plan{}; }, options);
  std::vector<std::unique_ptr<Client>> clients;
  const auto begin = [&](std::size_t bytes) {
    clients.push_back(std::make_unique<Client>(address_));
    clients.back()->send("GET / HTTP/1.1\r\nHost: h\r\nX-A: " + std::string(bytes, 'x'));
  };
  begin(30'000);
  begin(30'000);
  // Which of the two comes first is the system's choice; one is too much.
  pollfd both[] = {{clients[0]->socket(), POLLIN, 0}, {clients[1]->socket(), POLLIN, 0}};
  ASSERT_EQ(::poll(both, 2, -1), 1);
  const std::size_t refused = both[0].revents != 0 ? 0 : 1;
  EXPECT_EQ(clients[refused]->receive().status, 503);
  // Small ones always fit, and the other goes on.
  begin(3000);
  for (Client* client : {clients[2].get(), clients[1 - refused].get()}) {
    EXPECT_EQ(client->ask("\r\n\r\n").status, 200);
  }
}

TEST_F(ServerHostileTest, AcceptsAgainWhenThereAreDescriptors) {
  auto options = loopback();
  options.idle_time = std::chrono::seconds(1);  // the loops look round eight times in that
  start([](const Head&) { return Plan{}; }, options);
  Client served(address_);
  EXPECT_EQ(served.ask(get("/")).status, 200);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  // Sockets for the clients first; then the server finds none for itself.
  std::vector<int> sockets;
  for (int i = 0; i < 3; ++i) sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::vector<std::unique_ptr<Client>> clients;
  for (const int socket : sockets) {
    clients.push_back(std::make_unique<Client>(socket, address_));
    clients.back()->send(get("/"));
  }
  // Meanwhile it serves those whom it has.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(served.ask(get("/")).status, 200);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  for (auto& client : clients) EXPECT_EQ(client->receive().status, 200);
}

TEST_F(ServerHostileTest, ServesAmongManyIdleConnections) {
  start();
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 400; ++i) {
    idle.push_back(std::make_unique<Client>(address_));
    if (i % 2 == 0) {
      EXPECT_EQ(idle.back()->ask(get("/")).status, 200);
    }
    if (i % 3 == 0) idle.back()->send("GET /half HTTP/1.1\r\n");
  }
  Client client(address_);
  EXPECT_EQ(client.ask(get("/")).body, "hello");
  for (int i = 0; i < 400; i += 3) {
    idle[static_cast<std::size_t>(i)]->send("Host: h\r\n\r\n");
    EXPECT_EQ(idle[static_cast<std::size_t>(i)]->receive().status, 200);
  }
}

}  // namespace
}  // namespace duskline::http
