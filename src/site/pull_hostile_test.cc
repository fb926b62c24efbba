// The manifest and the store as enemies: everything is refused with a message of its own, and the target stays as it
// is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "site/pull_kit.h"
#include "testing/effort.h"

namespace duskline::site {
namespace {

using testing::encoded;
using testing::Fault;
using ::testing::HasSubstr;
using testing::made_file;
using testing::MadeNode;
using testing::MadePlace;
using testing::sample_directory;
using testing::sample_file;

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    good_.children["kept.txt"] = sample_file("as it was");
    kit_.maker.publish(good_);
    must(kit_.pull(kit_.options()));
  }

  void expect_refused(Code code, const std::string& message) {
    const auto result = kit_.pull(kit_.options());
    ASSERT_FALSE(result) << "it was accepted";
    EXPECT_EQ(name_of(result.error().code), name_of(code)) << result.error().describe();
    EXPECT_THAT(result.error().describe(), HasSubstr(message));
    EXPECT_EQ(kit_.differs_from(good_), "");
    EXPECT_FALSE(std::filesystem::exists(kit_.scratch.path("outside")));
  }

  // A release whose top node is `node`, all of its files in one pack.
  void publish(const model::Node& node, const std::vector<std::string>& texts) {
    MadeNode made{encoded(node), kit_.maker.put_pack(texts)};
    kit_.maker.publish_nodes({made}, model::stats_of(node));
  }

  // A release of one file.
  void publish_file(model::Entry entry, const std::string& content) {
    model::Node node;
    node.entries.push_back(std::move(entry));
    publish(node, {content});
  }

  // The same with a place that is not right.
  void publish_place(const std::string& content, const MadePlace& place) {
    model::Node node;
    node.entries.push_back(made_file("file", content));
    kit_.maker.publish_nodes({{encoded(node), {place}}}, model::stats_of(node));
  }

  PullKit kit_;
  SampleEntry good_ = sample_directory();
};

TEST_F(Hostile, TheMakerMakesGoodReleasesToo) {
  publish_file(made_file("file", "content"), "content");
  must(kit_.pull(kit_.options()));
  EXPECT_EQ(kit_.differs_from(sample_directory({{"file", sample_file("content")}})), "");
}

TEST_F(Hostile, NamesThatLeadOut) {
  for (const char* name : {"..", ".", "", "a/b", "/etc/passwd", "../../outside"}) {
    SCOPED_TRACE(name);
    publish_file(made_file(name, "x"), "x");
    expect_refused(Code::invalid, "name");
  }
}

TEST_F(Hostile, ANameWithANul) {
  publish_file(made_file(std::string("a\0b", 3), "x"), "x");
  expect_refused(Code::invalid, "name");
}

TEST_F(Hostile, DuplicateNames) {
  model::Node node;
  model::Entry link;
  link.kind = model::EntryKind::symlink;
  link.name = "d";
  link.target = kit_.scratch.path("outside");
  node.entries = {link, made_file("d", "x")};
  publish(node, {"x"});
  expect_refused(Code::invalid, "order");
}

TEST_F(Hostile, ADirectoryThroughASymlink) {
  // The same name as a symlink in one release and as a directory in the next must not write through the first.
  SampleEntry with_link = good_;
  with_link.children["d"] = {.kind = model::EntryKind::symlink, .mode = 0, .target = kit_.scratch.path("outside")};
  std::filesystem::create_directory(kit_.scratch.path("elsewhere"));
  with_link.children["d"].target = kit_.scratch.path("elsewhere");
  kit_.maker.publish(with_link);
  must(kit_.pull(kit_.options()));
  SampleEntry with_directory = good_;
  with_directory.children["d"] = sample_directory({{"file", sample_file("x")}});
  kit_.maker.publish(with_directory);
  must(kit_.pull(kit_.options()));
  EXPECT_EQ(kit_.differs_from(with_directory), "");
  EXPECT_TRUE(std::filesystem::is_empty(kit_.scratch.path("elsewhere")));
}

