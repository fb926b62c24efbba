// Many clients that behave in every wrong way at once, by chance from a seed, beside some that must not notice.
#include <random>
#include <thread>

#include "http/server_kit.h"

namespace duskline::http {
namespace {

class ServerUnrulyTest : public ServerTest {
 protected:
  // Small limits, so that each of them is met.
  static ServerOptions tight(unsigned seed) {
    ServerOptions options = loopback();
    options.worker_queue = 8 + seed % 3;
    options.max_connections = 60;
    options.max_header_bytes = 4096;
    options.body_piece_bytes = 8 << 10;
    options.body_memory_bytes = 32 << 10;
    options.dropped_body_bytes = 10'000;
    return options;
  }

  // Echoes bodies; by the target's last letter: drops them, breaks them off early, or sends much.
  static Plan plan_for(const Head& head) {
    Plan plan = echo_plan();
    switch (head->target.back()) {
      case 'a':
        plan.wants = Exchange::Wants::answer;
        plan.finish = [] { return Answer{.body = "answer"}; };
        break;
      case 'w':
        plan.wants = Exchange::Wants::work;
        plan.finish = [] { return Answer{.body = "worked"}; };
        break;
      case 'e':
        plan.body = [](ByteView) { return Answer{.status = 403, .body = "early"}; };
        break;
      case 'l':
        plan.wants = Exchange::Wants::work;
        plan.finish = [] { return Answer{.body = std::string(3 << 20, 'l')}; };
        break;
      default:
        break;
    }
    return plan;
  }

  static std::string some_request(std::mt19937& choice) {
    static constexpr std::string_view ends = "awelx";
    const std::string target = std::string("/") + ends[choice() % ends.size()];
    const std::string body(choice() % 30'000, 'b');
    switch (choice() % 6) {
      case 0:
        return get(target);
      case 1:
        return put(target, body);
      case 2:
        return put(target, body, "Expect: 100-continue\r\n");
      case 3:
        return "PUT " + target + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
      case 4:
        return get(target) + put(target, body) + get(target);
      default: {
        std::string garbage = put(target, body, "X-A: b\r\n");
        for (int i = 0; i < 5; ++i) garbage[choice() % garbage.size()] = static_cast<char>(choice());
        return garbage;
      }
    }
  }

  static void misbehave(const std::string& address, unsigned seed) {
    std::mt19937 choice(seed);
    for (int round = 0; round < 25; ++round) {
      Client client(address);
      const timeval patience{0, 50'000};
      ::setsockopt(client.socket(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      const std::string request = some_request(choice);
      const std::size_t part = choice() % 3 == 0 ? choice() % request.size() : request.size();
      client.send(std::string_view(request).substr(0, part));
      switch (choice() % 5) {
        case 0: {  // ends with a reset
          const linger now{1, 0};
          ::setsockopt(client.socket(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
          break;
        }
        case 1:
          client.end_output();
          client.receive();
          break;
        case 2:
          client.receive();
          client.send(some_request(choice));
          client.receive();
          break;
        case 3: {
          char byte = 0;
          ::recv(client.socket(), &byte, 1, 0);
          break;
        }
        default:
          break;
      }
    }
  }

  // Waits for its turn where the server says that it is full, and takes nothing but right answers.
  static void behave(const std::string& address, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      const std::string body(1000 + static_cast<std::size_t>(round) * 200, static_cast<char>('A' + round % 26));
      Received answer;
      do {
        Client client(address);
        answer = client.ask(put("/x", body));
      } while (answer.status == 503 || answer.status == 0);
      ASSERT_EQ(answer.status, 200);
      ASSERT_EQ(answer.body, body);
    }
  }
};

TEST_F(ServerUnrulyTest, HarmNobodyElse) {
  for (unsigned seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE(seed);
    start(plan_for, tight(seed));
    std::vector<std::thread> clients;
    for (unsigned i = 0; i < 12; ++i) {
      clients.emplace_back([this, i, seed] { misbehave(address_, seed * 1000 + i); });
    }
    behave(address_, 20);
    for (std::thread& client : clients) client.join();
    // Nothing of them is left behind.
    server_->stop(std::chrono::steady_clock::now() + std::chrono::seconds(20));
    EXPECT_EQ(server_->counts().connections, 0U);
    EXPECT_EQ(server_->counts().workers_busy, 0U);
    EXPECT_EQ(server_->counts().steps_waiting, 0U);
  }
}

}  // namespace
}  // namespace duskline::http
