#include "world.h"

#include <regex>
#include <utility>

#include "testing/must.h"

namespace duskline::sim {
namespace {

using store::GetOptions;
using store::Key;
using store::Listing;
using store::ListQuery;
using store::ObjectInfo;
using store::PutOptions;
using store::RemoveReport;
using testing::must;

constexpr std::uint64_t small_disk_bytes = 60'000;
constexpr std::uint64_t plenty_bytes = std::uint64_t{1} << 40;

// The engine's own keys come from the operating system's chance.
SigningKey key_from(std::mt19937_64& random) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text = "duskline-ed25519-secret:";
  for (int i = 0; i < 42; ++i) text += alphabet[random() % 64];
  return must(SigningKey::parse(text + "A"));  // 256 bits; the last letter holds four of them, and zeros
}

// The link to the store: heads may come as they were some writes ago, and it ends with the process.
class LinkStore final : public store::ObjectStore {
 public:
  LinkStore(World& world, std::uint64_t behind, std::function<bool()> has_died)
      : oracle_(world.oracle),
        real_(world.oracle.watched()),
        head_key_(model::head_key(world.set, world.channel)),
        behind_(behind),
        has_died_(std::move(has_died)) {}
  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
    if (has_died_()) return died();
    const auto& heads = oracle_.heads();
    if (behind_ == 0 || key.text() != head_key_ || heads.size() <= behind_) return real_.get(op, key, options, sink);
    const Bytes& old = heads[heads.size() - 1 - behind_].envelope;
    const ObjectInfo info{.size_bytes = old.size(), .etag = "of an old head"};
    if (options.begun != nullptr) *options.begun = info;
    DL_TRY(sink.write(old));
    return info;
  }
  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override {
    return has_died_() ? died() : real_.head(op, key);
  }
  Result<ObjectInfo> put(const Op& op, const Key& key, Source& body, const PutOptions& options) override {
    return has_died_() ? died() : real_.put(op, key, body, options);
  }
  Result<Listing> list(const Op& op, const ListQuery& query) override {
    return has_died_() ? died() : real_.list(op, query);
  }
  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override {
    return has_died_() ? died() : real_.remove(op, keys);
  }
  [[nodiscard]] std::string describe() const override { return real_.describe(); }

 private:
  static Error died() { return {Code::cancelled, "the process has died"}; }

  Oracle& oracle_;
  store::ObjectStore& real_;
  const std::string head_key_;
  const std::uint64_t behind_;
  const std::function<bool()> has_died_;
};

}  // namespace

World::World(std::uint64_t seed, Bug planted)
    : bug(planted),
      random(seed),
      key(key_from(random)),
      set(must(model::SetName::parse("packages"))),
      channel(must(model::ChannelName::parse("live"))),
      mem_(store::open_mem_store(clock)),
      oracle(*mem_, clock, set, channel, key.public_key()) {}

void World::say(const std::string& line) {
  // The names of temporary files and of publishers are by chance that is not ours.
  static const std::regex chance("(tmp-|lease/)[0-9a-f]+", std::regex::icase);
  lines_ += format_time(clock.now()) + " " + std::regex_replace(line, chance, "$1*") + "\n";
}

bool Trouble::is_none() const {
  const bool is_store_good = store.error + store.error_after + store.short_body + store.wrong_bytes == 0;
  return is_store_good && !last_call && !last_change && !bad_operation && !is_disk_small && stale_head == 0;
}

std::string Trouble::describe() const {
  std::string text;
  if (store.error > 0) text += ", store faulty";
  if (last_call) text += ", store gone at call " + std::to_string(*last_call);
  if (last_change) text += ", dies at change " + std::to_string(*last_change);
  if (bad_operation) text += ", disk fails at operation " + std::to_string(*bad_operation);
  if (is_disk_small) text += ", disk small";
  if (stale_head > 0) text += ", head stale by " + std::to_string(stale_head);
  if (interlude > 0) text += ", interlude at call " + std::to_string(interlude);
  return text;
}

Trouble draw_trouble(World& world, Party party, std::uint64_t usual_calls, std::uint64_t usual_changes) {
  Trouble trouble;
  trouble.store.seed = world.random();
  if (world.is_calm) return trouble;
  if (world.one_in(6)) trouble.interlude = 1 + world.below(usual_calls);
  if (world.one_in(3)) {
    const double badness = world.one_in(3) ? 0.25 : 0.04;
    trouble.store.error = trouble.store.error_after = badness;
    trouble.store.short_body = badness / 2;
    // Where chunks lie is not signed: a target finds out by their hashes, a publisher would pass it on.
    if (party == Party::target) trouble.store.wrong_bytes = badness / 2;
  }
  if (party == Party::target && world.one_in(8)) trouble.stale_head = 1 + world.below(4);
  switch (world.below(10)) {
    case 0:
      trouble.last_call = 1 + world.below(usual_calls + 1);
      break;
    case 1:
    case 2:
    case 3:
      trouble.last_change = 1 + world.below(usual_changes + 1);
      break;
    case 4:
      trouble.bad_operation = 1 + world.below(2 * usual_changes + 1);
      trouble.bad_code = world.one_in(2) ? Code::io : Code::no_space;
      break;
    case 5:
      trouble.is_disk_small = world.one_in(2);
      break;
    default:
      break;
  }
  return trouble;
}

Connection::Connection(World& world, Party party, const Trouble& trouble, const Session& session,
                       std::function<void()> interlude)
    : link_(std::make_unique<LinkStore>(world, trouble.stale_head, [&session] { return session.has_died(); })),
      listener_(world) {
  auto faults = std::make_unique<testing::FaultStore>(*link_, trouble.store);
  faults_ = faults.get();
  if (trouble.last_call) faults->kill_at(*trouble.last_call);
  auto calls = std::make_shared<std::uint64_t>(0);  // the hook itself is copied
  faults->before_each([at = trouble.interlude, what = std::move(interlude), calls](testing::Call, const std::string&) {
    if (++*calls == at) what();
  });
  auto chance = [random = std::mt19937_64(trouble.store.seed)]() mutable {
    return static_cast<double>(random() % 1000) / 1000;
  };
  store::RetryPolicy policy;
  policy.max_tries = 3;
  retries_ = store::retry_store(std::move(faults), policy, world.clock, chance, listener_);
  planted_ = with_bug(*retries_, world.bug, party, trouble.store.seed);
  top_ = planted_ ? planted_.get() : retries_.get();
}

Connection::~Connection() = default;

Session::Session(World& world, testing::SimDisk& disk, const Trouble& trouble)
    : world_(world), disk_(disk), first_change_(disk.changes()), trouble_(trouble) {
  if (trouble.last_change) disk.cut_power_at_change(first_change_ + *trouble.last_change);
  if (trouble.bad_operation) disk.fail_at_operation(disk.operations() + *trouble.bad_operation, trouble.bad_code);
  if (trouble.is_disk_small) disk.set_free_bytes(small_disk_bytes);
}

bool Session::has_died() const { return trouble_.last_change && changes() >= *trouble_.last_change; }

void Session::end() {
  if (trouble_.is_disk_small) disk_.set_free_bytes(plenty_bytes);
  const bool is_power_gone = world_.one_in(2);
  if (has_died() && is_power_gone) {
    world_.say("    the power went");
    disk_.crash();
  } else {
    disk_.restart();
  }
}

}  // namespace duskline::sim