TEST_F(Hostile, HardLinksThatAreNone) {
  model::Entry file = made_file("a", "x");
  model::Entry link = made_file("b", "x");
  const auto publish_link = [&](const std::string& to) {
    link.hard_link = to;
    model::Node node;
    node.entries = {file, link};
    MadeNode made{encoded(node), kit_.maker.put_pack({"x"})};
    made.places.push_back(made.places.front());
    kit_.maker.publish_nodes({made}, model::stats_of(node));
  };
  publish_link("a");
  must(kit_.pull(kit_.options()));
  kit_.maker.publish(good_);
  must(kit_.pull(kit_.options()));
  for (const char* to : {"../outside", "/etc/passwd", "a/../../outside"}) {
    publish_link(to);
    expect_refused(Code::invalid, "hard link");
  }
  publish_link("c");  // nothing of that name
  expect_refused(Code::invalid, "not an earlier regular file");
  publish_link("b");  // itself
  expect_refused(Code::invalid, "not an earlier regular file");
  file.content = sha256("another");
  publish_link("a");
  expect_refused(Code::invalid, "different content");
  file.kind = model::EntryKind::symlink;
  file.target = "/etc/passwd";
  publish_link("a");
  expect_refused(Code::invalid, "not an earlier regular file");
}

TEST_F(Hostile, AbsurdSizes) {
  model::Entry entry = made_file("huge", "x");
  entry.size_bytes = std::uint64_t{1} << 63;
  model::Node node;
  node.entries.push_back(entry);
  kit_.maker.publish_nodes({{encoded(node), {}}}, {.nodes = 1, .files = 1, .entries = 1, .bytes = 5});
  expect_refused(Code::invalid, "size");
}

TEST_F(Hostile, MoreThanTheDiskHolds) {
  model::Entry entry = made_file("huge", "x");
  entry.chunks.assign(60, {sha256("x"), model::max_chunk_bytes});
  entry.size_bytes = 60 * model::max_chunk_bytes;
  model::Node inner;
  for (int i = 0; i < 1000; ++i) {
    entry.name = std::to_string(1000 + i);
    inner.entries.push_back(entry);
  }
  model::Node node;
  std::vector<MadeNode> nodes(1);
  for (int i = 0; i < 5; ++i) {
    model::Entry directory;
    directory.kind = model::EntryKind::directory;
    directory.name = std::to_string(i);
    directory.mode = 0755;
    directory.node = sha256(encoded(inner));
    directory.stats = model::stats_of(inner);
    node.entries.push_back(directory);
    nodes.push_back({encoded(inner), {}});
  }
  nodes.front().encoded = encoded(node);
  kit_.maker.publish_nodes(nodes, model::stats_of(node));
  expect_refused(Code::no_space, "make room");
}

TEST_F(Hostile, ChunksThatAreNotAsLongAsTheirFile) {
  model::Entry entry = made_file("file", "x");
  entry.chunks = {{sha256("x"), 1}, {sha256("y"), 1}};
  entry.size_bytes = 3;
  model::Node node;
  node.entries.push_back(entry);
  kit_.maker.publish_nodes({{encoded(node), kit_.maker.put_pack({"x", "y"})}}, model::stats_of(node));
  expect_refused(Code::invalid, "chunk");
}

TEST_F(Hostile, NumbersThatDoNotAddUp) {
  model::Node node;
  node.entries.push_back(made_file("file", "x"));
  model::TreeStats stats = model::stats_of(node);
  stats.files = 2;
  stats.entries = 2;
  kit_.maker.publish_nodes({{encoded(node), kit_.maker.put_pack({"x"})}}, stats);
  expect_refused(Code::invalid, "numbers");
}

