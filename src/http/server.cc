#include "http/server.h"

#include <unistd.h>

#include <algorithm>

#include "base/workers.h"
#include "http/server_connection.h"
#include "http/server_listener.h"
#include "http/server_room.h"
#include "http/server_tls.h"

namespace duskline::http {
namespace {

// Beyond the limit, so many more may be told of it; the rest is closed without a word.
constexpr std::uint64_t turned_away_at_once = 64;
constexpr std::chrono::seconds tls_look_interval{10};

std::chrono::milliseconds tick_for(const ServerOptions& options) {
  const auto shortest = std::min({options.header_time, options.idle_time, options.stall_time});
  return std::clamp(shortest / 8, std::chrono::milliseconds(2), std::chrono::milliseconds(500));
}

// An event loop and its connections.
struct Shard {
  Shard(ServerRoom& room, std::unique_ptr<EventLoop> its_loop) : loop(std::move(its_loop)), group(room, *loop) {}
  std::unique_ptr<EventLoop> loop;
  ConnectionGroup group;
};

class EpollServer final : public Server {
 public:
  EpollServer(const ServerOptions& options, Handler& handler, Clock& clock, std::unique_ptr<Listener> listener,
              std::unique_ptr<TlsIdentity> tls)
      : room_(options, handler, clock), tls_(std::move(tls)), listener_(std::move(listener)) {}
  ~EpollServer() override { stop(std::chrono::steady_clock::now()); }
  EpollServer(const EpollServer&) = delete;
  EpollServer& operator=(const EpollServer&) = delete;

  Status begin();
  [[nodiscard]] std::string address() const override { return listener_->address(); }
  [[nodiscard]] ServerCounts counts() const override;
  Status reload() override { return tls_ ? tls_->reload() : Status{}; }
  void stop(SteadyTime deadline) override;

 private:
  void accepted(const Accepted& connection);
  bool make_room();
  void tick(std::size_t shard);
  void drain(ConnectionGroup& group);
  bool wait_until_empty(std::optional<SteadyTime> deadline);

  ServerRoom room_;
  const std::unique_ptr<TlsIdentity> tls_;
  const std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Shard>> shards_;
  SteadyTime next_tls_look_{};
  std::mutex stop_mutex_;
  bool stopped_ = false;
  bool started_ = false;
  std::size_t drained_ = 0;  // shards that have begun to; under room_.end_mutex
};

Status EpollServer::begin() {
  const unsigned loops = room_.options.loops > 0 ? room_.options.loops : std::clamp(default_workers(), 1U, 4U);
  for (unsigned i = 0; i < loops; ++i) {
    DL_ASSIGN(auto loop, EventLoop::make(room_.clock));
    shards_.push_back(std::make_unique<Shard>(room_, std::move(loop)));
  }
  DL_TRY(listener_->watch_with(*shards_.front()->loop, [this](const Accepted& connection) { accepted(connection); }));
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->loop->start(tick_for(room_.options), [this, i] { tick(i); });
  }
  started_ = true;
  return {};
}

void EpollServer::accepted(const Accepted& connection) {
  ++room_.accepted;
  const std::uint64_t now = room_.connections++;
  if (now >= room_.options.max_connections + turned_away_at_once) {
    ++room_.refused;
    --room_.connections;
    ::close(connection.socket);
    return;
  }
  auto welcome = ConnectionGroup::Welcome::serve;
  if (now >= room_.options.max_connections && !make_room()) {
    ++room_.refused;
    welcome = ConnectionGroup::Welcome::turn_away;
  }
  Shard& shard = **std::min_element(shards_.begin(), shards_.end(),
                                    [](const auto& a, const auto& b) { return a->group.size() < b->group.size(); });
  const bool secure = tls_ != nullptr;
  // std::function copies: the stream is made where it belongs.
  auto adopt = [this, &shard, connection, secure, welcome] {
    auto stream = secure ? tls_->stream(connection.socket) : plain_stream(connection.socket);
    shard.group.adopt(connection.socket, std::move(stream), connection.peer, secure, welcome);
  };
  if (&shard == shards_.front().get()) return adopt();
  shard.loop->post(std::move(adopt));
}

bool EpollServer::make_room() {
  Shard& shard = **std::max_element(shards_.begin(), shards_.end(),
                                    [](const auto& a, const auto& b) { return a->group.idle() < b->group.idle(); });
  if (shard.group.idle() == 0) return false;
  shard.loop->post([&shard] { shard.group.end_longest_idle(); });
  return true;
}

void EpollServer::tick(std::size_t shard) {
  shards_[shard]->group.tick();
  if (shard != 0) return;
  listener_->tick();
  if (tls_ != nullptr && room_.clock.steady() >= next_tls_look_) {
    next_tls_look_ = room_.clock.steady() + tls_look_interval;
    tls_->reload_if_changed();
  }
}

ServerCounts EpollServer::counts() const {
  const auto workers = room_.workers.counts();
  return {.connections = room_.connections,
          .accepted = room_.accepted,
          .refused = room_.refused,
          .requests = room_.requests,
          .workers_busy = workers.busy,
          .steps_waiting = workers.waiting};
}

void EpollServer::stop(SteadyTime deadline) {
  const std::lock_guard once(stop_mutex_);
  if (std::exchange(stopped_, true)) return;
  if (started_) {
    // The listener first and on its own loop: what it has accepted is then on its way to a group.
    shards_.front()->loop->post([this] {
      listener_->close();
      for (auto& shard : shards_) shard->loop->post([this, group = &shard->group] { drain(*group); });
    });
    if (!wait_until_empty(deadline)) {
      for (auto& shard : shards_) shard->loop->post([group = &shard->group] { group->break_off(); });
      wait_until_empty(std::nullopt);
    }
  }
  for (auto& shard : shards_) shard->loop->end();
  room_.workers.end();
}

void EpollServer::drain(ConnectionGroup& group) {
  group.drain();
  const std::lock_guard lock(room_.end_mutex);
  ++drained_;
  room_.ended.notify_all();
}

bool EpollServer::wait_until_empty(std::optional<SteadyTime> deadline) {
  std::unique_lock lock(room_.end_mutex);
  const auto is_empty = [&] { return drained_ == shards_.size() && room_.connections == 0; };
  if (deadline) return room_.ended.wait_until(lock, *deadline, is_empty);
  room_.ended.wait(lock, is_empty);
  return true;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Handler& handler, Clock& clock) {
  std::unique_ptr<TlsIdentity> tls;
  if (options.tls) {
    DL_ASSIGN(tls, TlsIdentity::load(*options.tls));
  }
  DL_ASSIGN(auto listener, Listener::open(options.listen));
  auto server = std::make_unique<EpollServer>(options, handler, clock, std::move(listener), std::move(tls));
  DL_TRY(server->begin());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace duskline::http
