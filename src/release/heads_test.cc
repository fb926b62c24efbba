#include "release/heads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <mutex>
#include <set>
#include <thread>

#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/sim_clock.h"

namespace duskline::release {
namespace {

using testing::Call;
using testing::Fault;
using testing::FaultStore;
using ::testing::HasSubstr;
using testing::must;
using testing::must_fail;

const Op op;
constexpr Conditions both{true, true};
constexpr Conditions none{};

class Notes final : public Reporter {
 public:
  void note(Severity severity, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    if (severity == Severity::warning) warnings.emplace_back(message);
  }
  void progress(const Progress&) override {}
  void record(const FileRecord&) override {}
  std::vector<std::string> warnings;

 private:
  std::mutex mutex_;
};

// Takes every put, whatever its conditions: the endpoints that the probe is there for.
class IgnoringStore final : public store::ObjectStore {
 public:
  explicit IgnoringStore(store::ObjectStore& inner, bool ignores_absent, bool ignores_match)
      : inner_(inner), ignores_absent_(ignores_absent), ignores_match_(ignores_match) {}
  Result<store::ObjectInfo> get(const Op& o, const store::Key& k, const store::GetOptions& g, Sink& s) override {
    return inner_.get(o, k, g, s);
  }
  Result<std::optional<store::ObjectInfo>> head(const Op& o, const store::Key& k) override { return inner_.head(o, k); }
  Result<store::ObjectInfo> put(const Op& o, const store::Key& k, Source& s, const store::PutOptions& p) override {
    store::PutOptions options = p;
    if (ignores_absent_) options.existing = store::PutOptions::Existing::replace;
    if (ignores_match_) options.if_match.clear();
    return inner_.put(o, k, s, options);
  }
  Result<store::Listing> list(const Op& o, const store::ListQuery& q) override { return inner_.list(o, q); }
  Result<store::RemoveReport> remove(const Op& o, std::span<const store::Key> k) override {
    return inner_.remove(o, k);
  }
  [[nodiscard]] std::string describe() const override { return "store that ignores conditions"; }

 private:
  store::ObjectStore& inner_;
  bool ignores_absent_, ignores_match_;
};

class HeadsTest : public ::testing::Test {
 protected:
  model::SetName set_ = must(model::SetName::parse("packages"));
  model::ChannelName live_ = must(model::ChannelName::parse("live"));
  testing::SimClock clock_;
  std::unique_ptr<store::ObjectStore> store_ = store::open_mem_store(clock_);
  SigningKey key_ = must(SigningKey::generate());
  std::vector<PublicKey> trusted_ = {key_.public_key()};
  Notes notes_;

