#include <gtest/gtest.h>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using testing::mutate_tree;
using testing::random_tree;
using testing::sample_directory;
using testing::sample_file;

std::uint64_t seed_of_this_run() { return std::random_device()(); }

class PullBothModes : public ::testing::TestWithParam<Mode> {};
INSTANTIATE_TEST_SUITE_P(Modes, PullBothModes, ::testing::Values(Mode::switched, Mode::in_place),
                         [](const auto& mode) { return mode.param == Mode::switched ? "Switched" : "InPlace"; });

TEST_P(PullBothModes, RandomTreesAndEdits) {
  const std::uint64_t seed = seed_of_this_run();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  PullKit kit({.chunk_bytes = 64 + random() % 1000, .run_entries = 2 + random() % 40});
  PullOptions options = kit.options(GetParam());
  options.mass_delete_meant = true;
  SampleEntry tree = random_tree(random, 60);
  for (int round = 0; round < 6; ++round) {
    kit.maker.publish(tree);
    const auto result = must(kit.pull(options));
    ASSERT_EQ(result.outcome, PullResult::Outcome::activated);
    ASSERT_EQ(kit.differs_from(tree), "") << "round " << round;
    mutate_tree(random, tree, 12);
  }
}

TEST_P(PullBothModes, AnUpdateFetchesWhatChangedOnly) {
  std::mt19937_64 random(3);
  PullKit kit({.chunk_bytes = 4096, .frame_bytes = 4096, .pack_bytes = 40000});
  SampleEntry tree = sample_directory();
  for (int i = 0; i < 50; ++i) tree.children["f" + std::to_string(i)].content = testing::random_content(random, 4096);
  kit.maker.publish(tree);
  must(kit.pull(kit.options(GetParam())));
  tree.children["f7"].content = testing::random_content(random, 4096);
  tree.children["moved"] = tree.children["f9"];
  tree.children.erase("f9");
  kit.maker.publish(tree);
  const auto result = must(kit.pull(kit.options(GetParam())));
  EXPECT_EQ(kit.differs_from(tree), "");
  EXPECT_EQ(result.bytes_from_packs, 4096U);
  EXPECT_EQ(result.files_changed, 2U);
  EXPECT_EQ(result.files_removed, 1U);
  EXPECT_EQ(kit.reporter.sorted(), (std::vector<std::string>{"add moved", "change f7", "remove f9"}));
}

TEST_P(PullBothModes, DeltasLeadToTheSameBytes) {
  const std::uint64_t seed = seed_of_this_run();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  PullKit kit({.chunk_bytes = 300});
  PullOptions options = kit.options(GetParam());
  options.mass_delete_meant = true;
  SampleEntry tree = random_tree(random, 50);
  tree.children["large"].content = testing::random_content(random, 200000);
  auto release = kit.maker.publish(tree);
  must(kit.pull(options));
  for (int round = 0; round < 4; ++round) {
    const SampleEntry before = tree;
    mutate_tree(random, tree, 15);
    SampleEntry& large = tree.children["large"];
    large = before.children.at("large");
    large.content[random() % large.content.size()] ^= 1;
    release = kit.maker.publish_with_delta(before, release, tree);
    const auto result = must(kit.pull(options));
    ASSERT_EQ(kit.differs_from(tree), "") << "round " << round;
    EXPECT_GT(result.bytes_from_deltas, 0U);
    EXPECT_LT(result.bytes_from_store, 100000U) << kit.reporter.notes;
  }
}

// Its index alone is larger than the manifest; what counts is that it spares the content.
TEST_P(PullBothModes, ADeltaOfManySmallChangesIsTaken) {
  std::mt19937_64 random(4);
  PullKit kit({.chunk_bytes = 4096, .frame_bytes = 400'000, .pack_bytes = 4'000'000});
  SampleEntry tree = sample_directory();
  for (int i = 0; i < 300; ++i) tree.children["f" + std::to_string(i)].content = testing::random_content(random, 4096);
  const auto first = kit.maker.publish(tree);
  must(kit.pull(kit.options(GetParam())));
  const SampleEntry before = tree;
  for (auto& [name, file] : tree.children) file.content[100] ^= 1;
  const auto second = kit.maker.publish_with_delta(before, first, tree);
  const auto result = must(kit.pull(kit.options(GetParam())));
  EXPECT_EQ(kit.differs_from(tree), "");
  EXPECT_GT(result.bytes_from_manifests, second.object.size());
  EXPECT_EQ(result.bytes_from_packs, 0U);
}

// Its index at once, or what it holds.
TEST_P(PullBothModes, ADeltaThatTheStoreNeverGivesFallsBackToPacks) {
  using testing::Fault;
  for (const Code code : {Code::unavailable, Code::throttled, Code::denied, Code::timeout, Code::unsupported}) {
    for (const bool gives_index : {false, true}) {
      SCOPED_TRACE(std::string(name_of(code)) + (gives_index ? ", with its index" : ""));
      std::mt19937_64 random(5);
      PullKit kit({.chunk_bytes = 4096, .frame_bytes = 400'000, .pack_bytes = 4'000'000});
      SampleEntry tree = sample_directory();
      for (int i = 0; i < 300; ++i) {
        tree.children["f" + std::to_string(i)].content = testing::random_content(random, 20'000);
      }
      const auto first = kit.maker.publish(tree);
      must(kit.pull(kit.options(GetParam())));
      const SampleEntry before = tree;
      for (auto& [name, file] : tree.children) file.content[100] ^= 1;
      kit.maker.publish_with_delta(before, first, tree);
      if (gives_index) kit.faults.order(testing::Call::get, {.kind = Fault::Kind::none}, "/delta/");
      constexpr int for_ever = 100;
      for (int i = 0; i < for_ever; ++i) {
        kit.faults.order(testing::Call::get, {.kind = Fault::Kind::error, .code = code}, "/delta/");
      }
      const auto result = must(kit.pull(kit.options(GetParam())));
      EXPECT_EQ(kit.differs_from(tree), "");
      EXPECT_GT(result.bytes_from_packs, 0U);
      EXPECT_NE(kit.reporter.notes.find("the delta "), std::string::npos) << kit.reporter.notes;
      // A few that were under way together may have failed.
      EXPECT_LE(std::ranges::count(kit.faults.journal(), '\n'), 8) << kit.faults.journal();
    }
  }
}

TEST_P(PullBothModes, ADamagedPatchBaseFallsBackToPacks) {
  std::mt19937_64 random(5);
  PullKit kit({.chunk_bytes = 300});
  SampleEntry before = sample_directory();
  before.children["large"].content = testing::random_content(random, 20000);
  const auto release = kit.maker.publish(before);
  must(kit.pull(kit.options(GetParam())));
  must(must(kit.shown()->open_write("large"))->write_at(100, bytes_of("damaged")));
  SampleEntry tree = before;
  tree.children["large"].content[10000] ^= 1;
  kit.maker.publish_with_delta(before, release, tree);
  const auto result = must(kit.pull(kit.options(GetParam())));
  EXPECT_EQ(kit.differs_from(tree), "");
  EXPECT_GT(result.bytes_from_deltas, 0U);
  EXPECT_GT(result.bytes_from_packs, 0U);
}

}  // namespace
}  // namespace duskline::site
