// Pulls into targets with lives of their own: kept paths, subtrees, seeds, extras, pins, repair.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::sample_directory;
using testing::sample_file;

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

SampleEntry site_tree() {
  return sample_directory({{"index.html", sample_file("<p>1</p>")},
                           {"conf", sample_directory({{"default", sample_file("d")}})},
                           {"media", sample_directory({{"logo", sample_file("logo")}})},
                           {"more", sample_directory({{"x", sample_file("x")}, {"y", sample_file("y")}})}});
}

class PullTarget : public ::testing::TestWithParam<Mode> {
 protected:
  PullOptions options() const { return kit_.options(GetParam()); }
  std::string path(const std::string& name) {
    return kit_.target_path() + (GetParam() == Mode::switched ? "/current/" : "/") + name;
  }
  PullKit kit_;
};
INSTANTIATE_TEST_SUITE_P(Modes, PullTarget, ::testing::Values(Mode::switched, Mode::in_place),
                         [](const auto& mode) { return mode.param == Mode::switched ? "Switched" : "InPlace"; });

TEST_P(PullTarget, WhatIsKeptIsNeverTouched) {
  SampleEntry tree = site_tree();
  kit_.maker.publish(tree);
  must(kit_.pull(options()));
  write(path(".env"), "secret=1");
  write(path("media/upload"), "by a user");
  write(path("media/logo"), "the site's own logo");
  PullOptions keeping = options();
  keeping.keep = {".env", "/media/"};
  tree.children["index.html"] = sample_file("<p>2</p>");
  tree.children["media"].children["logo"] = sample_file("new logo");
  kit_.maker.publish(tree);
  const auto result = must(kit_.pull(keeping));
  EXPECT_GE(result.files_kept, 1U);
  EXPECT_EQ(read(path(".env")), "secret=1");
  EXPECT_EQ(read(path("media/upload")), "by a user");
  EXPECT_EQ(read(path("media/logo")), "the site's own logo");
  EXPECT_EQ(read(path("index.html")), "<p>2</p>");
  tree.children["index.html"] = sample_file("<p>3</p>");  // and again, the patterns being remembered
  kit_.maker.publish(tree);
  must(kit_.pull(options()));
  EXPECT_EQ(read(path("media/upload")), "by a user");
  EXPECT_EQ(read(path("index.html")), "<p>3</p>");
}

TEST_P(PullTarget, OnlyASubtree) {
  kit_.maker.publish(site_tree());
  PullOptions only = options();
  only.only = "more/";
  must(kit_.pull(only));
  EXPECT_EQ(read(path("more/x")), "x");
  EXPECT_FALSE(fs::exists(path("index.html")));
  EXPECT_FALSE(fs::exists(path("media")));
  only.only = "nowhere";
  EXPECT_EQ(testing::must_fail(kit_.pull(only)), Code::usage);
  EXPECT_EQ(kit_.reporter.notes, "");  // the head is not read again for it, and no leftover is blamed
  only.only = "../out";
  EXPECT_EQ(testing::must_fail(kit_.pull(only)), Code::usage);
  only.only = "";
  must(kit_.pull(only));
  EXPECT_EQ(kit_.differs_from(site_tree()), "");
}

TEST_P(PullTarget, AMaskOfModes) {
  kit_.maker.publish(site_tree());
  PullOptions masked = options();
  masked.mode_mask = 0700;
  must(kit_.pull(masked));
  const auto shown = kit_.shown();
  EXPECT_EQ(must(shown->stat("index.html")).value().mode, 0600U);
  EXPECT_EQ(must(shown->stat("more")).value().mode, 0700U);
}

TEST_P(PullTarget, ADryRunFetchesAndChangesNothing) {
  kit_.maker.publish(site_tree());
  PullOptions dry = options();
  dry.write = PullOptions::Write::dry_run;
  const auto planned = must(kit_.pull(dry));
  EXPECT_EQ(planned.outcome, PullResult::Outcome::planned);
  EXPECT_EQ(kit_.pack_bytes_given(), 0U);
  EXPECT_TRUE(kit_.shows_nothing());
  EXPECT_FALSE(fs::exists(kit_.target_path() + "/.duskline/dry-run"));
  const auto done = must(kit_.pull(options()));
  EXPECT_EQ(planned.bytes_from_packs, done.bytes_from_packs);
  EXPECT_EQ(planned.requests, done.requests);
  EXPECT_EQ(planned.files_changed, done.files_changed);
}