  model::Head next_after(const std::optional<SeenHead>& seen, std::uint64_t number = 1) {
    model::Head head;
    head.realm = "default";
    head.set = set_.text();
    head.channel = live_.text();
    head.version = seen ? seen->head.version + 1 : 1;
    head.release = {sha256(std::to_string(number))};
    head.number = number;
    head.published = head.signed_at = clock_.now();
    head.expires = clock_.now() + std::chrono::hours(24);
    if (seen) head.previous = seen->envelope_hash;
    head.manifest_bytes = 1000;
    head.manifest_index_bytes = 200;
    return head;
  }
  Result<SeenHead> write(store::ObjectStore& store, const std::optional<SeenHead>& seen, std::uint64_t number = 1,
                         const Conditions& conditions = both) {
    return replace_head(store, op, next_after(seen, number), seen, key_, conditions, clock_, notes_);
  }
  Result<std::optional<SeenHead>> read() { return read_head(*store_, op, set_, live_, trusted_); }
  store::Key head_key() { return store::Key(model::head_key(set_, live_)); }
};

TEST_F(HeadsTest, WhatIsWrittenIsReadBack) {
  EXPECT_FALSE(must(read()));
  const SeenHead first = must(write(*store_, {}));
  const SeenHead second = must(write(*store_, first, 2));
  const SeenHead seen = must(read()).value();
  EXPECT_EQ(seen.head, second.head);
  EXPECT_EQ(seen.etag, second.etag);
  EXPECT_EQ(seen.envelope_hash, second.envelope_hash);
  EXPECT_EQ(seen.head.previous, first.envelope_hash);
  EXPECT_TRUE(notes_.warnings.empty());
}

TEST_F(HeadsTest, AHeadThatDoesNotFollowTheLastIsABug) {
  const SeenHead first = must(write(*store_, {}));
  model::Head skips = next_after(first);
  ++skips.version;
  EXPECT_EQ(must_fail(replace_head(*store_, op, skips, first, key_, both, clock_, notes_)), Code::internal);
  model::Head forgets = next_after(first);
  forgets.previous = {};
  EXPECT_EQ(must_fail(replace_head(*store_, op, forgets, first, key_, both, clock_, notes_)), Code::internal);
}

TEST_F(HeadsTest, OnlyTrustedHeadsOfTheRightPlaceAreRead) {
  must(write(*store_, {}));
  const Bytes good = must(store::get_all(*store_, op, head_key(), 1 << 20));
  const auto put = [&](const store::Key& key, ByteView bytes) { must(store::put_all(*store_, op, key, bytes, {})); };

  EXPECT_EQ(must_fail(read_head(*store_, op, set_, live_, {must(SigningKey::generate()).public_key()})),
            Code::untrusted);
  EXPECT_EQ(must_fail(read_head(*store_, op, set_, live_, {})), Code::untrusted);
  must(read_head(*store_, op, set_, live_, trusted_, "default"));
  EXPECT_EQ(must_fail(read_head(*store_, op, set_, live_, trusted_, "other")), Code::untrusted);

  const auto patches = must(model::SetName::parse("patches"));
  const auto canary = must(model::ChannelName::parse("canary"));
  put(store::Key(model::head_key(patches, live_)), good);
  put(store::Key(model::head_key(set_, canary)), good);
  const auto as_patches = read_head(*store_, op, patches, live_, trusted_);
  EXPECT_EQ(must_fail(as_patches), Code::untrusted);
  EXPECT_THAT(as_patches.error().describe(), HasSubstr("\"packages\""));
  EXPECT_EQ(must_fail(read_head(*store_, op, set_, canary, trusted_)), Code::untrusted);

  // A release's statement, signed by the same key, is no head.
  model::Release release;
  release.realm = "default";
  release.set = set_.text();
  release.number = 1;
  release.stats.nodes = 1;
  put(head_key(), bytes_of(must(model::seal(model::encode_release(release), key_))));
  EXPECT_FALSE(read());
  for (std::size_t at = 0; at < good.size(); at += 7) {
    Bytes bad = good;
    bad[at] ^= 1;
    put(head_key(), bad);
    EXPECT_FALSE(read()) << "byte " << at;
  }
}

TEST(CheckHead, Table) {
  const WallTime now = testing::SimClock().now();
  const Hash256 here = sha256("here"), other = sha256("other"), before = sha256("before");
  struct Row {
    const char* what;
    std::uint64_t version;
    Hash256 hash, previous;
    std::chrono::seconds expires_in;
    Floor floor;
    StaleHead stale;
    std::optional<Code> refused;
    bool fork;
  };
  using std::chrono::seconds;
  const Row rows[] = {
      {"first ever", 5, here, before, seconds(60), {}, StaleHead::refuse, {}, false},
      {"as seen", 5, here, before, seconds(60), {5, here}, StaleHead::refuse, {}, false},
      {"next", 6, other, here, seconds(60), {5, here}, StaleHead::refuse, {}, false},
      {"several later", 9, other, before, seconds(60), {5, here}, StaleHead::refuse, {}, false},
      {"older", 4, before, other, seconds(60), {5, here}, StaleHead::refuse, Code::replayed, false},
      {"older, stale allowed", 4, before, other, seconds(60), {5, here}, StaleHead::allow, Code::replayed, false},
      {"same version, other head", 5, other, before, seconds(60), {5, here}, StaleHead::refuse, Code::replayed, true},
      {"next, of another history", 6, other, before, seconds(60), {5, here}, StaleHead::refuse, {}, true},
      {"about to expire", 5, here, before, seconds(1), {5, here}, StaleHead::refuse, {}, false},
      {"expires now", 5, here, before, seconds(0), {5, here}, StaleHead::refuse, Code::stale, false},
      {"expired", 6, other, here, seconds(-60), {5, here}, StaleHead::refuse, Code::stale, false},
      {"expired, allowed", 6, other, here, seconds(-60), {5, here}, StaleHead::allow, {}, false},
      {"expired and older", 4, other, here, seconds(-60), {5, here}, StaleHead::allow, Code::replayed, false},
  };
  for (const Row& row : rows) {
    SeenHead seen;
    seen.head.set = "s";
    seen.head.channel = "live";
    seen.head.version = row.version;
    seen.head.previous = row.previous;
    seen.head.expires = now + row.expires_in;
    seen.envelope_hash = row.hash;
    const Status status = check_head(seen, row.floor, now, row.stale);
    EXPECT_EQ(status ? std::optional<Code>{} : status.error().code, row.refused) << row.what;
    EXPECT_EQ(is_fork(seen, row.floor), row.fork) << row.what;
  }
}

TEST_F(HeadsTest, TheOneWhoComesTooLateIsToldWhoWon) {
  const SeenHead first = must(write(*store_, {}));
  must(write(*store_, first, 2));
  const auto late = write(*store_, first, 3);
  EXPECT_EQ(must_fail(late), Code::precondition);
  EXPECT_THAT(late.error().describe(), HasSubstr("release 2"));
  EXPECT_EQ(must_fail(write(*store_, {}, 4)), Code::precondition) << "must not exist, but does";
  EXPECT_EQ(must(read())->head.number, 2U);
}

TEST_F(HeadsTest, AWriteWhoseAnswerWasLostIsRecognised) {
  FaultStore faults(*store_);
  faults.order(Call::put, {.kind = Fault::Kind::error_after, .code = Code::unavailable});
  const SeenHead first = must(write(faults, {}));
  faults.order(Call::put, {.kind = Fault::Kind::error_after, .code = Code::precondition});  // as after a blind retry
  const SeenHead second = must(write(faults, first, 2));
  faults.order(Call::put, {.kind = Fault::Kind::error_after, .code = Code::timeout});
  const SeenHead third = must(write(faults, second, 3));
  const SeenHead seen = must(read()).value();
  EXPECT_EQ(seen.head, third.head);
  EXPECT_EQ(seen.etag, third.etag);
}

TEST_F(HeadsTest, AWriteThatDidNotHappenIsAnError) {
  const SeenHead first = must(write(*store_, {}));
  FaultStore faults(*store_);
  for (const Code code : {Code::unavailable, Code::denied, Code::timeout}) {
    faults.order(Call::put, {.kind = Fault::Kind::error, .code = code});
    EXPECT_EQ(must_fail(write(faults, first, 2)), code);
  }
  EXPECT_EQ(must(read())->envelope_hash, first.envelope_hash);
}

// Each thread reads, writes the next version, and tries anew when it lost: no version may be lost or written twice.
TEST_F(HeadsTest, ManyPublishersAtOnceMakeOneHistory) {
  constexpr int threads = 8, rounds = 15;
  std::mutex mutex;
  std::vector<SeenHead> written;
  std::barrier start(threads);
  std::vector<std::jthread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      start.arrive_and_wait();
      for (int done = 0; done < rounds;) {
        const auto seen = must(read());
        auto mine = write(*store_, seen, static_cast<std::uint64_t>(t * rounds + done + 1));
        if (!mine) {
          EXPECT_EQ(mine.error().code, Code::precondition);
          continue;
        }
        const std::lock_guard lock(mutex);
        written.push_back(std::move(*mine));
        ++done;
      }
    });
  }
  running.clear();
  std::sort(written.begin(), written.end(),
            [](const SeenHead& a, const SeenHead& b) { return a.head.version < b.head.version; });
  ASSERT_EQ(written.size(), static_cast<std::size_t>(threads * rounds));
  Hash256 previous;
  for (std::size_t i = 0; i < written.size(); ++i) {
    EXPECT_EQ(written[i].head.version, i + 1);
    EXPECT_EQ(written[i].head.previous, previous);
    previous = written[i].envelope_hash;
  }
  EXPECT_EQ(must(read())->envelope_hash, previous);
}

