// An S3 server on loopback for tests: in memory, checks signatures and payload hashes, and misbehaves on order.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "s3/credentials.h"
#include "testing/bad_s3_server_objects.h"
#include "testing/loopback_server.h"

namespace duskline::testing {

struct Misdeed {
  enum class Kind : std::uint8_t {
    answer,           // `reply` in place of what was asked; nothing happens
    lost_answer,      // what was asked happens, then the connection is reset
    reset,            // nothing happens, and the connection is reset
    reset_in_body,    // a reset after half of the body
    stall,            // no answer, until the client gives up
    stall_in_body,    // none after half of the body
    short_body,       // the connection is closed after half of the body
    long_body,        // more bytes than announced
    wrong_bytes,      // one bit of the body's middle is turned over
    wrong_length,     // announces, and gives, half of the body
    wrong_range,      // another Content-Range than was asked for
    endless_body,     // chunks without an end
    endless_headers,  // headers without an end
    garbage,          // what is not HTTP
    error_in_200      // status 200, and `reply`'s body
  };
  Kind kind = Kind::answer;
  S3Reply reply;
};

struct BadS3Settings {
  s3::Credentials credentials{"AKIDTESTACCESSKEY", "secret+key/of+the+tests+0123456789", "", std::nullopt};
  std::string region = "us-east-1";
  std::set<S3Trait> traits;
  std::function<WallTime()> now = [] { return RealClock().now(); };
};

class BadS3Server {
 public:
  static constexpr const char* bucket = "bucket";

  explicit BadS3Server(BadS3Settings settings = {});

  [[nodiscard]] std::string url() const { return server_->url(); }
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] const BadS3Settings& settings() const { return settings_; }

  // The next request with this method whose target contains `target_part` (both empty: any) meets `misdeed`. Orders are
  // used up first to last.
  void order(Misdeed misdeed, std::string method = "", std::string target_part = "");
  void order(Misdeed::Kind kind, std::string method = "", std::string target_part = "") {
    order(Misdeed{kind, {}}, std::move(method), std::move(target_part));
  }
  // From now on these are the right ones.
  void accept_only(s3::Credentials credentials);
  // Answers ExpiredToken to everything signed with this session token.
  void expire(std::string session_token);

  [[nodiscard]] std::vector<HttpRequest> requests() const;  // without their bodies
  [[nodiscard]] std::map<std::string, S3Object> objects() const;
  void put(const std::string& key, std::string body);
  [[nodiscard]] std::size_t open_uploads() const;
  [[nodiscard]] unsigned connections() const { return server_->connections(); }

 private:
  struct Order {
    Misdeed misdeed;
    std::string method, target_part;
  };

  void serve(Peer& peer);
  bool respond(Peer& peer, const HttpRequest& request);
  std::optional<Misdeed> take_order(const HttpRequest& request);
  S3Reply reply_to(const HttpRequest& request);
  std::optional<S3Reply> refusal(const s3::ReceivedRequest& request, const std::string& body) const;

  BadS3Settings settings_;
  mutable std::mutex mutex_;
  S3Objects objects_;
  std::deque<Order> orders_;
  std::vector<HttpRequest> requests_;
  std::set<std::string> expired_tokens_;
  std::unique_ptr<LoopbackServer> server_;  // the last member: its threads use the others
};

}  // namespace duskline::testing
