// Extended attributes of directories, as a release has them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include "publish/meddling_disk.h"
#include "publish/publish.h"
#include "publish/test_kit.h"

namespace duskline::publish {
namespace {

using Outcome = PublishResult::Outcome;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Of the directory `path` in a release; "" is the top.
std::vector<model::Attribute> attributes_in(PublishKit& kit, const PublishResult& result, std::string_view path) {
  const auto manifest = kit.manifest(result.id);
  if (path.empty()) return manifest->index().release.top_attributes;
  return must(release::find_entry({}, *manifest, manifest->top(), path)).value().entry.attributes;
}

class PublishAttributesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    kit.write("d/e/a", "1");
    kit.options.attributes = PublishOptions::Record::yes;
    if (!set("d", "user.probe", "")) GTEST_SKIP() << "no extended attributes on this file system";
    removexattr(kit.source("d").c_str(), "user.probe");
  }
  bool set(const std::string& path, const char* name, const std::string& value) {
    return setxattr(kit.source(path).c_str(), name, value.data(), value.size(), 0) == 0;
  }
  PublishKit kit;
  const model::Attribute colour{"user.colour", {'r', 'e', 'd'}};
};

TEST_F(PublishAttributesTest, OfDirectoriesAreRecorded) {
  ASSERT_TRUE(set("d", "user.colour", "red"));
  ASSERT_TRUE(set("", "user.colour", "red"));
  const PublishResult result = kit.publish();
  EXPECT_THAT(attributes_in(kit, result, "d"), ElementsAre(colour));
  EXPECT_THAT(attributes_in(kit, result, ""), ElementsAre(colour));
  EXPECT_THAT(attributes_in(kit, result, "d/e"), IsEmpty());
  EXPECT_EQ(kit.publish().outcome, Outcome::unchanged);
  kit.options.attributes = PublishOptions::Record::no;
  const PublishResult without = kit.publish();
  EXPECT_EQ(without.outcome, Outcome::published);
  EXPECT_THAT(attributes_in(kit, without, "d"), IsEmpty());
  EXPECT_THAT(attributes_in(kit, without, ""), IsEmpty());
}

// Nothing but the ctime of the directory tells of it.
TEST_F(PublishAttributesTest, AloneMakeANewRelease) {
  kit.publish();
  for (const std::string path : {"d", "d/e", ""}) {
    SCOPED_TRACE(path);
    ASSERT_TRUE(set(path, "user.colour", "red"));
    const PublishResult changed = kit.publish();
    EXPECT_EQ(changed.outcome, Outcome::published);
    EXPECT_EQ(changed.files_read, 0U);
    EXPECT_THAT(attributes_in(kit, changed, path), ElementsAre(colour));
    EXPECT_EQ(kit.publish().outcome, Outcome::unchanged);
    ASSERT_EQ(removexattr(kit.source(path).c_str(), "user.colour"), 0);
    EXPECT_THAT(attributes_in(kit, kit.publish(), path), IsEmpty());
  }
  kit.write("d/e/b", "2");
  ASSERT_TRUE(set("d", "user.colour", "red"));
  const PublishResult more = kit.publish();
  kit.write("c", "3");  // what did not change keeps its attributes
  EXPECT_THAT(attributes_in(kit, kit.publish(), "d"), ElementsAre(colour));
  EXPECT_NE(more.smallest_delta.total_bytes, 0U);
}

TEST_F(PublishAttributesTest, OfTheTopAreLeftOutWhereTheyAreTooMany) {
  MeddlingDisk meddling(*kit.disk);
  meddling.how.attributes = [](auto& attributes) { attributes = {{"user.large", Bytes(40'000, 1)}}; };
  kit.options.workers = 1;
  const PublishResult result = must(kit.try_publish(*kit.store, meddling));
  EXPECT_THAT(attributes_in(kit, result, ""), IsEmpty());
  EXPECT_THAT(attributes_in(kit, result, "d"), ElementsAre(model::Attribute{"user.large", Bytes(40'000, 1)}));
  EXPECT_THAT(kit.reporter.all_notes(), HasSubstr("more than 32 KiB"));
  EXPECT_THAT(kit.reporter.records, Contains("skip ."));
}

TEST_F(PublishAttributesTest, MoreThanAReleaseHoldsAreRefusedByName) {
  MeddlingDisk meddling(*kit.disk);
  meddling.how.attributes = [](auto& attributes) {
    for (int i = 0; i < 300; ++i) attributes.push_back({"user." + std::to_string(1000 + i), {}});
  };
  const auto result = kit.try_publish(*kit.store, meddling);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::refused);
  EXPECT_THAT(result.error().describe(), HasSubstr("\"d\" in the source has more than 256"));
}

}  // namespace
}  // namespace duskline::publish
