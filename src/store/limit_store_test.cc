#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/sim_clock.h"

namespace duskline::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Call;
using testing::must;
using testing::must_fail;

constexpr std::uint64_t mebibyte = 1 << 20;

double in_seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

TEST(LimitStore, paces_what_comes_down) {
  testing::SimClock clock;
  const auto store = limit_store(open_mem_store(clock), {.bytes_per_second_down = mebibyte}, clock);
  const Bytes body(10 * mebibyte);
  must(put_all(*store, {}, Key("k"), body, {}));
  EXPECT_EQ(clock.slept(), seconds(0)) << "the way up has no limit";
  EXPECT_EQ(must(get_all(*store, {}, Key("k"), body.size())), body);
  EXPECT_NEAR(in_seconds(clock.slept()), 10.0, 0.05);
  must(get_all(*store, {}, Key("k"), body.size(), {.range = ByteRange{0, mebibyte}}));
  EXPECT_NEAR(in_seconds(clock.slept()), 11.0, 0.05);
}

TEST(LimitStore, paces_what_goes_up) {
  testing::SimClock clock;
  const auto store = limit_store(open_mem_store(clock), {.bytes_per_second_up = mebibyte / 2}, clock);
  const Bytes body(5 * mebibyte);
  must(put_all(*store, {}, Key("k"), body, {}));
  EXPECT_NEAR(in_seconds(clock.slept()), 10.0, 0.05);
  EXPECT_EQ(must(get_all(*store, {}, Key("k"), body.size())), body);
  EXPECT_NEAR(in_seconds(clock.slept()), 10.0, 0.05) << "the way down has no limit";
}

TEST(LimitStore, can_be_stopped_while_it_paces) {
  testing::SimClock clock;
  const auto store = limit_store(open_mem_store(clock), {.bytes_per_second_down = 1000}, clock);
  must(put_all(*store, {}, Key("k"), Bytes(mebibyte), {}));
  std::stop_source stop;
  Op op;
  op.stop = stop.get_token();
  class Stopping final : public Sink {
   public:
    explicit Stopping(std::stop_source& stop) : stop_(stop) {}
    Status write(ByteView bytes) override {
      received += bytes.size();
      if (received >= 10'000) stop_.request_stop();
      return {};
    }
    std::uint64_t received = 0;

   private:
    std::stop_source& stop_;
  } sink(stop);
  EXPECT_EQ(must_fail(store->get(op, Key("k"), {}, sink)), Code::cancelled);
  EXPECT_LT(sink.received, 12'000U) << "it does not go on for the rest of a large piece";
}

TEST(LimitStore, gives_up_at_once_where_the_limit_leaves_too_little_time) {
  testing::SimClock clock;
  const auto store = limit_store(open_mem_store(clock), {.bytes_per_second_up = 1024}, clock);
  Op op;
  op.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1000);
  clock.advance(op.deadline - clock.steady() - seconds(5));
  EXPECT_EQ(must_fail(put_all(*store, op, Key("k"), Bytes(mebibyte), {})), Code::timeout);
  EXPECT_LE(clock.slept(), seconds(5));
}

TEST(LimitStore, lets_no_more_requests_in_than_it_may) {
  testing::SimClock clock;
  const auto mem = open_mem_store(clock);
  auto faults = std::make_unique<testing::FaultStore>(*mem);
  std::atomic<int> inside{0}, most{0};
  std::latch both_inside(2);
  faults->before_each([&](Call, const std::string& key) {
    const int now = ++inside;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    if (key == "pair") both_inside.arrive_and_wait();  // passes only if two get in together
    --inside;
  });
  const auto store = limit_store(std::move(faults), {.max_requests = 2}, clock);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) threads.emplace_back([&] { (void)store->head({}, Key("pair")); });
  }
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 50; ++n) (void)store->head({}, Key("any"));
      });
    }
  }
  EXPECT_EQ(most, 2);
}

TEST(LimitStore, can_be_stopped_while_it_waits_for_its_turn) {
  testing::SimClock clock;
  const auto mem = open_mem_store(clock);
  auto faults = std::make_unique<testing::FaultStore>(*mem);
  std::latch is_inside(1), may_leave(1);
  faults->before_each([&](Call, const std::string&) {
    is_inside.count_down();
    may_leave.wait();
  });
  const auto store = limit_store(std::move(faults), {.max_requests = 1}, clock);
  std::jthread first([&] { (void)store->head({}, Key("k")); });
  is_inside.wait();
  std::stop_source stop;
  Op op;
  op.stop = stop.get_token();
  Result<std::optional<ObjectInfo>> second = std::nullopt;
  std::jthread waiting([&] { second = store->head(op, Key("k")); });
  stop.request_stop();
  waiting.join();
  EXPECT_EQ(must_fail(second), Code::cancelled);
  Op late;
  late.deadline = std::chrono::steady_clock::now();
  EXPECT_EQ(must_fail(store->head(late, Key("k"))), Code::timeout);
  may_leave.count_down();
}

TEST(LimitStore, lets_go_of_its_place_after_an_error) {
  testing::SimClock clock;
  const auto mem = open_mem_store(clock);
  auto faults = std::make_unique<testing::FaultStore>(*mem);
  for (const Code code : {Code::throttled, Code::unavailable, Code::denied}) {
    for (int i = 0; i < 3; ++i) faults->order(Call::any, {.kind = testing::Fault::Kind::error, .code = code});
  }
  const auto store = limit_store(std::move(faults), {.max_requests = 1}, clock);
  Op op;
  op.deadline = std::chrono::steady_clock::now() + std::chrono::minutes(10);  // rather than wait for ever
  for (int i = 0; i < 9; ++i) EXPECT_NE(must_fail(store->head(op, Key("k"))), Code::timeout);
  EXPECT_EQ(must_fail(get_all(*store, op, Key("missing"), 1)), Code::not_found);
  EXPECT_FALSE(must(store->head(op, Key("missing"))));
}

}  // namespace
}  // namespace duskline::store
