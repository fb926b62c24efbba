#include "site/kept_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "site/pull_kit.h"
#include "site/verify.h"

namespace duskline::site {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::must_fail;
using testing::sample_directory;
using testing::sample_file;

class KeptCopiesTest : public ::testing::Test {
 protected:
  KeptCopiesTest() {
    publish("one");
    publish("two");
    publish("three");
  }
  void publish(const std::string& text) {
    tree_.children["changes"] = sample_file(text);
    const auto made = kit_.maker.publish(tree_);
    ids_.push_back(made.index.id);
    trees_.push_back(tree_);
    PullOptions options = kit_.options();
    options.link = LinkMode::hard_link;
    must(kit_.pull(options));
  }
  // By somebody who hides it: all but the bytes stays as it was.
  void deface(const std::string& path) {
    const auto shown = kit_.shown();
    const auto stat = must(shown->stat(path)).value();
    must(must(shown->open_write(path))->write_at(0, bytes_of("X")));
    must(shown->set_mtime(path, stat.mtime_ns));
  }
  std::string found(std::size_t release) {
    std::vector<std::string> lines;  // directories come in any order
    const auto target = kit_.open();
    must(verify({}, *target, {.release = ids_.at(release), .workers = 1}, kit_.reporter,
                [&](Finding finding, const std::string& path) {
                  lines.push_back(path + ": " + std::string(name_of(finding)) + "\n");
                }));
    std::ranges::sort(lines);
    return std::accumulate(lines.begin(), lines.end(), std::string());
  }

  PullKit kit_;
  SampleEntry tree_ =
      sample_directory({{"same", sample_file("the same")},
                        {"d", sample_directory({{"same", sample_file("also the same")}, {"z", sample_file("z")}})}});
  std::vector<model::ReleaseId> ids_;
  std::vector<SampleEntry> trees_;
};

TEST_F(KeptCopiesTest, AreNamedByRelease) {
  deface("same");
  const auto target = kit_.open();
  const KeptCopies copies = must(find_kept_copies({}, *target, ids_[2], {"same", "changes", "nowhere", "d"}));
  ASSERT_EQ(copies.releases.size(), 2U);
  EXPECT_EQ(copies.releases[0].release.id, ids_[1]);
  EXPECT_EQ(copies.releases[1].release.id, ids_[0]);
  EXPECT_EQ(copies.releases[1].files, 1U);
  EXPECT_EQ(copies.elsewhere, 0U);
  // Seen from a kept one, it is the one shown that shares.
  EXPECT_EQ(must(find_kept_copies({}, *target, ids_[0], {"same"})).releases[0].release.id, ids_[2]);
}

TEST_F(KeptCopiesTest, UnderOtherNamesAreCounted) {
  must(kit_.shown()->make_hard_link("same", *must(kit_.disk->open(kit_.scratch.path())), "a name of the site's"));
  EXPECT_EQ(must(find_kept_copies({}, *kit_.open(), ids_[2], {"same", "d/same"})).elsewhere, 1U);
}

TEST_F(KeptCopiesTest, AreMendedWithTheReleaseThatIsShown) {
  must(kit_.shown()->set_mode("d", 0555));  // found too, and put right
  deface("same");
  deface("d/same");
  EXPECT_EQ(found(0), "d/same: changed\nsame: changed\n");
  const RepairResult repaired = must(kit_.repair());
  EXPECT_EQ(repaired.failed, 0U);
  EXPECT_EQ(repaired.kept_files, 4U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(found(i), "");
    EXPECT_EQ(difference(with_top(trees_[i]), read_tree(*must(kit_.open()->content(ids_[i])))), "") << i;
  }
  const auto target = kit_.open();
  EXPECT_EQ(must(must(target->content(ids_[0]))->stat("same"))->inode,
            must(must(target->content(ids_[2]))->stat("same"))->inode);
  EXPECT_EQ(must(target->private_folder().stat("mended")), std::nullopt);
}

// Removed since and put back with another mtime, it is another file in that release.
TEST_F(KeptCopiesTest, ThatShouldBeSomethingElseStayAndAreSaid) {
  const auto kept = must(kit_.open()->content(ids_[0]));
  must(kept->remove_file("changes", disk::Missing::is_error));
  must(kit_.shown()->make_hard_link("changes", *kept, "changes"));
  deface("changes");
  const RepairResult repaired = must(kit_.repair());
  EXPECT_EQ(repaired.kept_files, 0U);
  EXPECT_THAT(kit_.reporter.notes, HasSubstr("still has 1 of these files as they were"));
}

TEST_F(KeptCopiesTest, GoingBackSaysWhatItDidNotReadOrReadsAll) {
  deface("same");
  {
    const auto target = kit_.open();
    kit_.reporter.clear();
    EXPECT_EQ(must_fail(switch_back({}, *target, std::nullopt, kit_.reporter, Reading::everything)), Code::difference);
    EXPECT_THAT(kit_.reporter.notes, IsEmpty());
    EXPECT_EQ(target->state().current->id, ids_[2]);
    must(switch_back({}, *target, std::nullopt, kit_.reporter));
    EXPECT_THAT(kit_.reporter.notes, HasSubstr("was checked by sizes and times"));
  }
  must(kit_.repair());
  const auto target = kit_.open();
  EXPECT_EQ(must(switch_back({}, *target, ids_[0], kit_.reporter, Reading::everything)).id, ids_[0]);
}

}  // namespace
}  // namespace duskline::site
