#include "http/server_room.h"

#include "http/date.h"
#include "http/server_connection.h"

namespace duskline::http {

ConnectionGroup::~ConnectionGroup() = default;

void ConnectionGroup::adopt(int socket, std::unique_ptr<Stream> stream, std::string peer, bool secure,
                            Welcome welcome) {
  auto connection = std::make_unique<ServerConnection>(*this, std::move(stream), std::move(peer), secure);
  ServerConnection& its = *connection;
  its.place = connections_.size();
  connections_.push_back(std::move(connection));
  size_ = connections_.size();
  its.begin(socket);
  if (its.is_open() && welcome == Welcome::turn_away) its.turn_away();
  if (its.is_open() && breaking_off_) its.break_off();
  if (its.is_open() && draining_) its.drain();
}

void ConnectionGroup::retire(ServerConnection& connection) {
  note_busy(connection);
  const std::size_t place = connection.place;
  loop_.discard(std::move(connections_[place]));
  if (place + 1 < connections_.size()) {
    connections_[place] = std::move(connections_.back());
    connections_[place]->place = place;
  }
  connections_.pop_back();
  size_ = connections_.size();
  if (--room_.connections > 0) return;
  const std::lock_guard lock(room_.end_mutex);
  room_.ended.notify_all();
}

// Backwards: the one that takes a retired one's place has had its turn.
void ConnectionGroup::tick() {
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->tick();
}

void ConnectionGroup::note_idle(ServerConnection& connection) {
  if (std::exchange(connection.idle, true)) return;
  connection.idle_before = last_idle_;
  connection.idle_after = nullptr;
  (last_idle_ != nullptr ? last_idle_->idle_after : first_idle_) = &connection;
  last_idle_ = &connection;
  ++idle_count_;
}

void ConnectionGroup::note_busy(ServerConnection& connection) {
  if (!std::exchange(connection.idle, false)) return;
  ServerConnection *const before = connection.idle_before, *const after = connection.idle_after;
  (before != nullptr ? before->idle_after : first_idle_) = after;
  (after != nullptr ? after->idle_before : last_idle_) = before;
  --idle_count_;
}

void ConnectionGroup::end_longest_idle() {
  if (first_idle_ != nullptr) first_idle_->break_off();
}

void ConnectionGroup::drain() {
  draining_ = true;
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->drain();
}

void ConnectionGroup::break_off() {
  breaking_off_ = true;
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->break_off();
}

std::string_view ConnectionGroup::date() {
  const WallTime now = room_.clock.now();
  const auto second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  if (second != date_of_) {
    date_of_ = second;
    date_ = format_http_date(now);
  }
  return date_;
}

}  // namespace duskline::http
