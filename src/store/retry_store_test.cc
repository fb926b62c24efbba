#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/sim_clock.h"

namespace duskline::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Call;
using testing::Fault;
using testing::must;
using testing::must_fail;
using Kind = testing::Fault::Kind;

TEST(RetryDelay, grows_to_its_ceiling_with_full_jitter) {
  const RetryPolicy policy{.first = milliseconds(100), .most = milliseconds(20'000)};
  struct Case {
    unsigned attempt;
    double random;
    int retry_after_ms, expected_ms;
  };
  const Case cases[] = {
      {1, 0.0, 0, 0},         {1, 0.5, 0, 50},
      {1, 1.0, 0, 100},       {2, 1.0, 0, 200},
      {3, 1.0, 0, 400},       {3, 0.25, 0, 100},
      {8, 1.0, 0, 12'800},    {9, 1.0, 0, 20'000},
      {10, 0.5, 0, 10'000},   {1'000'000, 1.0, 0, 20'000},
      {0, 1.0, 0, 100},       {1, 0.0, 7'000, 7'000},
      {1, 1.0, 7'000, 7'100}, {9, 0.5, 1'000, 11'000},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(retry_delay(policy, c.attempt, c.random, milliseconds(c.retry_after_ms)), milliseconds(c.expected_ms))
        << "attempt " << c.attempt << " random " << c.random << " retry after " << c.retry_after_ms;
  }
}

class Hook final : public Reporter {
 public:
  void note(Severity severity, std::string_view) override {
    ++notes;
    warnings += severity == Severity::warning ? 1 : 0;
    if (on_note) on_note();
  }
  void progress(const Progress&) override {}
  void record(const FileRecord&) override {}
  std::function<void()> on_note;
  int notes = 0, warnings = 0;
};

class PieceSink final : public Sink {
 public:
  Status write(ByteView bytes) override {
    body.insert(body.end(), bytes.begin(), bytes.end());
    return {};
  }
  Bytes body;
};

class RetryStoreTest : public ::testing::Test {
 protected:
  RetryStoreTest() { open({}); }

  void open(RetryPolicy policy) {
    mem_ = open_mem_store(clock_);
    auto faults = std::make_unique<testing::FaultStore>(*mem_);
    faults_ = faults.get();
    store_ = retry_store(std::move(faults), policy, clock_, [this] { return random_; }, reporter_);
  }
  Bytes body(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 257);
    return bytes;
  }
  void order(Call call, int times, Fault fault) {
    for (int i = 0; i < times; ++i) faults_->order(call, fault);
  }

  testing::SimClock clock_;
  Hook reporter_;
  double random_ = 1.0;
  std::unique_ptr<ObjectStore> mem_, store_;
  testing::FaultStore* faults_ = nullptr;
  const Key key_{"k"};
};

TEST_F(RetryStoreTest, tries_every_call_again) {
  must(put_all(*mem_, {}, key_, bytes_of("body"), {}));
  order(Call::any, 3, {.kind = Kind::error});
  EXPECT_EQ(text_of(must(get_all(*store_, {}, key_, 10))), "body");
  EXPECT_EQ(clock_.slept(), milliseconds(100 + 200 + 400));
  order(Call::any, 3, {.kind = Kind::error, .code = Code::throttled});
  EXPECT_TRUE(must(store_->head({}, key_)));
  order(Call::any, 3, {.kind = Kind::error});
  EXPECT_EQ(must(store_->list({}, {})).objects.size(), 1U);
  order(Call::any, 3, {.kind = Kind::error});
  must(put_all(*store_, {}, key_, bytes_of("other"), {}));
  order(Call::any, 3, {.kind = Kind::error_after});
  const std::vector<Key> keys = {key_};
  EXPECT_TRUE(must(store_->remove({}, keys)).failures.empty());
  EXPECT_FALSE(must(mem_->head({}, key_)));
}

TEST_F(RetryStoreTest, does_not_repeat_what_will_fail_again) {
  for (const Code code : {Code::denied, Code::not_found, Code::precondition, Code::invalid, Code::expired,
                          Code::unsupported, Code::timeout, Code::cancelled, Code::io}) {
    const auto before = faults_->calls();
    order(Call::any, 1, {.kind = Kind::error, .code = code});
    EXPECT_EQ(must_fail(store_->head({}, key_)), code);
    EXPECT_EQ(faults_->calls(), before + 1) << name_of(code);
  }
  EXPECT_EQ(clock_.slept(), seconds(0));
}

TEST_F(RetryStoreTest, gives_up_after_so_many_tries) {
  order(Call::any, 100, {.kind = Kind::error, .code = Code::throttled});
  const auto result = store_->head({}, key_);
  EXPECT_EQ(must_fail(result), Code::throttled);
  EXPECT_THAT(result.error().describe(),
              ::testing::HasSubstr("gave up after 8 tries; the service asks for fewer requests"));
  EXPECT_EQ(faults_->calls(), 8U);
  EXPECT_EQ(reporter_.notes, 7);
  EXPECT_EQ(reporter_.warnings, 5) << "the first two are nothing unusual";
}

TEST_F(RetryStoreTest, gives_up_when_nothing_moves_for_too_long) {
  open({.max_tries = 1'000'000, .progress_deadline = seconds(120)});
  order(Call::any, 200, {.kind = Kind::error});
  const auto result = store_->head({}, key_);
  EXPECT_EQ(must_fail(result), Code::unavailable);
  EXPECT_THAT(result.error().describe(), ::testing::HasSubstr("nothing moved"));
  EXPECT_LE(clock_.slept(), seconds(120));
  EXPECT_GT(clock_.slept(), seconds(90));
}

TEST_F(RetryStoreTest, counts_time_from_the_last_byte_and_not_from_the_start) {
  open({.max_tries = 5, .progress_deadline = seconds(50)});
  const Bytes expected = body(1 << 20);
  must(put_all(*mem_, {}, key_, expected, {}));
  const SteadyTime begin = clock_.steady();
  faults_->before_each([&](Call, const std::string&) { clock_.advance(seconds(30)); });
  order(Call::get, 9, {.kind = Kind::short_body, .bytes = 100'000});
  EXPECT_EQ(must(get_all(*store_, {}, key_, expected.size())), expected);
  EXPECT_GE(clock_.steady() - begin, seconds(300)) << "far more than the 50 seconds without progress";
}

TEST_F(RetryStoreTest, waits_as_long_as_the_server_asks) {
  order(Call::any, 1, {.kind = Kind::error, .code = Code::throttled, .retry_after = seconds(17)});
  random_ = 0.5;
  EXPECT_FALSE(must(store_->head({}, key_)));
  EXPECT_EQ(clock_.slept(), milliseconds(17'050));
  order(Call::any, 1, {.kind = Kind::error, .code = Code::throttled, .retry_after = std::chrono::hours(3)});
  EXPECT_EQ(must_fail(store_->head({}, key_)), Code::throttled) << "longer than anybody waits";
  EXPECT_EQ(clock_.slept(), milliseconds(17'050));
}

TEST_F(RetryStoreTest, goes_on_where_a_body_broke) {
  const Bytes expected = body(700'001);
  must(put_all(*mem_, {}, key_, expected, {}));
  for (const std::uint64_t at : {std::uint64_t{100'000}, std::uint64_t{1}, std::uint64_t{333'333}, std::uint64_t{0}}) {
    order(Call::get, 1, {.kind = Kind::short_body, .bytes = at});
  }
  PieceSink sink;
  ObjectInfo begun;
  const ObjectInfo info = must(store_->get({}, key_, {.begun = &begun}, sink));
  EXPECT_EQ(info.size_bytes, expected.size());
  EXPECT_EQ(begun.etag, info.etag);
  EXPECT_EQ(sink.body, expected) << "no byte twice, none left out";
  EXPECT_EQ(faults_->calls(), 5U);
}

TEST_F(RetryStoreTest, goes_on_within_a_range) {
  const Bytes expected = body(500'000);
  must(put_all(*mem_, {}, key_, expected, {}));
  for (const std::uint64_t length : {std::uint64_t{200'000}, std::uint64_t{1} << 50}) {
    order(Call::get, 1, {.kind = Kind::short_body, .bytes = 70'000});
    order(Call::get, 1, {.kind = Kind::short_body, .bytes = 1});
    PieceSink sink;
    must(store_->get({}, key_, {.range = ByteRange{100'000, length}}, sink));
    const std::size_t end = std::min<std::uint64_t>(100'000 + length, expected.size());
    EXPECT_EQ(sink.body, Bytes(expected.begin() + 100'000, expected.begin() + static_cast<std::ptrdiff_t>(end)));
  }
}

TEST_F(RetryStoreTest, is_done_when_all_bytes_came_before_the_error) {
  const Bytes expected = body(1000);
  must(put_all(*mem_, {}, key_, expected, {}));
  order(Call::get, 1, {.kind = Kind::error_after});
  PieceSink sink;
  EXPECT_EQ(must(store_->get({}, key_, {}, sink)).size_bytes, 1000U);
  EXPECT_EQ(sink.body, expected);
  EXPECT_EQ(faults_->calls(), 1U);
}

TEST_F(RetryStoreTest, does_not_join_two_versions) {
  must(put_all(*mem_, {}, key_, body(300'000), {}));
  order(Call::get, 1, {.kind = Kind::replaced_body, .bytes = 1000});
  PieceSink sink;
  const auto result = store_->get({}, key_, {}, sink);
  EXPECT_EQ(must_fail(result), Code::unavailable);
  EXPECT_THAT(result.error().describe(), ::testing::HasSubstr("replaced while it was read"));
  EXPECT_EQ(sink.body, body(1000));
  EXPECT_EQ(faults_->calls(), 2U) << "the second try was bound to the first one's version";
}

// A server that does not know If-Match on GET and answers with whatever is there.
class IgnoresConditions final : public ObjectStore {
 public:
  explicit IgnoresConditions(ObjectStore& inner) : inner_(inner) {}
  Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
    GetOptions without = options;
    without.if_match.clear();
    return inner_.get(op, key, without, sink);
  }
  Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override { return inner_.head(op, key); }
  Result<ObjectInfo> put(const Op& op, const Key& key, Source& source, const PutOptions& options) override {
    return inner_.put(op, key, source, options);
  }
  Result<Listing> list(const Op& op, const ListQuery& query) override { return inner_.list(op, query); }
  Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override { return inner_.remove(op, keys); }
  [[nodiscard]] std::string describe() const override { return inner_.describe(); }

 private:
  ObjectStore& inner_;
};

TEST_F(RetryStoreTest, does_not_join_two_versions_of_a_server_that_ignores_conditions) {
  must(put_all(*mem_, {}, key_, body(300'000), {}));
  testing::FaultStore faults(*mem_);
  faults.order(Call::get, {.kind = Kind::short_body, .bytes = 1000});
  bool is_first = true;
  faults.before_each([&](Call call, const std::string&) {
    if (call == Call::get && !std::exchange(is_first, false)) must(put_all(*mem_, {}, key_, Bytes(300'000), {}));
  });
  const auto store =
      retry_store(std::make_unique<IgnoresConditions>(faults), {}, clock_, [] { return 0.5; }, reporter_);
  PieceSink sink;
  const auto result = store->get({}, key_, {}, sink);
  EXPECT_EQ(must_fail(result), Code::unavailable);
  EXPECT_THAT(result.error().describe(), ::testing::HasSubstr("replaced while it was read"));
  EXPECT_EQ(sink.body, body(1000));
}

TEST_F(RetryStoreTest, says_so_when_the_rest_is_gone) {
  must(put_all(*mem_, {}, key_, body(300'000), {}));
  order(Call::get, 1, {.kind = Kind::short_body, .bytes = 1000});
  bool is_first = true;
  faults_->before_each([&](Call, const std::string&) {
    if (!std::exchange(is_first, false)) must(mem_->remove({}, std::span(&key_, 1)));
  });
  PieceSink sink;
  EXPECT_EQ(must_fail(store_->get({}, key_, {}, sink)), Code::not_found);
}

TEST_F(RetryStoreTest, does_not_count_a_trickle_as_progress) {
  must(put_all(*mem_, {}, key_, body(1 << 20), {}));
  order(Call::get, 100, {.kind = Kind::short_body, .bytes = 1000});
  PieceSink sink;
  EXPECT_EQ(must_fail(store_->get({}, key_, {}, sink)), Code::unavailable);
  EXPECT_EQ(faults_->calls(), 8U);
}

TEST_F(RetryStoreTest, counts_real_progress) {
  const Bytes expected = body(3 << 20);
  must(put_all(*mem_, {}, key_, expected, {}));
  order(Call::get, 30, {.kind = Kind::short_body, .bytes = 100'000});
  PieceSink sink;
  must(store_->get({}, key_, {}, sink));
  EXPECT_EQ(sink.body, expected);
}

TEST_F(RetryStoreTest, leaves_the_sinks_errors_alone) {
  must(put_all(*mem_, {}, key_, body(1000), {}));
  class Failing final : public Sink {
   public:
    Status write(ByteView) override {
      ++writes;
      return Error{Code::unavailable, "the sink's own trouble"};
    }
    int writes = 0;
  } sink;
  EXPECT_EQ(must_fail(store_->get({}, key_, {}, sink)), Code::unavailable);
  EXPECT_EQ(sink.writes, 1);
}

TEST_F(RetryStoreTest, sends_a_body_again_from_its_start) {
  // Reads a part of the body before it fails, as a connection does that breaks.
  class HalfReader final : public ObjectStore {
   public:
    explicit HalfReader(ObjectStore& inner) : inner_(inner) {}
    Result<ObjectInfo> get(const Op& op, const Key& key, const GetOptions& options, Sink& sink) override {
      return inner_.get(op, key, options, sink);
    }
    Result<std::optional<ObjectInfo>> head(const Op& op, const Key& key) override { return inner_.head(op, key); }
    Result<ObjectInfo> put(const Op& op, const Key& key, Source& source, const PutOptions& options) override {
      if (++puts_ < 4) {
        Bytes some(1000);
        DL_TRY(source.read(some));
        return Error{Code::unavailable, "connection reset"};
      }
      return inner_.put(op, key, source, options);
    }
    Result<Listing> list(const Op& op, const ListQuery& query) override { return inner_.list(op, query); }
    Result<RemoveReport> remove(const Op& op, std::span<const Key> keys) override { return inner_.remove(op, keys); }
    [[nodiscard]] std::string describe() const override { return inner_.describe(); }

   private:
    ObjectStore& inner_;
    int puts_ = 0;
  };
  const auto store = retry_store(std::make_unique<HalfReader>(*mem_), {}, clock_, [] { return 0.5; }, reporter_);
  must(put_all(*store, {}, key_, body(10'000), {}));
  EXPECT_EQ(must(get_all(*mem_, {}, key_, 10'000)), body(10'000));
}

TEST_F(RetryStoreTest, leaves_it_to_the_caller_to_find_out_about_a_lost_answer) {
  order(Call::put, 1, {.kind = Kind::error_after});
  const PutOptions create{.existing = PutOptions::Existing::refuse};
  EXPECT_EQ(must_fail(put_all(*store_, {}, key_, bytes_of("mine"), create)), Code::precondition);
  EXPECT_EQ(text_of(must(get_all(*store_, {}, key_, 10))), "mine") << "which reading back shows";
}

TEST_F(RetryStoreTest, removes_again_only_what_failed_and_may_pass) {
  class Partial final : public ObjectStore {
   public:
    Result<ObjectInfo> get(const Op&, const Key&, const GetOptions&, Sink&) override { return Error{}; }
    Result<std::optional<ObjectInfo>> head(const Op&, const Key&) override { return Error{}; }
    Result<ObjectInfo> put(const Op&, const Key&, Source&, const PutOptions&) override { return Error{}; }
    Result<Listing> list(const Op&, const ListQuery&) override { return Error{}; }
    Result<RemoveReport> remove(const Op&, std::span<const Key> keys) override {
      RemoveReport report;
      std::vector<std::string> asked;
      for (const Key& key : keys) {
        asked.push_back(key.text());
        if (key.text() == "locked") report.failures.push_back({key, Error{Code::denied, "retention"}});
        if (key.text() == "slow" && calls.size() < 2)
          report.failures.push_back({key, Error{Code::throttled, "slow down"}});
        if (key.text() == "dead") report.failures.push_back({key, Error{Code::unavailable, "away"}});
      }
      calls.push_back(asked);
      return report;
    }
    [[nodiscard]] std::string describe() const override { return "partial"; }
    std::vector<std::vector<std::string>> calls;
  };
  auto partial = std::make_unique<Partial>();
  Partial& seen = *partial;
  const auto store = retry_store(std::move(partial), {}, clock_, [] { return 0.5; }, reporter_);
  const std::vector<Key> keys = {Key("fine"), Key("locked"), Key("slow"), Key("dead")};
  const RemoveReport report = must(store->remove({}, keys));
  ASSERT_EQ(report.failures.size(), 2U);
  EXPECT_EQ(report.failures[0].key.text(), "locked");
  EXPECT_EQ(report.failures[1].key.text(), "dead");
  ASSERT_GE(seen.calls.size(), 3U);
  EXPECT_EQ(seen.calls[1], (std::vector<std::string>{"slow", "dead"}));
  EXPECT_EQ(seen.calls.back(), std::vector<std::string>{"dead"});
}

TEST_F(RetryStoreTest, stops_while_it_waits) {
  order(Call::any, 3, {.kind = Kind::error});
  std::stop_source stop;
  Op op;
  op.stop = stop.get_token();
  reporter_.on_note = [&] { stop.request_stop(); };
  EXPECT_EQ(must_fail(store_->head(op, key_)), Code::cancelled);
  EXPECT_EQ(faults_->calls(), 1U);
}

TEST_F(RetryStoreTest, does_not_wait_beyond_the_deadline) {
  order(Call::any, 1, {.kind = Kind::error, .retry_after = seconds(30)});
  Op op;
  op.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1000);
  clock_.advance(op.deadline - clock_.steady() - seconds(10));
  const auto result = store_->head(op, key_);
  EXPECT_EQ(must_fail(result), Code::timeout);
  EXPECT_EQ(clock_.slept(), seconds(0));
}

}  // namespace
}  // namespace duskline::store
