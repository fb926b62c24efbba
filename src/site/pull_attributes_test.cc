// Extended attributes of directories, from a release to a target and through all that happens to it there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "site/pull_kit.h"
#include "site/verify.h"

namespace duskline::site {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::sample_default_acl;
using testing::sample_directory;
using testing::sample_file;

const model::Attribute note{"user.note", {1}}, other{"user.other", {2}};

SampleEntry with(std::vector<model::Attribute> attributes, SampleEntry directory) {
  directory.attributes = std::move(attributes);
  return directory;
}

// A default ACL at the top and below, and directories without any in between.
SampleEntry site_tree() {
  SampleEntry below = sample_directory({{"f", sample_file("f")}, {"empty", sample_directory()}});
  return with({sample_default_acl(7), note},
              sample_directory({{"acl", with({sample_default_acl(9)}, sample_directory({{"below", below}}))},
                                {"note", with({note}, sample_directory({{"f", sample_file("f")}}))},
                                {"plain", below}}));
}

class PullAttributes : public ::testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    const auto probe = must(kit_.disk->open_or_create(kit_.scratch.path("probe"), 0700));
    const Status set = probe->set_attributes({sample_default_acl(1), note});
    if (!set && set.error().code == Code::unsupported) GTEST_SKIP() << "no extended attributes on this file system";
  }
  PullOptions options() const {
    PullOptions options = kit_.options(GetParam());
    options.mass_delete_meant = true;
    return options;
  }
  std::string found() {
    const auto target = kit_.open();
    std::vector<std::string> lines;  // directories come in any order
    must(verify({}, *target, {.workers = 1}, kit_.reporter, [&](Finding finding, const std::string& path) {
      lines.push_back(path + ": " + std::string(name_of(finding)) + "\n");
    }));
    std::ranges::sort(lines);
    return std::accumulate(lines.begin(), lines.end(), std::string());
  }
  void expect_shown(const SampleEntry& tree) {
    EXPECT_EQ(kit_.differs_from(tree), "");
    EXPECT_EQ(found(), "");
  }
  std::unique_ptr<disk::Directory> shown(const std::string& path) { return must(kit_.shown()->open_directory(path)); }

  PullKit kit_;
};
INSTANTIATE_TEST_SUITE_P(Modes, PullAttributes, ::testing::Values(Mode::switched, Mode::in_place),
                         [](const auto& mode) { return mode.param == Mode::switched ? "Switched" : "InPlace"; });

TEST_P(PullAttributes, AreThoseOfTheReleaseAndReachNothingElse) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  expect_shown(site_tree());
  EXPECT_THAT(must(kit_.open()->private_folder().attributes()), IsEmpty());
}

TEST_P(PullAttributes, FollowEveryUpdate) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  PullOptions checked = options();
  SampleEntry tree = testing::random_tree(random, 60);
  for (int round = 0; round < 8; ++round) {
    testing::decorate_tree(random, tree);
    kit_.maker.publish(tree);
    must(kit_.pull(checked));
    ASSERT_EQ(kit_.differs_from(tree), "") << "round " << round;
    ASSERT_EQ(found(), "") << "round " << round;
    if (round % 2 == 0) testing::mutate_tree(random, tree, 12);  // else nothing but attributes changes
    checked.hooks.check = round % 3 == 0 ? "true" : "";
  }
}

// What is made while the directory still has its old ACL, or below what is.
TEST_P(PullAttributes, ThatGoReachNothingThatComes) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  SampleEntry tree = site_tree();
  for (SampleEntry* directory : {&tree, &tree.children["acl"]}) {
    directory->attributes.clear();
    directory->children["new"] = sample_directory({{"empty", sample_directory()}});
  }
  kit_.maker.publish(tree);
  must(kit_.pull(options()));
  expect_shown(tree);
}

TEST_P(PullAttributes, ComeBackWhenTheCheckFails) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  SampleEntry tree = testing::random_tree(random, 40);
  testing::decorate_tree(random, tree);
  kit_.maker.publish(tree);
  must(kit_.pull(options()));
  PullOptions failing = options();
  failing.hooks.check = "false";
  for (int round = 0; round < 4; ++round) {
    SampleEntry next = tree;
    testing::mutate_tree(random, next, 6);
    testing::decorate_tree(random, next);
    kit_.maker.publish(next);
    EXPECT_TRUE(must(kit_.pull(failing)).rolled_back);
    ASSERT_EQ(kit_.differs_from(tree), "") << "round " << round;
    ASSERT_EQ(found(), "") << "round " << round;
  }
}