TEST_F(Hostile, ANodeThatIsNotTheOnePromised) {
  model::Node node;
  node.entries.push_back(made_file("file", "x"));
  kit_.maker.publish_nodes({{encoded(node), kit_.maker.put_pack({"x"})}}, model::stats_of(node), sha256("another"));
  expect_refused(Code::corrupt, "");
}

// A tree cannot hold itself, since a node's hash would have to hold its own: what looks like it is a wrong hash.
TEST_F(Hostile, ATreeThatClaimsToHoldItself) {
  model::Node node;
  model::Entry self;
  self.kind = model::EntryKind::directory;
  self.name = "self";
  self.mode = 0755;
  self.stats = {.nodes = 1, .files = 0, .entries = 0, .bytes = 0};
  node.entries.push_back(self);
  node.entries.front().node = sha256(encoded(node));
  const MadeNode made{encoded(node), {}};
  kit_.maker.publish_nodes({made, made}, model::stats_of(node));
  expect_refused(Code::corrupt, "");
}

TEST_F(Hostile, NestedAMillionDeep) {
  model::Node node;
  std::vector<MadeNode> nodes{{encoded(node), {}}};
  for (int depth = 0; depth < static_cast<int>(testing::effort(1'000'000)); ++depth) {
    model::Entry directory;
    directory.kind = model::EntryKind::directory;
    directory.name = "d";
    directory.mode = 0755;
    directory.node = sha256(nodes.back().encoded);
    directory.stats = model::stats_of(node);
    node.entries = {directory};
    nodes.push_back({encoded(node), {}});
  }
  std::ranges::reverse(nodes);
  kit_.maker.publish_nodes(nodes, model::stats_of(node));
  expect_refused(Code::invalid, "nested");
}

TEST_F(Hostile, ADecompressionBomb) {
  const Bytes zeros(4 << 20);
  Bytes bomb;
  pack::FrameEncoder(pack::Effort::fast).encode(zeros, bomb);
  kit_.maker.put(model::pack_key(kit_.maker.set(), sha256(bomb)), bomb);
  MadePlace place;
  place.pack = sha256(bomb);
  place.frame = {.stored_bytes = bomb.size(), .raw_bytes = 100, .codec = model::Codec::zstd};
  publish_place(std::string(100, '\0'), place);
  expect_refused(Code::corrupt, "does not hold what the signed manifest promises");
}

TEST_F(Hostile, AFrameBeyondAllBounds) {
  MadePlace place = kit_.maker.put_pack({"x"}).front();
  place.frame.codec = model::Codec::zstd;
  place.frame.raw_bytes = std::uint64_t{1} << 40;
  publish_place("x", place);
  expect_refused(Code::invalid, "");
}

TEST_F(Hostile, AChunkOutsideItsFrame) {
  MadePlace place = kit_.maker.put_pack({"x"}).front();
  place.offset = 1;
  publish_place("x", place);
  expect_refused(Code::invalid, "");
}

TEST_F(Hostile, BytesThatAreNotThePromisedOnes) {
  model::Node node;
  node.entries.push_back(made_file("file", "promised"));
  kit_.maker.publish_nodes({{encoded(node), kit_.maker.put_pack({"deceived"})}}, model::stats_of(node));
  expect_refused(Code::corrupt, "\"file\"");
}

TEST_F(Hostile, ATruncatedPack) {
  const MadePlace place = kit_.maker.put_pack({"0123456789"}).front();
  kit_.maker.put(model::pack_key(kit_.maker.set(), place.pack), bytes_of("01234"));
  publish_place("0123456789", place);
  expect_refused(Code::corrupt, "pack");
}

TEST_F(Hostile, AnEmptyPack) {
  const MadePlace place = kit_.maker.put_pack({"0123456789"}).front();
  kit_.maker.put(model::pack_key(kit_.maker.set(), place.pack), {});
  publish_place("0123456789", place);
  expect_refused(Code::corrupt, "pack");
}

