#include "release/remote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "disk/real_disk.h"
#include "release/content.h"
#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/sample_release.h"
#include "testing/scratch.h"
#include "testing/sim_clock.h"

namespace duskline::release {
namespace {

using ::testing::HasSubstr;
using testing::must;
using testing::must_fail;
using testing::sample_directory;
using testing::sample_file;
using testing::SampleEntry;

const Op op;

class RemoteTest : public ::testing::Test {
 protected:
  testing::SimClock clock_;
  std::unique_ptr<store::ObjectStore> memory_ = store::open_mem_store(clock_);
  store::CountingStore store_{*memory_};
  testing::Scratch folder_;
  std::unique_ptr<disk::Directory> directory_ = must(disk::open_real_disk()->open(folder_.path()));
  SigningKey key_ = must(SigningKey::generate());
  std::vector<PublicKey> trusted_ = {key_.public_key()};
  testing::SampleCut cut_ = {
      .chunk_bytes = 64, .run_entries = 16384, .list_chunks = 1000, .frame_bytes = 20'000, .pack_bytes = 200'000};
  testing::SamplePublisher publisher_{*directory_, key_, memory_.get(), cut_};

  Result<std::unique_ptr<Manifest>> whole(const model::ReleaseId& id, const ExpectedSize& size = {}) {
    return open_remote_manifest(store_, op, publisher_.set(), id, size, trusted_, *directory_, "fetched");
  }
  Result<std::unique_ptr<Manifest>> on_demand(const model::ReleaseId& id, const ExpectedSize& size = {}) {
    return open_remote_manifest_on_demand(store_, op, publisher_.set(), id, size, trusted_, *directory_, "partial");
  }
  // Replaces the release's object.
  void put(const model::ReleaseId& id, ByteView bytes) {
    must(store::put_all(*memory_, op, store::Key(model::release_key(publisher_.set(), id)), bytes, {}));
  }
};

TEST_F(RemoteTest, AWholeManifestIsOneRequestOrAFewSideBySide) {
  std::mt19937_64 random(1);
  const auto made = publisher_.publish(testing::random_tree(random, 1000));
  ASSERT_GT(made.object.size(), 80'000U);
  const auto requests_for = [&](const ExpectedSize& size) {
    const auto before = store_.traffic();
    const auto manifest = must(whole(made.index.id, size));
    must(for_each_node(op, *manifest, manifest->top(), [](const WalkedNode&) { return Status{}; }));
    EXPECT_EQ(store_.traffic().bytes_received - before.bytes_received, made.object.size());
    return store_.traffic().requests - before.requests;
  };
  EXPECT_EQ(requests_for({}), 1U);
  EXPECT_EQ(requests_for({made.index.index_bytes, made.index.total_bytes}), 6U);
}

// Ten directories with 1 MiB of list nodes each, of which one is looked at.
TEST_F(RemoteTest, OnDemandFetchesOnlyTheSegmentsThatAreAskedFor) {
  SampleEntry tree = sample_directory();
  for (int i = 0; i < 10; ++i) {
    SampleEntry& directory = tree.children["d" + std::to_string(i)] = sample_directory();
    directory.children["long"] = {.content = Bytes(std::size_t{64} * 33'000, static_cast<std::uint8_t>(i + 1))};
    directory.children["z"] = sample_directory({{"deep", sample_file("found")}});
  }
  const auto made = publisher_.publish(tree);
  ASSERT_GE(made.index.segments.size(), 10U);
  const auto before = store_.traffic();
  const auto manifest = must(on_demand(made.index.id, {made.index.index_bytes, made.index.total_bytes}));
  EXPECT_EQ(store_.traffic().requests - before.requests, 1U);
  EXPECT_EQ(store_.traffic().bytes_received - before.bytes_received, made.index.index_bytes);

  const auto found = must(find_entry(op, *manifest, manifest->top(), "d7/z/deep"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->entry.content, sha256("found"));
  EXPECT_LE(store_.traffic().requests - before.requests, 4U);
  EXPECT_LT(store_.traffic().bytes_received - before.bytes_received, made.object.size() / 2);

  // Read to the end: everything, and the rest in few requests.
  must(for_each_node(op, *manifest, manifest->top(), [](const WalkedNode&) { return Status{}; }));
  EXPECT_LE(store_.traffic().requests - before.requests, 10U);
  EXPECT_EQ(store_.traffic().bytes_received - before.bytes_received, made.object.size()) << "nothing twice";
}

TEST_F(RemoteTest, AnIndexOfUnknownSizeIsFetchedInTwoRequestsAtMost) {
  const auto made = publisher_.publish(sample_directory({{"f", sample_file("1")}}));
  const auto before = store_.traffic();
  const auto manifest = must(on_demand(made.index.id));
  EXPECT_EQ(store_.traffic().requests - before.requests, 1U);
  EXPECT_TRUE(must(find_entry(op, *manifest, manifest->top(), "f")));
}

TEST_F(RemoteTest, BothWaysRefuseWhatIsNotTheReleaseAskedFor) {
  const auto one = publisher_.publish(sample_directory({{"f", sample_file("1")}}));
  const auto two = publisher_.publish(sample_directory({{"f", sample_file("2")}}));
  const SigningKey other = must(SigningKey::generate());
  const auto expect = [&](Code code, const std::string& words, const model::ReleaseId& id, const ExpectedSize& size) {
    const auto first = whole(id, size);
    EXPECT_EQ(must_fail(first), code) << words;
    EXPECT_THAT(first.error().describe(), HasSubstr(words));
    const auto second = on_demand(id, size);
    EXPECT_EQ(must_fail(second), code) << words;
    EXPECT_THAT(second.error().describe(), HasSubstr(words));
  };
  expect(Code::not_found, "fetch the manifest of release", model::ReleaseId{sha256("none")}, {});
  expect(Code::corrupt, "but the head says", one.index.id, {one.index.index_bytes, one.index.total_bytes + 1});
  expect(Code::corrupt, "but the head says", one.index.id, {one.index.index_bytes + 1, one.index.total_bytes});

  put(one.index.id, two.object);
  expect(Code::corrupt, "where " + one.index.id.short_hex() + " was asked for", one.index.id, {});
  put(one.index.id, ByteView(one.object).first(one.object.size() - 1));
  EXPECT_EQ(must_fail(whole(one.index.id)), Code::invalid);
  EXPECT_EQ(must_fail(on_demand(one.index.id)), Code::corrupt);
  Bytes longer = one.object;
  longer.push_back(1);
  put(one.index.id, longer);
  EXPECT_EQ(must_fail(whole(one.index.id, {0, one.object.size()})), Code::corrupt);
  EXPECT_EQ(must_fail(on_demand(one.index.id)), Code::corrupt);

  trusted_ = {other.public_key()};
  expect(Code::untrusted, two.index.id.short_hex(), two.index.id, {});
  trusted_ = {other.public_key(), key_.public_key()};
  must(whole(two.index.id));
}

TEST_F(RemoteTest, AReleaseSignedForAnotherSetIsRefused) {
  testing::SamplePublisher elsewhere(*directory_, key_, memory_.get(), cut_, "patches");
  const auto made = elsewhere.publish(sample_directory({{"f", sample_file("1")}}));
  put(made.index.id, made.object);
  EXPECT_EQ(must_fail(whole(made.index.id)), Code::untrusted);
  EXPECT_EQ(must_fail(on_demand(made.index.id)), Code::untrusted);
}

class ContentTest : public RemoteTest {
 protected:
  Bytes read(ContentReader& reader, const DirectoryCursor::Item& item, std::uint64_t offset, std::uint64_t length) {
    Bytes out;
    BufferSink sink(out, 1 << 30);
    must(reader.read(op, item, offset, length, sink));
    return out;
  }
  FoundEntry find(Manifest& manifest, const std::string& path) {
    return must(find_entry(op, manifest, manifest.top(), path)).value();
  }
};

TEST_F(ContentTest, AnyRangeOfAnyFileIsWhatWasPublished) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    SampleEntry tree = sample_directory();
    for (int i = 0; i < 60; ++i) tree.children[std::to_string(i)] = testing::random_file(random);
    const auto made = publisher_.publish(tree);
    const auto manifest = must(whole(made.index.id));
    ContentReader reader(store_, publisher_.set(), *manifest, 1 + random() % 100'000);
    for (const auto& [name, file] : tree.children) {
      const FoundEntry found = find(*manifest, name);
      EXPECT_EQ(read(reader, found.item(), 0, UINT64_MAX), file.content);
      const std::uint64_t from = random() % (file.content.size() + 2);
      const std::uint64_t length = random() % (file.content.size() + 2);
      const std::size_t begin = std::min<std::size_t>(from, file.content.size());
      const ByteView part =
          ByteView(file.content).subspan(begin, std::min<std::size_t>(length, file.content.size() - begin));
      EXPECT_EQ(read(reader, found.item(), from, length), Bytes(part.begin(), part.end())) << from << "+" << length;
    }
  }
}

TEST_F(ContentTest, NeighboursAreFetchedTogetherAndKept) {
  std::mt19937_64 random(3);
  const Bytes content = testing::random_content(random, 150'000);  // 8 frames in one pack
  const auto made = publisher_.publish(sample_directory({{"f", {.content = content}}}));
  const auto manifest = must(whole(made.index.id));
  const FoundEntry found = find(*manifest, "f");
  const auto before = store_.traffic().requests;
  ContentReader reader(store_, publisher_.set(), *manifest);
  EXPECT_EQ(read(reader, found.item(), 0, UINT64_MAX), content);
  EXPECT_EQ(store_.traffic().requests - before, 1U);
  EXPECT_EQ(read(reader, found.item(), 70'000, 50'000), Bytes(content.begin() + 70'000, content.begin() + 120'000));
  EXPECT_EQ(store_.traffic().requests - before, 1U);
}

TEST_F(ContentTest, DamagedOrMissingPacksAreToldApart) {
  std::mt19937_64 random(3);
  const auto made = publisher_.publish(sample_directory({{"f", {.content = testing::random_content(random, 5000)}}}));
  const auto manifest = must(whole(made.index.id));
  const FoundEntry found = find(*manifest, "f");
  const store::Key pack(model::pack_key(publisher_.set(), made.index.packs.at(0)));
  const Bytes good = must(store::get_all(*memory_, op, pack, 1 << 20));
  const auto read_fails = [&] {
    ContentReader reader(store_, publisher_.set(), *manifest);
    Bytes out;
    BufferSink sink(out, 1 << 20);
    const Status status = reader.read_all(op, found.item(), sink);
    EXPECT_TRUE(out.empty()) << "nothing unchecked may get out";
    return must_fail(status);
  };
  Bytes bad = good;
  bad[2500] ^= 1;
  must(store::put_all(*memory_, op, pack, bad, {}));
  // The chunks before the damaged one are good and may be given.
  {
    ContentReader reader(store_, publisher_.set(), *manifest);
    Bytes out;
    BufferSink sink(out, 1 << 20);
    EXPECT_EQ(must_fail(reader.read_all(op, found.item(), sink)), Code::corrupt);
    EXPECT_LE(out.size(), 2500U);
  }
  must(store::put_all(*memory_, op, pack, ByteView(good).first(100), {}));
  EXPECT_EQ(read_fails(), Code::corrupt);
  must(store::put_all(*memory_, op, pack, sha256("x").bytes, {}));
  EXPECT_EQ(read_fails(), Code::corrupt);
  must(memory_->remove(op, {&pack, 1}));
  EXPECT_EQ(read_fails(), Code::not_found);
}

}  // namespace
}  // namespace duskline::release