// An earlier run got as far as the last step before the activation.
TEST_P(PullAttributes, OfAStagedTreeReachNothingThatIsStagedLater) {
  kit_.maker.publish(site_tree());
  PullOptions stopped = options();
  stopped.hooks.before = "false";
  EXPECT_FALSE(kit_.pull(stopped));
  {
    const auto target = kit_.open();
    const auto staged = must(target->private_folder().open_directory("staging/tree"));
    if (GetParam() == Mode::switched) {
      EXPECT_THAT(must(must(staged->open_directory("acl"))->attributes()), ElementsAre(sample_default_acl(9)));
    }
    must(staged->remove_tree("acl/below", disk::Missing::is_absent));
    must(staged->remove_file("plain/f", disk::Missing::is_absent));
  }
  must(kit_.pull(options()));
  expect_shown(site_tree());
}

TEST_P(PullAttributes, OfTheSiteStayWhereTheReleaseSaysNothing) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  must(shown("plain")->set_attributes({other}));
  EXPECT_EQ(found(), "");
  if (GetParam() == Mode::switched) return;  // the next tree is another one
  SampleEntry tree = site_tree();
  tree.children["plain"].children["more"] = sample_file("more");
  kit_.maker.publish(tree);
  must(kit_.pull(options()));
  tree.children["plain"].attributes = {other};
  EXPECT_EQ(kit_.differs_from(tree), "");
}

TEST_P(PullAttributes, ThatWereChangedAreFoundAndRepaired) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  must(shown("note")->set_attributes({other}));
  must(shown("acl")->set_attributes({}));
  EXPECT_EQ(found(), "acl: xattr\nnote: xattr\n");
  EXPECT_EQ(must(kit_.repair()).failed, 0U);
  expect_shown(site_tree());
  must(kit_.shown()->remove_tree("acl/below", disk::Missing::is_error));
  must(kit_.shown()->remove_tree("note", disk::Missing::is_error));
  EXPECT_THAT(found(), HasSubstr("acl/below: missing\n"));
  EXPECT_EQ(must(kit_.repair()).failed, 0U);
  expect_shown(site_tree());
  if (GetParam() == Mode::in_place) return;  // whose top is the site's own
  must(kit_.shown()->set_attributes({other}));
  EXPECT_EQ(found(), ".: xattr\n");
  EXPECT_EQ(must(kit_.repair()).failed, 0U);
  expect_shown(site_tree());
}

TEST_P(PullAttributes, OfWhatIsKeptAreTheSitesOwn) {
  PullOptions keeping = options();
  keeping.keep = {"/plain/up/", "/acl/up/"};
  kit_.maker.publish(site_tree());
  must(kit_.pull(keeping));
  for (const char* path : {"plain/up", "acl/up"}) {
    must(kit_.shown()->make_directory(path, 0750));
    must(shown(path)->set_attributes({other}));
    must(must(kit_.shown()->create(std::string(path) + "/f", 0640))->set_attributes({}));
  }
  SampleEntry tree = site_tree();
  tree.children["more"] = sample_file("more");
  kit_.maker.publish(tree);
  must(kit_.pull(keeping));
  for (const char* path : {"plain/up", "acl/up"}) {
    EXPECT_THAT(must(shown(path)->attributes()), ElementsAre(other)) << path;
    EXPECT_EQ(must(shown(path)->stat()).mode, 0750U) << path;
    EXPECT_THAT(must(must(kit_.shown()->open_read(std::string(path) + "/f"))->attributes()), IsEmpty()) << path;
  }
  EXPECT_THAT(must(shown("acl")->attributes()), ElementsAre(sample_default_acl(9)));
}

// The mode is what was masked, whatever the ACL says, and verify does not mind.
TEST_P(PullAttributes, OfAMaskedModeDoNotWidenIt) {
  model::Attribute access = sample_default_acl(7);
  access.name = "system.posix_acl_access";
  SampleEntry tree = sample_directory({{"d", with({access}, sample_directory({{"f", sample_file("f")}}))}});
  tree.children["d"].mode = 0775;
  tree.children["d"].children["f"].attributes = {access};
  tree.children["d"].children["f"].mode = 0775;
  kit_.maker.publish(tree);
  PullOptions masked = options();
  masked.mode_mask = 0755;
  must(kit_.pull(masked));
  EXPECT_EQ(must(kit_.shown()->stat("d"))->mode, 0755U);
  EXPECT_EQ(must(kit_.shown()->stat("d/f"))->mode, 0755U);
  EXPECT_EQ(found(), "");
}

}  // namespace
}  // namespace duskline::site
