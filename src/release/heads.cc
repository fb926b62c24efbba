#include "release/heads.h"

#include <utility>

#include "release/head_lease.h"

namespace duskline::release {
namespace {

std::string place_of(const std::string& set, const std::string& channel) {
  return "channel \"" + channel + "\" of set \"" + set + "\"";
}

// Where a head lies, from what it says itself.
struct HeadPlace {
  model::SetName set;
  model::ChannelName channel;
  [[nodiscard]] store::Key key() const { return store::Key(model::head_key(set, channel)); }
};
Result<HeadPlace> place_of(const model::Head& head) {
  HeadPlace place;
  DL_ASSIGN(place.set, model::SetName::parse(head.set));
  DL_ASSIGN(place.channel, model::ChannelName::parse(head.channel));
  return place;
}

struct RawHead {
  Bytes envelope;
  std::string etag;
};
Result<std::optional<RawHead>> read_raw(store::ObjectStore& store, const Op& op, const store::Key& key) {
  store::GetOptions options;
  options.freshness = store::Freshness::revalidated;
  store::ObjectInfo info;
  auto got = store::get_all(store, op, key, model::max_signed_bytes, options, &info);
  if (!got && got.error().code == Code::not_found) return std::optional<RawHead>{};
  if (!got) return std::move(got).error();
  return std::optional<RawHead>{RawHead{std::move(*got), info.etag}};
}

// A failure that leaves open whether the object was written.
bool may_have_happened(Code code) {
  return code == Code::precondition || code == Code::unavailable || code == Code::timeout || code == Code::throttled ||
         code == Code::io;
}

// What lies there now, for the one who lost.
std::string winner(const Bytes& envelope) {
  const auto signed_bytes = model::open_envelope(envelope);
  if (!signed_bytes) return "an object that is no head";
  const auto head = model::decode_head(signed_bytes->payload);
  if (!head) return "an object that is no head";
  return "version " + std::to_string(head->version) + ", release " + std::to_string(head->number) + " (" +
         head->release.short_hex() + ")";
}

class HeadWriter {
 public:
  HeadWriter(store::ObjectStore& store, const Op& op, HeadPlace place, const model::Head& head, std::string envelope)
      : store_(store),
        op_(op),
        place_(std::move(place)),
        key_(place_.key()),
        head_(head),
        envelope_(std::move(envelope)) {}

  Result<SeenHead> swap(const std::optional<SeenHead>& expected) {
    store::PutOptions options;
    options.caching = store::Caching::forbidden;
    if (expected) {
      options.if_match = expected->etag;
    } else {
      options.existing = store::PutOptions::Existing::refuse;
    }
    return put(options);
  }

  // Best effort: look, write, look again.
  Result<SeenHead> overwrite(const std::optional<SeenHead>& expected) {
    DL_ASSIGN(const std::optional<RawHead> now, read_raw(store_, op_, key_));
    const bool as_expected = now ? expected && sha256(now->envelope) == expected->envelope_hash : !expected;
    if (!as_expected) return lost(now);
    store::PutOptions options;
    options.caching = store::Caching::forbidden;
    DL_TRY(put(options));
    DL_ASSIGN(const std::optional<RawHead> after, read_raw(store_, op_, key_));
    if (!after || !is_ours(*after)) return lost(after);
    return seen(after->etag);
  }

 private:
  Result<SeenHead> put(const store::PutOptions& options) {
    auto written = store::put_all(store_, op_, key_, bytes_of(envelope_), options);
    if (written) return seen(written->etag);
    if (!may_have_happened(written.error().code)) return failed(std::move(written).error());
    auto now = read_raw(store_, op_, key_);
    if (now && *now && is_ours(**now)) return seen((*now)->etag);
    if (now && written.error().code == Code::precondition) return lost(*now);
    return failed(std::move(written).error());
  }

  [[nodiscard]] bool is_ours(const RawHead& raw) const { return text_of(raw.envelope) == envelope_; }
  [[nodiscard]] SeenHead seen(std::string etag) const { return {head_, std::move(etag), sha256(envelope_)}; }
  [[nodiscard]] std::string where() const { return place_of(place_.set.text(), place_.channel.text()); }

  [[nodiscard]] Error failed(Error cause) const { return wrap(std::move(cause), "write the head of " + where()); }
  [[nodiscard]] Error lost(const std::optional<RawHead>& now) const {
    return {Code::precondition, "another publisher wrote the head of " + where() + " at the same time: it is now " +
                                    (now ? winner(now->envelope) : "gone") +
                                    "; nothing of theirs was overwritten; publish again to go on from there"};
  }