TEST_F(Hostile, SwappedPacks) {
  const MadePlace one = kit_.maker.put_pack({"one"}).front();
  const MadePlace two = kit_.maker.put_pack({"two"}).front();
  kit_.maker.put(model::pack_key(kit_.maker.set(), one.pack), bytes_of("two"));
  kit_.maker.put(model::pack_key(kit_.maker.set(), two.pack), bytes_of("one"));
  publish_place("one", one);
  expect_refused(Code::corrupt, "pack");
}

TEST_F(Hostile, ADeltaOfGarbage) {
  SampleEntry newer = good_;
  newer.children["kept.txt"] = sample_file("as it is now");
  const auto before = kit_.maker.publish(good_);
  must(kit_.pull(kit_.options()));
  const auto after = kit_.maker.publish_with_delta(good_, before, newer);
  const std::string key = model::delta_key(kit_.maker.set(), before.index.id, after.index.id);
  Bytes delta = must(store::get_all(*kit_.mem, {}, store::Key(key), 1 << 20));
  std::mt19937_64 random(13);
  kit_.maker.put(key, testing::random_content(random, delta.size()));
  must(kit_.pull(kit_.options()));
  EXPECT_THAT(kit_.reporter.notes, HasSubstr("the delta cannot be used"));
  EXPECT_EQ(kit_.differs_from(newer), "");
}

TEST_F(Hostile, ADeltaToAnotherRelease) {
  const auto first = kit_.maker.publish(good_);
  must(kit_.pull(kit_.options()));
  SampleEntry other = good_;
  other.children["other"] = sample_file("what the head never named");
  const auto unwanted = kit_.maker.publish_with_delta(good_, first, other);
  const Bytes delta = must(store::get_all(
      *kit_.mem, {}, store::Key(model::delta_key(kit_.maker.set(), first.index.id, unwanted.index.id)), 1 << 20));
  SampleEntry newer = good_;
  newer.children["new"] = sample_file("new");
  const auto wanted = kit_.maker.publish_with_delta(good_, first, newer);
  kit_.maker.put(model::delta_key(kit_.maker.set(), first.index.id, wanted.index.id), delta);
  must(kit_.pull(kit_.options()));
  EXPECT_EQ(kit_.differs_from(newer), "");
}

TEST_F(Hostile, AnOldHeadAgain) {
  const Bytes old =
      must(store::get_all(*kit_.mem, {}, store::Key(model::head_key(kit_.maker.set(), kit_.maker.channel())), 1 << 20));
  SampleEntry newer = good_;
  newer.children["new"] = sample_file("new");
  kit_.maker.publish(newer);
  must(kit_.pull(kit_.options()));
  good_ = newer;
  kit_.maker.put(model::head_key(kit_.maker.set(), kit_.maker.channel()), old);
  expect_refused(Code::replayed, "");
}

TEST_F(Hostile, AnotherHeadOfTheSameVersion) {
  SampleEntry newer = good_;
  newer.children["new"] = sample_file("new");
  const auto made = kit_.maker.publisher().publish(newer);
  model::Head head = kit_.maker.next_head(made);
  head.version = 1;  // which the target has seen
  head.previous = {};
  kit_.maker.put_head(head, kit_.maker.key());
  expect_refused(Code::replayed, "two publishers wrote at the same time");
}

// Signed, and newer than what was seen: followed, but its history is not the one that was seen.
TEST_F(Hostile, AForkIsFollowedWithAWarning) {
  SampleEntry newer = good_;
  newer.children["new"] = sample_file("new");
  const auto made = kit_.maker.publisher().publish(newer);
  model::Head head = kit_.maker.next_head(made);
  head.previous = sha256("the head of a publisher that did not see ours");
  kit_.maker.put_head(head, kit_.maker.key());
  must(kit_.pull(kit_.options()));
  EXPECT_THAT(kit_.reporter.notes, HasSubstr("two publishers may have written without seeing each other"));
  EXPECT_EQ(kit_.differs_from(newer), "");
  newer.children["newer"] = sample_file("newer");
  kit_.maker.publish(newer);
  must(kit_.pull(kit_.options()));
  EXPECT_EQ(kit_.reporter.notes.find("two publishers"), std::string::npos);
}