TEST_F(HeadsTest, TheProbeFindsOutWhatTheEndpointDoes) {
  EXPECT_EQ(must(probe_conditions(*store_, op, set_)), both);
  IgnoringStore nothing(*store_, true, true), match_only(*store_, true, false), absent_only(*store_, false, true);
  EXPECT_EQ(must(probe_conditions(nothing, op, set_)), none);
  EXPECT_EQ(must(probe_conditions(match_only, op, set_)), (Conditions{false, true}));
  EXPECT_EQ(must(probe_conditions(absent_only, op, set_)), (Conditions{true, false}));

  FaultStore refuses(*store_);
  refuses.order(Call::put, {.kind = Fault::Kind::error, .code = Code::unsupported});  // if-none-match
  EXPECT_EQ(must(probe_conditions(refuses, op, set_)), (Conditions{false, true}));
  FaultStore down(*store_);
  down.order(Call::put, {.kind = Fault::Kind::error, .code = Code::unavailable});
  EXPECT_EQ(must_fail(probe_conditions(down, op, set_)), Code::unavailable) << "no answer is not an answer";
  FaultStore lost(*store_);
  lost.order(Call::put, {.kind = Fault::Kind::error_after, .code = Code::precondition});  // a retry of its own success
  EXPECT_EQ(must(probe_conditions(lost, op, set_)), both);

  EXPECT_TRUE(must(store_->list(op, {.prefix = "packages/"})).objects.empty()) << "the probe cleans up";
}

