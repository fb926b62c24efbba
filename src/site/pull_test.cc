#include <gtest/gtest.h>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using testing::must_fail;
using testing::sample_directory;
using testing::sample_file;

SampleEntry small_tree() {
  std::mt19937_64 random(7);
  SampleEntry tree = sample_directory();
  tree.children["a.txt"] = sample_file("alpha");
  tree.children["empty"] = sample_file("");
  tree.children["twin"] = sample_file("alpha");
  tree.children["dir"] = sample_directory({{"b", sample_file("beta")}, {"deep", sample_directory()}});
  tree.children["large"].content = testing::random_content(random, 30000);
  tree.children["link"] = {.kind = model::EntryKind::symlink, .mode = 0, .mtime_ns = 77, .target = "dir/b"};
  SampleEntry closed = sample_file("closed");
  closed.mode = 0;
  tree.children["closed"] = closed;
  return tree;
}

TEST(Pull, FreshSwitched) {
  PullKit kit;
  const SampleEntry tree = small_tree();
  kit.maker.publish(tree);
  const auto result = must(kit.pull(kit.options()));
  EXPECT_EQ(result.outcome, PullResult::Outcome::activated);
  EXPECT_EQ(result.files_changed, 6U);
  EXPECT_EQ(kit.differs_from(tree), "");
  EXPECT_EQ(kit.reporter.records.size(), 7U);
}

TEST(Pull, NothingNewIsOneRequest) {
  PullKit kit;
  kit.maker.publish(small_tree());
  must(kit.pull(kit.options()));
  const auto result = must(kit.pull(kit.options()));
  EXPECT_EQ(result.outcome, PullResult::Outcome::current);
  EXPECT_EQ(result.requests, 1U);
}

}  // namespace
}  // namespace duskline::site
