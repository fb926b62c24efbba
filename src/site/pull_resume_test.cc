#include <gtest/gtest.h>

#include <filesystem>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using testing::sample_directory;
using testing::sample_file;

constexpr std::size_t frame_bytes = 2000;

SampleEntry many_files(std::mt19937_64& random) {
  SampleEntry tree = sample_directory();
  for (int i = 0; i < 60; ++i)
    tree.children["f" + std::to_string(100 + i)].content = testing::random_content(random, 500);
  tree.children["large"].content = testing::random_content(random, 40000);
  return tree;
}

class PullResume : public ::testing::TestWithParam<Mode> {
 protected:
  PullOptions options() const {
    PullOptions options = kit_.options(GetParam());
    options.workers = 1;  // so that what a cut wastes is known: one frame
    return options;
  }
  std::uint64_t pack_bytes() {
    std::uint64_t sum = 0;
    must(store::for_each_object(*kit_.mem, {}, kit_.maker.set().text() + "/pack/", [&](const auto& object) -> Status {
      sum += object.info.size_bytes;
      return {};
    }));
    return sum;
  }
  PullKit kit_{{.chunk_bytes = 500, .frame_bytes = frame_bytes, .pack_bytes = 9000}};
};
INSTANTIATE_TEST_SUITE_P(Modes, PullResume, ::testing::Values(Mode::switched, Mode::in_place),
                         [](const auto& mode) { return mode.param == Mode::switched ? "Switched" : "InPlace"; });

TEST_P(PullResume, WhatWasFetchedIsNotFetchedAgain) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const SampleEntry tree = many_files(random);
  kit_.maker.publish(tree);
  const std::uint64_t total = pack_bytes();
  int cuts = 0;
  for (; cuts < 200; ++cuts) {
    kit_.link.close_after(3000 + random() % 4000);
    if (kit_.pull(options())) break;
    EXPECT_TRUE(kit_.shows_nothing());
  }
  EXPECT_EQ(kit_.differs_from(tree), "");
  EXPECT_GT(cuts, 8);
  EXPECT_LE(kit_.pack_bytes_given(), total + static_cast<std::uint64_t>(cuts) * frame_bytes * 2);
}

// One frame holds four of the files, and none arrives whole.
TEST_P(PullResume, TheBeginningOfAFrameThatBrokeOffIsKept) {
  std::mt19937_64 random(13);
  const SampleEntry tree = many_files(random);
  kit_.maker.publish(tree);
  const std::uint64_t total = pack_bytes();
  kit_.link.drip(100, [] {});
  kit_.link.close_after(1700);
  ASSERT_FALSE(kit_.pull(options()));
  kit_.link.open();
  const auto result = must(kit_.pull(options()));
  EXPECT_EQ(kit_.differs_from(tree), "");
  EXPECT_EQ(result.bytes_resumed, 1500U);
  EXPECT_LE(result.bytes_from_packs, total - 1500);
}

TEST_P(PullResume, TheBeginningOfAFrameThatIsLongInComingIsWritten) {
  std::mt19937_64 random(14);
  const SampleEntry tree = many_files(random);
  kit_.maker.publish(tree);
  std::uint64_t passed = 0, written = 0;
  kit_.link.drip(400, [&] {
    kit_.clock.advance(std::chrono::milliseconds(600));
    passed += 400;
    if (passed != 1600) return;
    const auto staged = must(kit_.disk->open(kit_.target_path() + "/.duskline/staging/tree"));
    for (const auto& found : must(staged->list())) written += found.stat.size_bytes;
  });
  const auto result = must(kit_.pull(options()));
  EXPECT_EQ(kit_.differs_from(tree), "");
  EXPECT_GE(written, 1000U);  // what a kill would have left
  EXPECT_EQ(result.bytes_resumed, 0U);
}

TEST_P(PullResume, ANewerReleaseUsesWhatTheOlderOneLeft) {
  std::mt19937_64 random(11);
  SampleEntry tree = many_files(random);
  kit_.maker.publish(tree);
  for (int i = 0; i < 5; ++i) {
    kit_.link.close_after(8000);
    ASSERT_FALSE(kit_.pull(options()));
  }
  kit_.link.open();
  tree.children["new"] = sample_file("new");
  tree.children["f130"].content = testing::random_content(random, 500);
  kit_.maker.publish(tree);
  const auto result = must(kit_.pull(options()));
  EXPECT_EQ(kit_.differs_from(tree), "");
  EXPECT_GT(result.bytes_resumed, 20000U);
  EXPECT_LT(result.bytes_from_packs, pack_bytes() - 20000);
  EXPECT_FALSE(std::filesystem::exists(kit_.target_path() + "/.duskline/staging/older.1"));
}

TEST_P(PullResume, StagedBytesThatWentBadAreFetchedAgain) {
  std::mt19937_64 random(12);
  const SampleEntry tree = many_files(random);
  kit_.maker.publish(tree);
  for (int i = 0; i < 3; ++i) {
    kit_.link.close_after(8000);
    ASSERT_FALSE(kit_.pull(options()));
  }
  kit_.link.open();
  const std::string path = kit_.target_path() + "/.duskline/staging/tree";
  {
    const auto staged = must(kit_.disk->open(path));
    const auto time = must(staged->stat("f100")).value().mtime_ns;
    const auto file = must(staged->open_write("f100"));
    must(file->write_at(7, bytes_of("bad")));
    must(file->set_mtime(time));  // looks complete
  }
  must(kit_.pull(options()));
  EXPECT_EQ(kit_.differs_from(tree), "");
}

}  // namespace
}  // namespace duskline::site
