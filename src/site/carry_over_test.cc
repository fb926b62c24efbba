// What belongs to the site (--keep) goes with whatever tree is shown.
#include "site/carry_over.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "site/pull_kit.h"

namespace duskline::site {
namespace {

using ::testing::HasSubstr;
using testing::sample_directory;
using testing::sample_file;

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path + ".part", std::ios::binary) << text;
  fs::rename(path + ".part", path);  // as editors do: another inode
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class CarryOver : public ::testing::Test {
 protected:
  void publish(const std::string& text) {
    tree_.children["f"] = sample_file(text);
    kit_.maker.publish(tree_);
  }
  PullOptions keeping() const {
    PullOptions options = kit_.options();
    options.keep = {"/up/", ".env"};
    return options;
  }
  void pull_two() {
    publish("one");
    must(kit_.pull(keeping()));
    write(shown("conf/.env"), "E1");
    publish("two");
    must(kit_.pull(kit_.options()));
  }
  void roll_back() { must(switch_back({}, *kit_.open(), std::nullopt, kit_.reporter)); }
  [[nodiscard]] std::string shown(const std::string& name) const { return kit_.target_path() + "/current/" + name; }

  PullKit kit_;
  SampleEntry tree_ = sample_directory({{"conf", sample_directory({{"default", sample_file("d")}})}});
};

TEST_F(CarryOver, GoesBackAndForthWithTheSite) {
  pull_two();
  write(shown("conf/.env"), "E2");
  write(shown("up/gone-later"), "x");
  roll_back();
  EXPECT_EQ(read(shown("f")), "one");
  EXPECT_EQ(read(shown("conf/.env")), "E2");
  EXPECT_EQ(read(shown("up/gone-later")), "x");
  write(shown("up/order-4711"), "precious");
  fs::remove(shown("up/gone-later"));
  must(kit_.open()->unpin());
  must(kit_.pull(kit_.options()));  // a release that is installed already
  EXPECT_EQ(read(shown("f")), "two");
  EXPECT_EQ(read(shown("up/order-4711")), "precious");
  EXPECT_FALSE(fs::exists(shown("up/gone-later")));
}

TEST_F(CarryOver, PatternsSaidLaterHoldAfterGoingBack) {
  publish("one");
  must(kit_.pull(kit_.options()));
  publish("two");
  must(kit_.pull(keeping()));
  write(shown("up/order"), "precious");
  roll_back();
  EXPECT_EQ(read(shown("up/order")), "precious");
  must(kit_.open()->unpin());
  must(kit_.pull(kit_.options()));
  EXPECT_EQ(read(shown("up/order")), "precious");
}

TEST_F(CarryOver, WhatIsWrittenBetweenStagingAndTheSwitch) {
  publish("one");
  must(kit_.pull(keeping()));
  publish("two");
  PullOptions options = kit_.options();
  options.hooks.before = "mkdir current/up && echo p >current/up/order-1";
  must(kit_.pull(options));
  EXPECT_EQ(read(shown("up/order-1")), "p\n");
  EXPECT_EQ(read(shown("f")), "two");
}

TEST_F(CarryOver, WhatIsWrittenDuringACheckThatFails) {
  publish("one");
  must(kit_.pull(keeping()));
  publish("two");
  PullOptions options = kit_.options();
  options.hooks.check = "mkdir current/up && echo p >current/up/order-2; false";
  EXPECT_TRUE(must(kit_.pull(options)).rolled_back);
  EXPECT_EQ(read(shown("up/order-2")), "p\n");
  EXPECT_EQ(read(shown("f")), "one");
}

TEST_F(CarryOver, LeavesAttributesOfTheRelease) {
  tree_.children["conf"].mode = 0555;
  publish("one");
  must(kit_.pull(keeping()));
  publish("two");
  must(kit_.pull(kit_.options()));
  write(shown("conf/.env"), "E2");
  roll_back();
  EXPECT_EQ(read(shown("conf/.env")), "E2");
  struct stat seen{};
  ASSERT_EQ(::stat(shown("conf").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777, 0555U);
  EXPECT_EQ(seen.st_mtim.tv_sec * 1'000'000'000 + seen.st_mtim.tv_nsec, tree_.children["conf"].mtime_ns);
}

TEST_F(CarryOver, NothingIsTakenForWhatTheReleaseHas) {
  pull_two();
  write(shown("f.d/.env"), "x");
  tree_.children["f.d"] = sample_file("a file now");
  kit_.maker.publish(tree_);
  EXPECT_FALSE(kit_.pull(kit_.options()));
  EXPECT_EQ(read(shown("f.d/.env")), "x");
}

}  // namespace
}  // namespace duskline::site