TEST_F(Hostile, TheHeadOfAnotherSetChannelOrRealm) {
  const auto made = kit_.maker.publisher().publish(sample_directory());
  const auto expect_moved = [&](auto&& change) {
    model::Head head = kit_.maker.next_head(made);
    change(head);
    kit_.maker.put_head(head, kit_.maker.key());
    expect_refused(Code::untrusted, "the store gave a signed head of");
  };
  expect_moved([](model::Head& head) { head.set = "patches"; });
  expect_moved([](model::Head& head) { head.channel = "canary"; });
  expect_moved([](model::Head& head) { head.realm = "elsewhere"; });
}

TEST_F(Hostile, TheManifestOfAnotherSetOrRealm) {
  const auto expect_moved = [&](const std::string& message, const std::function<void(model::Release&)>& change) {
    model::Node node;
    node.entries.push_back(made_file("file", "x"));
    kit_.maker.publish_nodes({{encoded(node), kit_.maker.put_pack({"x"})}}, model::stats_of(node), {}, change);
    expect_refused(Code::untrusted, message);
  };
  expect_moved("is signed for set", [](model::Release& release) { release.set = "patches"; });
  expect_moved("somebody has moved objects", [](model::Release& release) { release.realm = "elsewhere"; });
}

TEST_F(Hostile, AHeadThatIsNone) {
  for (const char* text : {"", "{}", "not even JSON", "{\"payload\":\"\",\"signatures\":[]}"}) {
    SCOPED_TRACE(text);
    kit_.maker.put(model::head_key(kit_.maker.set(), kit_.maker.channel()), bytes_of(text));
    const auto result = kit_.pull(kit_.options());
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().describe(), HasSubstr("the head of channel"));
    EXPECT_EQ(kit_.differs_from(good_), "");
  }
}

TEST_F(Hostile, AnotherKey) {
  const auto made = kit_.maker.publisher().publish(sample_directory());
  const SigningKey other = must(SigningKey::generate());
  kit_.maker.put_head(kit_.maker.next_head(made), other);
  expect_refused(Code::untrusted, other.public_key().fingerprint());
}

TEST_F(Hostile, AManifestOfAnotherKey) {
  const SigningKey other = must(SigningKey::generate());
  auto folder = must(kit_.disk->open(kit_.scratch.path()));
  testing::SamplePublisher publisher(*folder, other, kit_.mem.get());
  kit_.maker.put_head(publisher.publish(sample_directory()));
  expect_refused(Code::untrusted, other.public_key().fingerprint());
}

TEST_F(Hostile, AnotherReleaseUnderTheName) {
  const auto made = kit_.maker.publish(sample_directory({{"x", sample_file("x")}}));
  const auto other = kit_.maker.publisher().publish(sample_directory({{"y", sample_file("y")}}));
  kit_.maker.put(model::release_key(kit_.maker.set(), made.index.id), other.object);
  expect_refused(Code::corrupt, "");
}

TEST_F(Hostile, AStaleHead) {
  kit_.clock.advance(std::chrono::hours(31 * 24));
  expect_refused(Code::stale, "stale");
  PullOptions options = kit_.options();
  options.stale = release::StaleHead::allow;
  EXPECT_EQ(must(kit_.pull(options)).outcome, PullResult::Outcome::current);
  // A clock that was set back does not make it fresh again.
  kit_.clock.set_wall(kit_.clock.now() - std::chrono::hours(20 * 24));
  expect_refused(Code::stale, "stale");
}