TEST_F(HeadsTest, WithoutConditionsALeaseIsTakenSaidAndGivenBack) {
  IgnoringStore store(*store_, true, true);
  const SeenHead first = must(write(store, {}, 1, none));
  const SeenHead second = must(write(store, first, 2, none));
  EXPECT_EQ(must(read())->head, second.head);
  ASSERT_EQ(notes_.warnings.size(), 2U);
  EXPECT_THAT(notes_.warnings[0], HasSubstr("ignores conditional writes"));
  EXPECT_EQ(must_fail(write(store, first, 3, none)), Code::precondition) << "still seen when looked at first";
  EXPECT_TRUE(must(store_->list(op, {.prefix = "packages/lease/"})).objects.empty());
}

TEST_F(HeadsTest, ALeaseThatAnotherHoldsIsHonouredUntilItRunsOut) {
  IgnoringStore store(*store_, true, true);
  FaultStore killed(store);
  killed.kill_at(4);  // read lease, write lease, read it back: then the publisher dies with the lease in hand
  EXPECT_FALSE(write(killed, {}, 1, none));
  ASSERT_EQ(must(store_->list(op, {.prefix = "packages/lease/"})).objects.size(), 1U);
  const auto refused = write(store, {}, 2, none);
  EXPECT_EQ(must_fail(refused), Code::locked);
  EXPECT_THAT(refused.error().describe(), HasSubstr("packages/lease/head-live"));
  clock_.advance(head_lease_life);
  must(write(store, {}, 2, none));

  // Nonsense in its place, or a lease from a clock that is far ahead, does not lock anybody out for good.
  const store::Key lease(model::lease_key(set_, "head-live"));
  for (const char* nonsense : {"", "[]", "{\"holder\":1}", "{\"holder\":\"x\",\"expires\":\"2999-01-01T00:00:00Z\"}"}) {
    must(store::put_all(*store_, op, lease, bytes_of(nonsense), {}));
    must(write(store, must(read()), 3, none));
  }
}

TEST_F(HeadsTest, WithoutConditionsAnOverwrittenHeadIsNoticed) {
  IgnoringStore store(*store_, true, true);
  FaultStore watched(store);
  const SeenHead first = must(write(store, {}, 1, none));
  // Another publisher, on another machine that took no lease, writes between our put and our second look.
  int puts = 0;
  watched.before_each([&](Call call, const std::string& key) {
    if (call == Call::put && key == head_key().text()) ++puts;
    if (call == Call::get && key == head_key().text() && puts == 1) {
      ++puts;
      const std::string theirs = must(model::seal(model::encode_head(next_after(first, 77)), key_));
      must(store::put_all(*store_, op, head_key(), bytes_of(theirs), {}));
    }
  });
  const auto mine = write(watched, first, 2, none);
  EXPECT_EQ(must_fail(mine), Code::precondition);
  EXPECT_THAT(mine.error().describe(), HasSubstr("release 77"));
}