  store::ObjectStore& store_;
  const Op& op_;
  HeadPlace place_;
  store::Key key_;
  const model::Head& head_;
  std::string envelope_;
};

// Where the store has no head, the new one may follow one that it has lost.
Status check_succession(const model::Head& head, const std::optional<SeenHead>& expected) {
  if (!expected && head.version > 1 && !head.previous.is_zero()) return {};
  const std::uint64_t version = expected ? expected->head.version + 1 : 1;
  const Hash256 previous = expected ? expected->envelope_hash : Hash256{};
  if (head.version == version && head.previous == previous) return {};
  return Error{Code::internal, "a new head of version " + std::to_string(head.version) +
                                   " does not follow the one that it is to replace"};
}

}  // namespace

Result<std::optional<SeenHead>> read_head(store::ObjectStore& store, const Op& op, const model::SetName& set,
                                          const model::ChannelName& channel, const std::vector<PublicKey>& trusted,
                                          std::string_view realm) {
  const std::string where = place_of(set.text(), channel.text());
  auto raw = read_raw(store, op, store::Key(model::head_key(set, channel)));
  if (!raw) return wrap(std::move(raw).error(), "read the head of " + where);
  if (!*raw) return std::optional<SeenHead>{};
  auto payload = model::verify_envelope((*raw)->envelope, trusted);
  if (!payload) return wrap(std::move(payload).error(), "the head of " + where + " in " + store.describe());
  auto head = model::decode_head(*payload);
  if (!head) return wrap(std::move(head).error(), "the head of " + where + " in " + store.describe());
  if (head->set != set.text() || head->channel != channel.text() || (!realm.empty() && head->realm != realm)) {
    return Error{Code::untrusted, "the store gave a signed head of " + place_of(head->set, head->channel) +
                                      ", realm \"" + head->realm + "\", as that of " + where +
                                      (realm.empty() ? "" : ", realm \"" + std::string(realm) + "\"")};
  }
  return std::optional<SeenHead>{SeenHead{std::move(*head), (*raw)->etag, sha256((*raw)->envelope)}};
}

Status check_head(const SeenHead& seen, const Floor& floor, WallTime now, StaleHead stale) {
  const std::string where = place_of(seen.head.set, seen.head.channel);
  if (seen.head.version < floor.version) {
    return Error{Code::replayed, "the store gave version " + std::to_string(seen.head.version) + " of the head of " +
                                     where + ", but version " + std::to_string(floor.version) +
                                     " was seen here before: an old head is never followed"};
  }
  if (seen.head.version == floor.version && seen.envelope_hash != floor.envelope_hash) {
    return Error{Code::replayed, "the head of " + where + " has the version seen here before, " +
                                     std::to_string(floor.version) +
                                     ", but is another one: two publishers wrote at the same time; publish again"};
  }
  if (now >= seen.head.expires && stale == StaleHead::refuse) {
    return Error{Code::stale, "the head of " + where + " expired at " + format_time(seen.head.expires) +
                                  ": what is installed is stale, not current, and stays; publish again to renew it, or "
                                  "use --allow-stale"};
  }
  return {};
}

bool is_fork(const SeenHead& seen, const Floor& floor) {
  if (floor.version == 0) return false;
  if (seen.head.version == floor.version) return seen.envelope_hash != floor.envelope_hash;
  return seen.head.version == floor.version + 1 && seen.head.previous != floor.envelope_hash;
}

Result<SeenHead> replace_head(store::ObjectStore& store, const Op& op, const model::Head& head,
                              const std::optional<SeenHead>& expected, const Signer& signer,
                              const Conditions& conditions, Clock& clock, Reporter& reporter) {
  DL_TRY(check_succession(head, expected));
  DL_ASSIGN(HeadPlace place, place_of(head));
  const store::Key lease_key(model::lease_key(place.set, "head-" + place.channel.text()));
  DL_ASSIGN(std::string envelope, model::seal(model::encode_head(head), signer));
  HeadWriter writer(store, op, std::move(place), head, std::move(envelope));
  if (expected ? conditions.if_match : conditions.if_none_match) return writer.swap(expected);

  reporter.note(Severity::warning, store.describe() +
                                       " ignores conditional writes: a lease object keeps publishers apart, which is "
                                       "the best that can be done; do not publish one channel from two places at once");
  DL_ASSIGN(const HeadLease lease, HeadLease::take(store, op, lease_key, head_lease_life, clock));
  auto written = writer.overwrite(expected);
  lease.give_back(op);
  return written;
}

}  // namespace duskline::release