TEST_F(Hostile, NoHeadAtAll) {
  must(kit_.mem->remove({}, std::vector{store::Key(model::head_key(kit_.maker.set(), kit_.maker.channel()))}));
  expect_refused(Code::not_found, "no channel");
}

TEST_F(Hostile, AMissingPackIsExplainedAfterAnotherLookAtTheHead) {
  MadePlace place = kit_.maker.put_pack({"x"}).front();
  must(kit_.mem->remove({}, std::vector{store::Key(model::pack_key(kit_.maker.set(), place.pack))}));
  publish_place("x", place);
  expect_refused(Code::not_found, "still be on its way");
}

TEST_F(Hostile, AMissingPackOfAReleaseThatTheHeadHasLeft) {
  MadePlace place = kit_.maker.put_pack({"x"}).front();
  publish_place("x", place);
  SampleEntry newer = good_;
  newer.children["new"] = sample_file("new");
  std::atomic<bool> done{false};  // set by one of several threads
  kit_.faults.before_each([&](testing::Call, const std::string& key) {
    if (key.find("/pack/") == std::string::npos || done.exchange(true)) return;
    must(kit_.mem->remove({}, std::vector{store::Key(key)}));
    kit_.maker.publish(newer);
  });
  must(kit_.pull(kit_.options()));
  EXPECT_EQ(kit_.differs_from(newer), "");
}

TEST_F(Hostile, GarbledOnceIsFetchedAgain) {
  SampleEntry newer = good_;
  newer.children["new"] = sample_file("new content");
  kit_.maker.publish(newer);
  kit_.faults.order(testing::Call::get, {.kind = Fault::Kind::wrong_bytes, .bytes = 3}, "/pack/");
  must(kit_.pull(kit_.options()));
  EXPECT_EQ(kit_.differs_from(newer), "");
}

// Every way in which a store can fail, at every request of a pull: the target stays as it was, and the next pull works.
TEST_F(Hostile, EveryFaultAtEveryRequest) {
  const std::vector<Fault> kinds = {{.kind = Fault::Kind::error, .code = Code::denied},
                                    {.kind = Fault::Kind::error, .code = Code::not_found},
                                    {.kind = Fault::Kind::error, .code = Code::throttled},
                                    {.kind = Fault::Kind::error, .code = Code::expired},
                                    {.kind = Fault::Kind::error, .code = Code::unavailable},
                                    {.kind = Fault::Kind::error, .code = Code::timeout},
                                    {.kind = Fault::Kind::short_body, .bytes = 10},
                                    {.kind = Fault::Kind::wrong_bytes, .bytes = 20},
                                    {.kind = Fault::Kind::long_body}};
  std::mt19937_64 random(9);
  for (const Fault& fault : kinds) {
    SampleEntry newer = good_;
    newer.children["new"].content = testing::random_content(random, 5000);
    kit_.maker.publish(newer);
    for (const char* part : {"/channel/", "/release/", "/pack/"}) {
      SCOPED_TRACE(std::string(part) + " kind " + std::to_string(static_cast<int>(fault.kind)) + " " +
                   std::string(name_of(fault.code)));
      kit_.faults.order(testing::Call::get, fault, part);
      const auto result = kit_.pull(kit_.options());
      if (!result) {
        EXPECT_EQ(kit_.differs_from(good_), "");
        EXPECT_GT(result.error().message.size(), 20U);
        continue;
      }
      EXPECT_EQ(kit_.differs_from(newer), "");  // survived: fetched again, or planned anew
      if (result->outcome == PullResult::Outcome::activated) {
        good_ = newer;
        newer.children["new"].content = testing::random_content(random, 5000);
        kit_.maker.publish(newer);
      }
    }
    must(kit_.pull(kit_.options()));
    EXPECT_EQ(kit_.differs_from(newer), "");
    good_ = newer;
  }
}

}  // namespace
}  // namespace duskline::site