TEST_P(PullTarget, SeedsAreAdopted) {
  std::mt19937_64 random(4);
  PullKit kit({.chunk_bytes = 100000});
  SampleEntry tree = sample_directory();
  for (const char* name : {"same", "elsewhere", "damaged"}) {
    tree.children[name].content = testing::random_content(random, 50000);
  }
  kit.maker.publish(tree);
  const auto text = [&](const char* name) {
    const Bytes& content = tree.children[name].content;
    return std::string(content.begin(), content.end());
  };
  write(kit.scratch.path("seed/same"), text("same"));
  write(kit.scratch.path("seed/other/name"), text("elsewhere"));
  std::string damaged = text("damaged");
  damaged[7] ^= 1;
  write(kit.scratch.path("seed/damaged"), damaged);
  PullOptions seeded = kit.options(GetParam());
  seeded.seeds = {kit.scratch.path("seed")};
  const auto result = must(kit.pull(seeded));
  EXPECT_EQ(kit.differs_from(tree), "");
  EXPECT_EQ(result.bytes_from_seeds, 100000U);
  EXPECT_LT(result.bytes_from_packs, 60000U);
}

TEST_P(PullTarget, ASeedThatIsNotThereIsAWrongArgument) {
  kit_.maker.publish(site_tree());
  PullOptions seeded = options();
  seeded.seeds = {kit_.scratch.path("nowhere")};
  const auto result = kit_.pull(seeded);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::usage);
  EXPECT_THAT(result.error().describe(), Not(HasSubstr("store")));
  EXPECT_EQ(kit_.reporter.notes, "");
}

TEST_P(PullTarget, APinHoldsAgainstTheNightlyPull) {
  const auto first = kit_.maker.publish(site_tree());
  SampleEntry newer = site_tree();
  newer.children["new"] = sample_file("new");
  kit_.maker.publish(newer);
  PullOptions pinned = options();
  pinned.release = first.index.id;
  must(kit_.pull(pinned));
  const auto nightly = must(kit_.pull(options()));
  EXPECT_EQ(nightly.outcome, PullResult::Outcome::pinned);
  EXPECT_EQ(nightly.requests, 0U);
  EXPECT_EQ(kit_.differs_from(site_tree()), "");
  must(kit_.open()->unpin());
  must(kit_.pull(options()));
  EXPECT_EQ(kit_.differs_from(newer), "");
}

TEST_P(PullTarget, AnotherSetRealmOrModeIsRefused) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  PullOptions other = options();
  other.realm = "elsewhere";
  EXPECT_EQ(testing::must_fail(kit_.pull(other)), Code::refused);
  other = options();
  other.mode = GetParam() == Mode::switched ? Mode::in_place : Mode::switched;
  EXPECT_EQ(testing::must_fail(kit_.pull(other)), Code::refused);
  other = options();
  other.set = must(model::SetName::parse("another"));
  EXPECT_EQ(testing::must_fail(kit_.pull(other)), Code::refused);
}

TEST_P(PullTarget, RepairPutsBackWhatIsBrokenOnly) {
  std::mt19937_64 random(6);
  SampleEntry tree = site_tree();
  tree.children["large"].content = testing::random_content(random, 60000);
  kit_.maker.publish(tree);
  must(kit_.pull(options()));
  write(path("index.html"), "defaced!");
  fs::remove_all(path("more"));
  fs::permissions(path("conf/default"), fs::perms::all);
  const auto result = must(kit_.repair());
  EXPECT_EQ(result.failed, 0U);
  EXPECT_EQ(kit_.differs_from(tree), "");
  EXPECT_LT(kit_.pack_bytes_given(), 2 * 60000U + 20000U);
  EXPECT_EQ(must(kit_.repair()).files, 0U);
}

TEST_P(PullTarget, AReceiptIsWritten) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  const fs::path receipts = kit_.target_path() + "/.duskline/receipts";
  ASSERT_TRUE(fs::exists(receipts));
  EXPECT_THAT(read(fs::directory_iterator(receipts)->path().string()), HasSubstr("\"outcome\":\"activated\""));
}

