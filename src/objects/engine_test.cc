#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "objects/engine_kit.h"

namespace duskline::objects {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> keys_of(const ListResult& result) {
  std::vector<std::string> keys;
  for (const Version& entry : result.entries) keys.push_back(entry.key);
  return keys;
}

TEST(Engine, KeepsWhatWasPut) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "k", "hello");
  world.put("b", "empty", "");
  const std::string large(300'000, 'x');
  world.put("b", "large", large);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world.get("b", "k"), "hello");
    EXPECT_EQ(world.get("b", "empty"), "");
    EXPECT_EQ(world.get("b", "large"), large);
    EXPECT_EQ(world.get("b", "absent"), "(nothing)");
    world.reopen();
  }
  const auto version = world.find("b", "k");
  EXPECT_EQ(version->id, "null");
  EXPECT_TRUE(version->latest);
  EXPECT_EQ(version->etag, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(version->properties.at("content-type"), "text/plain");
}

// Around what goes into the log, a block, a piece of a direct write.
TEST(Engine, KeepsBodiesOfAnySize) {
  World world;
  world.open();
  world.make_bucket("b");
  constexpr std::size_t mib = 1 << 20;
  for (const std::size_t size : {std::size_t{1}, std::size_t{65'536}, std::size_t{65'537}, std::size_t{131'072},
                                 std::size_t{131'073}, 4 * mib, 5 * mib - 1, 5 * mib + 4096, 5 * mib + 5000}) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * i >> 9 ^ i);
    world.put("b", "k", text);
    EXPECT_TRUE(world.get("b", "k") == text) << size;
    const auto version = world.find("b", "k");
    const std::uint64_t from = size / 3;
    const auto part = must(world.engine->open(*version, from, size - from, Objects::Wait::yes));
    EXPECT_TRUE(World::send(*part) == text.substr(from)) << size;
    world.reopen();
    EXPECT_TRUE(world.get("b", "k") == text) << size;
  }
}

TEST(Engine, RemovesAndRefuses) {
  World world;
  world.open();
  world.make_bucket("b");
  EXPECT_EQ(must_fail(world.engine->create_bucket(world.op, Bucket{.name = "b"})), Code::already_exists);
  world.put("b", "k", "one");
  EXPECT_EQ(must_fail(world.engine->remove_bucket(world.op, "b", {})), Code::refused);
  EXPECT_EQ(world.remove("b", "k").version->size_bytes, 3U);
  EXPECT_FALSE(world.remove("b", "k").version);
  must(world.engine->remove_bucket(world.op, "b", {}));
  EXPECT_EQ(must_fail(world.engine->find("b", "k", {})), Code::not_found);
}

TEST(Engine, VersionsStackUp) {
  World world;
  world.open();
  world.make_bucket("b", Versioning::never);
  world.put("b", "k", "null one");
  world.set_versioning("b", Versioning::on);
  const Version first = world.put("b", "k", "first");
  EXPECT_EQ(first.id.size(), 32U);
  const auto marker = world.remove("b", "k").marker;
  ASSERT_TRUE(marker);
  EXPECT_TRUE(world.find("b", "k")->delete_marker);
  EXPECT_EQ(world.read(*world.find("b", "k", first.id)), "first");
  EXPECT_FALSE(world.find("b", "k", first.id)->latest);
  world.remove("b", "k", marker->id);
  EXPECT_EQ(world.get("b", "k"), "first");
  world.set_versioning("b", Versioning::suspended);
  world.put("b", "k", "null two");
  EXPECT_EQ(world.get("b", "k"), "null two");
  world.remove("b", "k", "null");
  EXPECT_EQ(world.get("b", "k"), "first");
  world.remove("b", "k", first.id);
  EXPECT_EQ(world.get("b", "k"), "(nothing)");
  must(world.engine->remove_bucket(world.op, "b", {}));
}

TEST(Engine, CompletesAnUploadOfParts) {
  World world;
  world.open();
  world.make_bucket("b");
  Upload wanted;
  wanted.bucket = "b";
  wanted.key = "k";
  const Upload upload = must(world.engine->create_upload(world.op, wanted));
  for (const std::uint32_t number : {3U, 1U, 2U, 3U}) {
    must(
        world.engine->put_part(world.op, upload, number, world.bytes("part " + std::to_string(number) + ";"), "e", {}));
  }
  EXPECT_EQ(must(world.engine->parts(world.op, upload, 1, 1)).parts.front().number, 2U);
  CompleteRequest request;
  request.bucket = "b";
  request.key = "k";
  request.upload = upload.id;
  request.parts = {1, 3};
  request.etag = "x-2";
  const Version made = must(world.engine->complete(world.op, request));
  EXPECT_EQ(world.read(made), "part 1;part 3;");
  world.reopen();
  EXPECT_EQ(world.get("b", "k"), "part 1;part 3;");
  EXPECT_EQ(world.find("b", "k")->parts.size(), 2U);
  EXPECT_FALSE(must(world.engine->upload("b", "k", upload.id)));
  EXPECT_EQ(must_fail(world.engine->complete(world.op, request)), Code::not_found);
}

TEST(Engine, ListsByBytes) {
  World world;
  world.open();
  world.make_bucket("b");
  for (const char* key : {"a/1", "a/2", "b", "c/x/1", "\xC3\xA4", "c/y"}) world.put("b", key, "1");
  ListRequest request;
  request.bucket = "b";
  EXPECT_THAT(keys_of(must(world.engine->list(world.op, request))),
              ElementsAre("a/1", "a/2", "b", "c/x/1", "c/y", "\xC3\xA4"));
  request.delimiter = "/";
  const ListResult rolled = must(world.engine->list(world.op, request));
  EXPECT_THAT(keys_of(rolled), ElementsAre("b", "\xC3\xA4"));
  EXPECT_THAT(rolled.prefixes, ElementsAre("a/", "c/"));
  request.limit = 1;
  ListResult page = must(world.engine->list(world.op, request));
  EXPECT_THAT(page.prefixes, ElementsAre("a/"));
  EXPECT_TRUE(page.truncated);
  request.after = page.next;
  page = must(world.engine->list(world.op, request));
  EXPECT_THAT(keys_of(page), ElementsAre("b"));
}

TEST(Engine, SharesBytes) {
  World world;
  world.open();
  world.make_bucket("b");
  std::string large(500'000, ' ');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 26);
  const Version source = world.put("b", "large", large);
  PutRequest request;
  request.bucket = "b";
  request.key = "copy";
  request.bytes = must(world.engine->share(*world.find("b", "large"), 1000, 200'000));
  must(world.engine->put(world.op, std::move(request)));
  world.remove("b", "large");
  must(world.engine->tidy());
  EXPECT_EQ(world.get("b", "copy"), large.substr(1000, 200'000));
  world.reopen();
  EXPECT_EQ(world.get("b", "copy"), large.substr(1000, 200'000));
}

TEST(Engine, ShowsNothingToOthers) {
  World world;
  world.open();
  world.make_bucket("b");
  world.put("b", "k", std::string(100'000, 'x'));
  namespace fs = std::filesystem;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(world.options.directory)) {
    EXPECT_EQ(entry.status().permissions() & fs::perms::others_all, fs::perms::none) << entry.path();
  }
}

TEST(Engine, IsOpenOnce) {
  World world;
  world.open();
  const auto second = Engine::open(world.options, world.clock, std::make_unique<Files>(), world.tuning);
  EXPECT_EQ(must_fail(second), Code::locked);
}

}  // namespace
}  // namespace duskline::objects
