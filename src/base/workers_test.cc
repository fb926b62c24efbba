#include "base/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace duskline {
namespace {

TEST(BoundedQueue, gives_items_in_order_and_drains_after_close) {
  BoundedQueue<int> queue(10);
  EXPECT_TRUE(queue.push(1));
  EXPECT_TRUE(queue.push(2));
  queue.close();
  EXPECT_FALSE(queue.push(3));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 2);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueue, abandon_drops_what_waits) {
  BoundedQueue<int> queue(10);
  EXPECT_TRUE(queue.push(1));
  queue.abandon();
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueue, an_item_heavier_than_all_is_let_in_alone) {
  BoundedQueue<int> queue(10);
  EXPECT_TRUE(queue.push(1, 1000));
  std::atomic<bool> second_in = false;
  std::jthread pusher([&] {
    queue.push(2, 1);
    second_in = true;
  });
  EXPECT_FALSE(second_in);  // it waits until the heavy one is out
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 2);
}

TEST(BoundedQueue, close_wakes_those_who_wait) {
  BoundedQueue<int> queue(1);
  std::optional<int> got = 1;
  std::jthread popper([&] { got = queue.pop(); });
  queue.close();
  popper.join();
  EXPECT_EQ(got, std::nullopt);
}

TEST(WorkerPool, runs_every_task) {
  std::atomic<int> done = 0;
  WorkerPool pool(Op{}, 3, 4);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(pool.submit([&](const Op&) -> Status {
      ++done;
      return {};
    }));
  }
  EXPECT_TRUE(pool.finish());
  EXPECT_EQ(done, 100);
}

TEST(WorkerPool, the_first_error_stops_the_rest_and_is_returned) {
  WorkerPool pool(Op{}, 1, 4);
  EXPECT_TRUE(pool.submit([](const Op&) -> Status { return Error{Code::denied, "first"}; }));
  while (pool.submit([](const Op&) -> Status { return Error{Code::io, "later"}; })) {
  }
  const Status status = pool.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "first");
}

TEST(WorkerPool, a_task_sees_that_another_failed) {
  std::latch started(1);
  std::atomic<bool> stopped = false;
  WorkerPool pool(Op{}, 2, 4);
  EXPECT_TRUE(pool.submit([&](const Op& op) -> Status {
    std::latch stop_seen(1);
    const std::stop_callback callback(op.stop, [&] { stop_seen.count_down(); });
    started.count_down();
    stop_seen.wait();
    stopped = true;
    return op.check();
  }));
  started.wait();
  pool.submit([](const Op&) -> Status { return Error{Code::no_space, "disk full"}; });
  const Status status = pool.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::no_space);
  EXPECT_TRUE(stopped);
}

TEST(WorkerPool, stops_with_its_parent) {
  std::stop_source stop;
  Op parent;
  parent.stop = stop.get_token();
  WorkerPool pool(parent, 2, 4);
  stop.request_stop();
  EXPECT_FALSE(pool.submit([](const Op&) -> Status { return {}; }));
  const Status status = pool.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::cancelled);
}

TEST(Op, says_cancelled_before_timeout_and_nothing_while_there_is_time) {
  Op op;
  EXPECT_TRUE(op.check());
  op.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(op.check().error().code, Code::timeout);
  std::stop_source stop;
  op.stop = stop.get_token();
  stop.request_stop();
  EXPECT_EQ(op.check().error().code, Code::cancelled);
}

TEST(TasksInCaller, runs_each_task_when_it_is_submitted) {
  const TasksInCaller here;
  WorkerPool pool({}, 4, 1);
  std::vector<int> ran;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(pool.submit([&ran, i, self = std::this_thread::get_id()](const Op&) -> Status {
      EXPECT_EQ(std::this_thread::get_id(), self);
      ran.push_back(i);
      if (i == 4) return Error{Code::io, "the last one fails"};
      return {};
    }));
    EXPECT_EQ(ran.size(), static_cast<std::size_t>(i) + 1);
  }
  EXPECT_FALSE(pool.submit([](const Op&) -> Status { return {}; }));
  const Status done = pool.finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::io);
}

}  // namespace
}  // namespace duskline