TEST_P(PullTarget, AFailingCheckGoesBack) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  SampleEntry bad = site_tree();
  bad.children["index.html"] = sample_file("bad");
  kit_.maker.publish(bad);
  PullOptions checked = options();
  checked.hooks.check = "exit 1";
  const auto result = must(kit_.pull(checked));
  ASSERT_TRUE(result.rolled_back);
  EXPECT_EQ(result.check_error->code, Code::io);
  EXPECT_EQ(kit_.reporter.notes, "");  // who pulls says it, once
  EXPECT_EQ(kit_.differs_from(site_tree()), "");
  EXPECT_EQ(must(kit_.pull(checked)).outcome, PullResult::Outcome::current);
}

class PullInPlace : public ::testing::Test {
 protected:
  PullOptions options() const { return kit_.options(Mode::in_place); }
  std::string path(const std::string& name) { return kit_.target_path() + "/" + name; }
  PullKit kit_;
};

TEST_F(PullInPlace, ExtrasStayUnlessTheyAreToGo) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  write(path("extra"), "of the site");
  write(path("more/deep/extra"), "of the site");
  SampleEntry newer = site_tree();
  newer.children["new"] = sample_file("new");
  kit_.maker.publish(newer);
  must(kit_.pull(options()));
  EXPECT_EQ(read(path("extra")), "of the site");
  newer.children["new"] = sample_file("newer");
  kit_.maker.publish(newer);
  PullOptions removing = options();
  removing.extra = PullOptions::Extra::remove;
  must(kit_.pull(removing));
  EXPECT_EQ(kit_.differs_from(newer), "");
}

TEST_F(PullInPlace, AMassDeleteIsRefused) {
  for (int i = 0; i < 40; ++i) write(path("own/" + std::to_string(i)), "of the site");
  kit_.maker.publish(site_tree());
  PullOptions removing = options();
  removing.extra = PullOptions::Extra::remove;
  const auto refused = kit_.pull(removing);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("--allow-mass-delete"));
  EXPECT_TRUE(fs::exists(path("own/7")));
  EXPECT_FALSE(fs::exists(path("index.html")));
  removing.mass_delete_meant = true;
  must(kit_.pull(removing));
  EXPECT_EQ(kit_.differs_from(site_tree()), "");
}

TEST_F(PullInPlace, ALostRecordIsSaid) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  fs::remove_all(path(".duskline/trees"));
  SampleEntry newer = site_tree();
  newer.children.erase("index.html");
  newer.children["new"] = sample_file("new");
  kit_.maker.publish(newer);
  must(kit_.pull(options()));
  EXPECT_THAT(kit_.reporter.notes, HasSubstr("files that the new one does not have stay"));
  EXPECT_EQ(read(path("index.html")), "<p>1</p>");
  newer.children["new"] = sample_file("newer");
  kit_.maker.publish(newer);
  PullOptions removing = options();
  removing.extra = PullOptions::Extra::remove;
  must(kit_.pull(removing));
  EXPECT_EQ(kit_.differs_from(newer), "");
}

TEST_F(PullInPlace, WhatIsAlreadyThereIsAdopted) {
  write(path("index.html"), "<p>1</p>");
  write(path("more/x"), "z");
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  EXPECT_EQ(kit_.differs_from(site_tree()), "");
  const auto& records = kit_.reporter.sorted();
  EXPECT_TRUE(std::ranges::find(records, "change more/x") != records.end());
  EXPECT_TRUE(std::ranges::find(records, "change index.html") != records.end());  // its time only
}

TEST_F(PullInPlace, AnEditedFileIsPutRightByTheNextRelease) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  write(path("more/x"), "edited");
  SampleEntry newer = site_tree();
  newer.children["new"] = sample_file("new");
  kit_.maker.publish(newer);
  must(kit_.pull(options()));
  EXPECT_EQ(kit_.differs_from(newer), "");
}

TEST_F(PullInPlace, ADirectoryOfTheSiteIsNotOverwrittenByAFile) {
  kit_.maker.publish(site_tree());
  must(kit_.pull(options()));
  write(path("data/own"), "of the site");
  SampleEntry newer = site_tree();
  newer.children["data"] = sample_file("a file now");
  kit_.maker.publish(newer);
  EXPECT_EQ(testing::must_fail(kit_.pull(options())), Code::refused);
  EXPECT_EQ(read(path("data/own")), "of the site");
}

}  // namespace
}  // namespace duskline::site
