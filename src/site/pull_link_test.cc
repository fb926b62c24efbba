// Connections of one pull that differ in speed.
#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using testing::sample_directory;

constexpr std::uint64_t kib = 1 << 10;

// Holds the first thread that comes by, when it has come by twice, until the link has passed so many bytes.
class Holdup {
 public:
  Holdup(testing::SimClock& clock, std::function<std::uint64_t()> passed, std::uint64_t until)
      : clock_(clock), passed_(std::move(passed)), until_(until) {}

  void come_by() {
    std::unique_lock lock(mutex_);
    moved_.notify_all();
    if (slow_ == std::thread::id()) slow_ = std::this_thread::get_id();
    if (slow_ != std::this_thread::get_id() || ++times_ != 2) return;
    clock_.advance(std::chrono::seconds(60));
    was_relieved = moved_.wait_for(lock, std::chrono::seconds(60), [&] { return passed_() >= until_; });
  }
  bool was_relieved = false;

 private:
  testing::SimClock& clock_;
  const std::function<std::uint64_t()> passed_;
  const std::uint64_t until_;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::thread::id slow_;
  int times_ = 0;
};

TEST(PullOverUnequalConnections, TakesOverWhatTheSlowestHasNotBegunWith) {
  PullKit kit({.chunk_bytes = 16 * kib, .frame_bytes = 1024 * kib, .pack_bytes = 8192 * kib});
  std::mt19937_64 random(7);
  SampleEntry tree = sample_directory();
  constexpr std::uint64_t total = 2048 * kib;
  for (int i = 0; i < 16; ++i) {
    tree.children["f" + std::to_string(100 + i)].content = testing::random_content(random, total / 16);
  }
  kit.maker.publish(tree);
  // No request asks for less than 256 KiB: more than the others can have passed without taking over.
  Holdup holdup(kit.clock, [&] { return kit.link.bytes(); }, total - 200 * kib);
  kit.link.drip(32 * kib, [&] { holdup.come_by(); });
  must(kit.pull(kit.options()));
  EXPECT_TRUE(holdup.was_relieved);
  EXPECT_EQ(kit.differs_from(tree), "");
  EXPECT_LE(kit.pack_bytes_given(), total + 200 * kib) << "taken over, not fetched twice";
}

}  // namespace
}  // namespace duskline::site
