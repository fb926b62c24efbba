// In-place pulls and what the site itself has put into the target.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::sample_directory;
using testing::sample_file;

namespace fs = std::filesystem;

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class InPlacePull : public ::testing::Test {
 protected:
  InPlacePull() { fs::create_directories(kit_.target_path()); }
  PullOptions options() const { return kit_.options(Mode::in_place); }
  std::string path(const std::string& name) const { return kit_.target_path() + "/" + name; }
  void publish(const std::string& text) {
    kit_.maker.publish(sample_directory(
        {{"d", sample_directory({{"g", sample_file(text)}, {"same", sample_file("same")}})}, {"f", sample_file("f")}}));
  }
  PullKit kit_;
};

TEST_F(InPlacePull, RefusesASymlinkWhereTheReleaseHasADirectory) {
  publish("1");
  fs::create_directories(path("outside"));
  fs::create_directory_symlink("outside", path("d"));
  const auto first = kit_.pull(options());
  EXPECT_EQ(testing::must_fail(first), Code::refused);
  EXPECT_THAT(first.error().describe(), HasSubstr("directory \"d\" where the target has a symlink"));
  EXPECT_TRUE(fs::is_symlink(path("d")));
  EXPECT_FALSE(fs::exists(path("f")));
  fs::remove(path("d"));
  must(kit_.pull(options()));
  fs::rename(path("d"), path("moved"));
  fs::create_directory_symlink("moved", path("d"));
  publish("2");
  EXPECT_EQ(testing::must_fail(kit_.pull(options())), Code::refused);
  EXPECT_EQ(read(path("d/g")), "1");
}

TEST_F(InPlacePull, SetsAFileAsideWhereTheReleaseHasADirectory) {
  publish("1");
  std::ofstream(path("d")) << "the site's";
  must(kit_.pull(options()));
  EXPECT_EQ(read(path("d/g")), "1");
  EXPECT_EQ(read(path(".duskline/set-aside/d")), "the site's");
  EXPECT_THAT(kit_.reporter.records, Contains("set-aside d"));
}

TEST_F(InPlacePull, GivesTheFileBackAfterAFailedCheck) {
  kit_.maker.publish(sample_directory({{"f", sample_file("f")}}));
  must(kit_.pull(options()));
  std::ofstream(path("d")) << "the site's";
  publish("1");
  PullOptions checked = options();
  checked.hooks.check = "false";
  EXPECT_TRUE(must(kit_.pull(checked)).rolled_back);
  EXPECT_EQ(read(path("d")), "the site's");
}

TEST_F(InPlacePull, AFileOfTheReleaseBecomesADirectory) {
  kit_.maker.publish(sample_directory({{"d", sample_file("a file")}, {"f", sample_file("f")}}));
  must(kit_.pull(options()));
  publish("1");
  must(kit_.pull(options()));
  EXPECT_EQ(read(path("d/g")), "1");
  EXPECT_FALSE(fs::exists(path(".duskline/set-aside")));
}

TEST_F(InPlacePull, AModeReachesNoFileThatTheReleaseHasApart) {
  const auto both = [&](std::uint32_t mode) {
    auto first = sample_file("same");
    first.mode = mode;
    auto second = sample_file("same");
    second.mode = 0644;
    kit_.maker.publish(sample_directory({{"a", first}, {"b", second}}));
  };
  both(0644);
  must(kit_.pull(options()));
  fs::remove(path("b"));
  fs::create_hard_link(path("a"), path("b"));  // as an older release could have had them
  both(0600);
  must(kit_.pull(options()));
  const auto mode_of = [&](const char* name) { return fs::status(path(name)).permissions(); };
  EXPECT_EQ(static_cast<unsigned>(mode_of("a")), 0600U);
  EXPECT_EQ(static_cast<unsigned>(mode_of("b")), 0644U);
}

TEST_F(InPlacePull, DeletesAlsoWhereNothingIsNew) {
  publish("1");
  must(kit_.pull(options()));
  std::ofstream(path("d/extra")) << "x";
  EXPECT_EQ(must(kit_.pull(options())).requests, 1U);
  EXPECT_TRUE(fs::exists(path("d/extra")));
  PullOptions deleting = options();
  deleting.extra = PullOptions::Extra::remove;
  const auto deleted = must(kit_.pull(deleting));
  EXPECT_EQ(deleted.outcome, PullResult::Outcome::activated);
  EXPECT_EQ(deleted.files_removed, 1U);
  EXPECT_FALSE(fs::exists(path("d/extra")));
  EXPECT_EQ(read(path("d/g")), "1");
  const auto again = must(kit_.pull(deleting));
  EXPECT_EQ(again.outcome, PullResult::Outcome::current);
  EXPECT_EQ(again.number, 1U);
}

}  // namespace
}  // namespace duskline::site
