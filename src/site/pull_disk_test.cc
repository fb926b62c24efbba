// Pulls onto disks that fail, fill up, fold case or hold mounts: on a simulated one, where each can be had at will.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using ::testing::HasSubstr;
using testing::sample_directory;
using testing::sample_file;

SampleEntry first_tree() {
  return sample_directory({{"changed", sample_file("before")},
                           {"same", sample_file("the same")},
                           {"gone", sample_file("gone")},
                           {"sub", sample_directory({{"inner", sample_file("inner")}})}});
}

SampleEntry second_tree() {
  SampleEntry tree = first_tree();
  tree.children["changed"] = sample_file("after, and longer");
  tree.children.erase("gone");
  tree.children["sub"].children["added"] = sample_file("added");
  return tree;
}

class PullDisk : public ::testing::TestWithParam<Mode> {
 protected:
  static PullOptions options(const PullKit& kit) {
    PullOptions options = kit.options(GetParam());
    options.workers = 1;
    return options;
  }
  // In-place, directories get their times where that can be done, and nothing depends on it.
  static SampleEntry without_times(SampleEntry tree) {
    if (GetParam() == Mode::switched) return tree;
    tree.mtime_ns = 0;
    for (auto& [name, child] : tree.children) {
      if (child.kind == model::EntryKind::directory) child = without_times(std::move(child));
    }
    return tree;
  }
  static std::string differs(PullKit& kit, const SampleEntry& tree) {
    return difference(without_times(with_top(tree)), without_times(kit.seen()));
  }
};
INSTANTIATE_TEST_SUITE_P(Modes, PullDisk, ::testing::Values(Mode::switched, Mode::in_place),
                         [](const auto& mode) { return mode.param == Mode::switched ? "Switched" : "InPlace"; });

// One operation of an update fails, here and there: what is shown afterwards is the old release or the new one, and the
// next pull mends it.
TEST_P(PullDisk, AFailureAtAnyOperation) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  PullKit kit(testing::SimDiskOptions{.seed = seed});
  const std::vector<Code> codes = {Code::no_space, Code::io, Code::read_only, Code::denied};
  SampleEntry old = first_tree(), next = second_tree();
  kit.maker.publish(old);
  must(kit.pull(options(kit)));
  std::uint64_t failed = 0;
  for (std::uint64_t at = 1;; at += 1 + random() % 12) {
    SCOPED_TRACE("operation " + std::to_string(at));
    kit.maker.publish(next);
    bool is_reached = false;
    {
      const auto target = kit.open();
      const std::uint64_t begins = kit.sim->operations();
      kit.sim->fail_at_operation(begins + at, codes[random() % codes.size()]);
      const auto result = kit.pull_into(*target, options(kit));
      is_reached = kit.sim->operations() >= begins + at;
      if (!result) ++failed;
    }
    kit.sim->restart();  // what has not failed yet shall not
    const std::string from_old = differs(kit, old);
    const std::string from_next = differs(kit, next);
    ASSERT_TRUE(from_old.empty() || from_next.empty())
        << "old: " << from_old << "new: " << from_next << kit.reporter.notes;
    must(kit.pull(options(kit)));
    ASSERT_EQ(differs(kit, next), "");
    if (!is_reached) break;
    std::swap(old, next);
  }
  EXPECT_GT(failed, 5U);
}

TEST_P(PullDisk, OneThatFillsUpMidway) {
  std::mt19937_64 random(21);
  PullKit kit(testing::SimDiskOptions{}, {.chunk_bytes = 4096, .frame_bytes = 4096, .pack_bytes = 40000});
  kit.maker.publish(first_tree());
  must(kit.pull(options(kit)));
  SampleEntry newer = first_tree();
  for (int i = 0; i < 40; ++i) newer.children["f" + std::to_string(i)].content = testing::random_content(random, 4096);
  kit.maker.publish(newer);
  std::atomic<bool> is_full{false};  // set by one of several threads
  kit.faults.before_each([&](testing::Call, const std::string& key) {
    if (key.find("/pack/") == std::string::npos || is_full.exchange(true)) return;
    kit.sim->set_free_bytes(100000);
  });
  const auto result = kit.pull(options(kit));
  ASSERT_FALSE(result);
  EXPECT_EQ(name_of(result.error().code), name_of(Code::no_space)) << result.error().describe();
  EXPECT_EQ(kit.differs_from(first_tree()), "");
  const std::uint64_t given = kit.pack_bytes_given();
  kit.sim->set_free_bytes(std::uint64_t{1} << 40);
  must(kit.pull(options(kit)));
  EXPECT_EQ(kit.differs_from(newer), "");
  EXPECT_LT(kit.pack_bytes_given() - given, 40 * 4096U) << "what was there was fetched again";
}

TEST_P(PullDisk, OneThatCanOnlyBeRead) {
  PullKit kit(testing::SimDiskOptions{});
  kit.maker.publish(first_tree());
  must(kit.pull(options(kit)));
  kit.maker.publish(second_tree());
  {
    const auto target = kit.open();
    kit.sim->make_read_only();
    const auto result = kit.pull_into(*target, options(kit));
    ASSERT_FALSE(result);
    EXPECT_EQ(name_of(result.error().code), name_of(Code::read_only)) << result.error().describe();
  }
  kit.sim->make_writable();
  EXPECT_EQ(kit.differs_from(first_tree()), "");
  must(kit.pull(options(kit)));
  EXPECT_EQ(kit.differs_from(second_tree()), "");
}

// Names that differ in case are content; only a disk that cannot hold both refuses them.
TEST_P(PullDisk, NamesThatDifferInCase) {
  SampleEntry tree = first_tree();
  tree.children["sub"].children["Inner"] = sample_file("another");
  for (const auto names : {testing::SimDiskOptions::Names::exact, testing::SimDiskOptions::Names::folded}) {
    PullKit kit(testing::SimDiskOptions{.names = names});
    kit.maker.publish(first_tree());
    must(kit.pull(options(kit)));
    kit.maker.publish(tree);
    const auto result = kit.pull(options(kit));
    if (names == testing::SimDiskOptions::Names::exact) {
      must(result);
      EXPECT_EQ(kit.differs_from(tree), "");
      continue;
    }
    ASSERT_FALSE(result);
    EXPECT_EQ(name_of(result.error().code), name_of(Code::refused)) << result.error().describe();
    EXPECT_THAT(result.error().describe(), HasSubstr("case"));
    EXPECT_EQ(kit.differs_from(first_tree()), "");
  }
}

}  // namespace
}  // namespace duskline::site
