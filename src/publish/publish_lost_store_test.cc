// A store that has lost or spoiled what an earlier run put there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "publish/publish.h"
#include "publish/test_kit.h"

namespace duskline::publish {
namespace {

using Outcome = PublishResult::Outcome;
using ::testing::HasSubstr;

class LostStoreTest : public ::testing::Test {
 protected:
  LostStoreTest() {
    std::mt19937_64 random(8);
    kit.write("small", random_text(random, 5000));
    kit.write("d/long", random_text(random, 500'000));
    kit.publish();
  }
  void lose(const std::string& prefix) {
    for (const std::string& name : kit.keys(prefix)) {
      const store::Key key(name);
      must(kit.store->remove({}, std::span(&key, 1)));
    }
  }
  void expect_all_there(const PublishResult& result) {
    EXPECT_EQ(kit.tree_in_store(result.id), tree_on_disk(kit.source()));
  }
  PublishKit kit;
};

TEST_F(LostStoreTest, PacksAreUploadedAgainWithTheNextChange) {
  lose("set/pack/");
  kit.write("new", "new");
  const PublishResult result = kit.publish();
  expect_all_there(result);
  EXPECT_THAT(kit.reporter.all_notes(), HasSubstr("has lost 1 of the 1 packs of release 1"));
}

TEST_F(LostStoreTest, WithoutItsHeadIsPublishedToOnlyIfMeant) {
  lose("set/channel/");
  kit.clock.advance(std::chrono::minutes(1));
  const auto refused = kit.try_publish();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().describe(), HasSubstr("--allow-lost-head"));
  kit.options.meant.lost_head = true;
  const PublishResult result = kit.publish();
  EXPECT_EQ(result.outcome, Outcome::published);
  EXPECT_EQ(result.head_version, 2U) << "targets have seen 1";
  expect_all_there(result);
}

TEST_F(LostStoreTest, WithoutItsHeadButWithItsPacksUploadsNoContentAgain) {
  lose("set/channel/");
  kit.options.meant.lost_head = true;
  kit.write("new", "new");
  const PublishResult result = kit.publish();
  EXPECT_EQ(result.new_chunk_bytes, 3U);
  expect_all_there(result);
}

TEST_F(LostStoreTest, EmptiedIsFilledAgain) {
  lose("");
  kit.options.meant.lost_head = true;
  const PublishResult result = kit.publish();
  EXPECT_EQ(result.outcome, Outcome::published);
  EXPECT_EQ(result.files_read, 2U);
  expect_all_there(result);
}

TEST_F(LostStoreTest, SpoiledPacksAreMendedWhereAllIsUploadedOnRequest) {
  for (const std::string& pack : kit.keys("set/pack/")) {
    must(store::put_all(*kit.store, {}, store::Key(pack), bytes_of("spoiled"), {}));
  }
  EXPECT_EQ(kit.publish().outcome, Outcome::unchanged) << "nobody looked";
  kit.options.upload = PublishOptions::Upload::all;
  const PublishResult result = kit.publish();
  EXPECT_EQ(result.outcome, Outcome::published);
  EXPECT_EQ(result.number, 2U);
  expect_all_there(result);
}

TEST_F(LostStoreTest, AShrunkenSourceIsStillRefused) {
  lose("set/release/");
  lose("set/pack/");
  std::filesystem::remove(kit.source("d/long"));
  kit.clock.advance(std::chrono::minutes(1));
  const auto result = kit.try_publish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::refused) << result.error().describe();
}

}  // namespace
}  // namespace duskline::publish
