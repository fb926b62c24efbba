// Many threads at once: what a reader finds is whole and stays there while it is read; calls that wait share a flush.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "objects/engine_kit.h"

namespace duskline::objects {
namespace {

// "7 7 7 7 ...": any cut or mixture shows.
std::string body_of(unsigned number, std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(number) + " ";
  return text;
}
bool is_whole(const std::string& text) {
  return text == body_of(static_cast<unsigned>(std::strtoul(text.c_str(), nullptr, 10)), text.size());
}

TEST(Concurrency, ReadersSeeWholeObjectsWhileOthersReplaceThem) {
  World world;
  world.tuning.background = Background::thread;  // compaction and removal take part
  world.tuning.segment_bytes = 100'000;
  world.open(std::make_unique<QuickFiles>());
  world.make_bucket("b");
  world.put("b", "small", body_of(0, 1000));
  world.put("b", "large", body_of(0, 70'000));
  std::atomic<bool> stop{false};
  std::atomic<unsigned> reads{0}, wrong{0};
  std::vector<std::thread> all;
  for (int reader = 0; reader < 2; ++reader) {
    all.emplace_back([&, reader] {
      const std::string key = reader == 0 ? "small" : "large";
      while (!stop) {
        const auto version = world.engine->find("b", key, {});
        if (!version || !*version || !is_whole(world.read(**version))) ++wrong;
        ++reads;
      }
    });
  }
  std::vector<std::thread> writers;
  for (unsigned writer = 1; writer <= 2; ++writer) {
    writers.emplace_back([&, writer] {
      for (unsigned i = 0; i < 150; ++i) {
        world.put("b", "small", body_of(writer * 1000 + i, 1000 + i));
        if (i % 5 == 0) world.put("b", "large", body_of(writer * 1000 + i, 70'000 + i));
        if (i % 10 == 0) must(world.engine->tidy());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  for (std::thread& reader : all) reader.join();
  EXPECT_EQ(wrong, 0U) << "of " << reads;
  EXPECT_GT(reads, 0U);
}

TEST(Concurrency, AReadingGoesOnWithWhatItBeganWith) {
  World world;
  world.open(std::make_unique<QuickFiles>());
  world.make_bucket("b");
  const std::string old = body_of(1, 200'000);
  world.put("b", "k", old);
  auto version = world.find("b", "k");
  const auto reading = must(world.engine->open(*version, 0, old.size(), Objects::Wait::yes));
  const auto found = world.find("b", "k");
  world.put("b", "k", "new");
  version.reset();
  must(world.engine->tidy());
  // Found before it was replaced: its bytes wait to be opened. Opened: they stay whatever happens.
  EXPECT_EQ(world.read(*found), old);
  world.clock.advance(std::chrono::minutes(2));
  must(world.engine->tidy());
  EXPECT_EQ(World::send(*reading), old);
  EXPECT_EQ(must_fail(world.engine->open(*found, 0, old.size(), Objects::Wait::yes)), Code::not_found);
  EXPECT_EQ(world.get("b", "k"), "new");
}

TEST(Concurrency, WaitingWritesShareAFlush) {
  World world;
  world.open(std::make_unique<QuickFiles>());
  world.make_bucket("b");
  const Counts before = world.engine->counts();
  // The first put's gate holds the committer until the others have begun to wait.
  constexpr int others = 10;
  std::latch held(1), go(1);
  std::thread first([&] {
    must(world.try_put("b", "first", "x", [&](const Version*) -> Status {
      held.count_down();
      go.wait();
      return {};
    }));
  });
  held.wait();
  std::vector<std::thread> waiting;
  for (int i = 0; i < others; ++i) {
    waiting.emplace_back([&, i] { world.put("b", std::to_string(i), "x"); });
  }
  while (world.engine->waiting() < others) std::this_thread::yield();
  go.count_down();
  first.join();
  for (std::thread& thread : waiting) thread.join();
  const Counts after = world.engine->counts();
  EXPECT_EQ(after.writes - before.writes, 11U);
  EXPECT_EQ(after.batches - before.batches, 2U);
  EXPECT_EQ(after.flushes - before.flushes, 2U);
}

TEST(Concurrency, OneOfManyConditionalPutsWins) {
  World world;
  world.open(std::make_unique<QuickFiles>());
  world.make_bucket("b");
  std::atomic<int> won{0};
  std::vector<std::thread> all;
  for (int i = 0; i < 8; ++i) {
    all.emplace_back([&] {
      const auto made = world.try_put("b", "k", "x", [](const Version* current) -> Status {
        if (current != nullptr) return Error(Code::precondition, "there is one");
        return {};
      });
      if (made) ++won;
    });
  }
  for (std::thread& thread : all) thread.join();
  EXPECT_EQ(won, 1);
}

}  // namespace
}  // namespace duskline::objects
