#include "publish/channel.h"

#include <string>
#include <utility>

#include "base/units.h"

namespace duskline::publish {
namespace {

constexpr std::uint32_t max_other_channels = 16;

std::string describe(const model::SetName& set, const model::ChannelName& channel) {
  return set.text() + "/" + channel.text();
}

}  // namespace

Status Channel::read(const Op& op, SourceState& state) {
  DL_ASSIGN(seen_, release::read_head(parts_.store, op, options_.set, options_.channel, trusted_, options_.realm));
  const auto floor = state.floors.find(options_.channel.text());
  if (floor != state.floors.end() && !seen_) {
    last_ = floor->second;
    if (options_.meant.lost_head) return {};
    return Error{Code::refused, parts_.store.describe() + " has no head of " +
                                    describe(options_.set, options_.channel) + ", though version " +
                                    std::to_string(floor->second.version) +
                                    " was seen there; nothing was published. Is it the right store, and mounted? If "
                                    "it shall be filled anew, say --allow-lost-head"};
  }
  if (floor != state.floors.end()) {
    auto status = release::check_head(*seen_, floor->second, parts_.clock.now(), release::StaleHead::allow);
    if (!status) {
      return wrap(std::move(status).error(), "the store shows an older head of " +
                                                 describe(options_.set, options_.channel) +
                                                 " than was seen before; if it was restored from a copy and that is "
                                                 "to stand, remove " +
                                                 parts_.cache.display_path());
    }
  }
  if (seen_) state.floors[options_.channel.text()] = {seen_->head.version, seen_->envelope_hash};
  return {};
}

Result<std::vector<release::SeenHead>> Channel::others(const Op& op) const {
  store::ListQuery query;
  query.prefix = options_.set.text() + "/channel/";
  query.limit = max_other_channels;
  DL_ASSIGN(const store::Listing listing, parts_.store.list(op, query));
  std::vector<release::SeenHead> heads;
  for (const store::ListedObject& object : listing.objects) {
    const auto name = model::ChannelName::parse(object.key.text().substr(query.prefix.size()));
    if (!name || *name == options_.channel) continue;
    auto head = release::read_head(parts_.store, op, options_.set, *name, trusted_, options_.realm);
    if (head && *head) heads.push_back(std::move(**head));  // a bad one is its own publisher's business
  }
  return heads;
}

Status Channel::replace(const Op& op, model::Head head, SourceState& state) {
  head.realm = options_.realm;
  head.set = options_.set.text();
  head.channel = options_.channel.text();
  // After a lost head too, it goes on from what targets have seen.
  head.version = (seen_ ? seen_->head.version : last_.version) + 1;
  head.previous = seen_ ? seen_->envelope_hash : last_.envelope_hash;
  head.epoch = seen_ ? seen_->head.epoch : 0;
  head.signed_at = parts_.clock.now();
  head.expires = head.signed_at + options_.lifetime;
  auto written = release::replace_head(parts_.store, op, head, seen_, parts_.signer, parts_.conditions, parts_.clock,
                                       parts_.reporter);
  if (!written) {
    if (written.error().code == Code::precondition) return lost(op, std::move(written).error());
    return std::move(written).error();
  }
  seen_ = std::move(*written);
  state.floors[options_.channel.text()] = {seen_->head.version, seen_->envelope_hash};
  return {};
}

Error Channel::lost(const Op& op, Error cause) const {
  const auto winner = release::read_head(parts_.store, op, options_.set, options_.channel, trusted_, options_.realm);
  std::string message = "another publisher of " + describe(options_.set, options_.channel) + " was faster";
  if (winner && *winner) {
    const model::Head& head = (*winner)->head;
    message +=
        ": its release " + std::to_string(head.number) + " (" + head.release.short_hex() + ") is the current one";
  }
  return {Code::precondition, message + "; this run's release was not made current. Publish again to follow it",
          std::move(cause)};
}

}  // namespace duskline::publish