TEST_F(HeadsTest, NumbersGrowAndNameTheirReleases) {
  EXPECT_EQ(must(take_number(*store_, op, set_, 0, both)), 1U);
  EXPECT_EQ(must(take_number(*store_, op, set_, 0, both)), 2U);
  EXPECT_EQ(must(take_number(*store_, op, set_, 7, both)), 8U);
  EXPECT_EQ(must(take_number(*store_, op, set_, 2, both)), 9U) << "never below one that is taken";
  const ListedRelease two{2, {sha256("two")}, clock_.now()}, nine{9, {sha256("nine")}, clock_.now()};
  must(name_number(*store_, op, set_, nine.number, nine.id, nine.published));
  must(name_number(*store_, op, set_, two.number, two.id, two.published));
  // What is no number of ours is passed over.
  must(store::put_all(*store_, op, store::Key("packages/number/x"), bytes_of("{}"), {}));
  must(store::put_all(*store_, op, store::Key("packages/number/18446744073709551615"), bytes_of("{}"), {}));
  EXPECT_EQ(must(list_releases(*store_, op, set_)), (std::vector<ListedRelease>{two, nine}));
  EXPECT_EQ(must(take_number(*store_, op, set_, 0, both)), 10U);
}

TEST_F(HeadsTest, NumbersAreFoundBeyondOnePageAndWithoutPermissionToList) {
  for (model::ReleaseNumber n = 1; n <= 2500; ++n) {
    must(store::put_all(*store_, op, store::Key(model::number_key(set_, n)), bytes_of("{}"), {}));
  }
  EXPECT_EQ(must(take_number(*store_, op, set_, 0, both)), 2501U);
  FaultStore no_list(*store_);
  no_list.order(Call::list, {.kind = Fault::Kind::error, .code = Code::denied});
  EXPECT_EQ(must(take_number(no_list, op, set_, 2499, both)), 2502U);
  no_list.order(Call::list, {.kind = Fault::Kind::error, .code = Code::unavailable});
  EXPECT_EQ(must_fail(take_number(no_list, op, set_, 2499, both)), Code::unavailable);
  no_list.order(Call::list, {.kind = Fault::Kind::error, .code = Code::denied});
  EXPECT_EQ(must_fail(take_number(no_list, op, set_, 0, both)), Code::precondition) << "gives up, and says how to help";
}

TEST_F(HeadsTest, ALostAnswerDoesNotLoseANumber) {
  FaultStore faults(*store_);
  faults.order(Call::put, {.kind = Fault::Kind::error_after, .code = Code::unavailable});
  EXPECT_EQ(must(take_number(faults, op, set_, 0, both)), 1U);
  faults.order(Call::put, {.kind = Fault::Kind::error_after, .code = Code::precondition});
  EXPECT_EQ(must(take_number(faults, op, set_, 0, both)), 2U);
  faults.order(Call::put, {.kind = Fault::Kind::error, .code = Code::unavailable});
  EXPECT_EQ(must_fail(take_number(faults, op, set_, 0, both)), Code::unavailable);
  IgnoringStore ignoring(*store_, true, true);
  EXPECT_EQ(must(take_number(ignoring, op, set_, 0, none)), 3U);
}

TEST_F(HeadsTest, ManyPublishersNeverShareANumber) {
  constexpr int threads = 8, rounds = 20;
  std::mutex mutex;
  std::multiset<model::ReleaseNumber> taken;
  std::barrier start(threads);
  std::vector<std::jthread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&] {
      start.arrive_and_wait();
      for (int i = 0; i < rounds; ++i) {
        const auto number = must(take_number(*store_, op, set_, 0, both));
        const std::lock_guard lock(mutex);
        taken.insert(number);
      }
    });
  }
  running.clear();
  EXPECT_EQ(taken.size(), static_cast<std::size_t>(threads * rounds));
  EXPECT_EQ(std::set<model::ReleaseNumber>(taken.begin(), taken.end()).size(), taken.size());
}

}  // namespace
}  // namespace duskline::release
