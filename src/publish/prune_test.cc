#include "publish/prune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "publish/lease.h"
#include "publish/prune_look.h"
#include "publish/prune_marks.h"
#include "publish/test_kit.h"
#include "release/head_lease.h"
#include "testing/effort.h"
#include "testing/sim_disk.h"

namespace duskline::publish {
namespace {

using std::chrono::days;
using std::chrono::hours;
using testing::Call;
using testing::must_fail;
using Removal = PruneResult::Removal;

class PruneKit : public PublishKit {
 public:
  PruneKit() {
    cache = must(sim_disk.open_or_create("/cache", 0700));  // many runs: nothing here waits for a real disk
    prune_cache = must(sim_disk.open_or_create("/prune-cache", 0700));
    prune_options.set = options.set;
    prune_options.keep_last = 1;
    prune_options.keep_within = std::chrono::nanoseconds(0);
  }

  PublishParts prune_parts(store::ObjectStore& through) {
    return {through, *disk,   *prune_cache, key, {key.public_key()}, {.if_none_match = true, .if_match = true},
            clock,   reporter};
  }
  Result<PruneResult> try_prune(store::ObjectStore& through) {
    return publish::prune({}, prune_parts(through), prune_options);
  }
  PruneResult prune() { return must(try_prune(*store)); }

  // A release that has no content in common with the others.
  model::ReleaseId publish_new(int seed) {
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    write("file", random_text(random, 20'000));
    write("below/file", random_text(random, 3'000));
    const model::ReleaseId id = publish().id;
    trees[id] = tree_on_disk(source());
    return id;
  }
  // Every head's release must be all there.
  void expect_heads_whole() {
    for (const std::string& head_key : keys("set/channel/")) {
      const auto channel = must(model::ChannelName::parse(head_key.substr(std::string("set/channel/").size())));
      const auto seen = must(release::read_head(*store, {}, options.set, channel, {key.public_key()}));
      ASSERT_TRUE(seen);
      ASSERT_NO_THROW(EXPECT_FALSE(tree_in_store(seen->head.release).empty())) << head_key;
      for (const model::DeltaRef& delta : seen->head.deltas) {
        const store::Key delta_key(model::delta_key(options.set, delta.from, seen->head.release));
        EXPECT_TRUE(must(store->head({}, delta_key))) << "the head offers " << delta_key.text();
      }
    }
  }
  void expect_whole(const model::ReleaseId& id) { EXPECT_EQ(tree_in_store(id), trees.at(id)); }
  // What can still be found can still be got: a list names no release, and no manifest content, that is gone.
  void expect_all_found_whole() {
    for (const release::ListedRelease& listed : must(release::list_releases(*store, {}, options.set))) {
      EXPECT_TRUE(is_there(listed.id)) << "release " << listed.number;
    }
    const std::string prefix = "set/release/";
    for (const std::string& found : keys(prefix)) {
      EXPECT_NO_THROW((void)tree_in_store(must(model::ReleaseId::parse(found.substr(prefix.size()))))) << found;
    }
  }
  bool is_there(const model::ReleaseId& id) {
    return must(store->head({}, store::Key(model::release_key(options.set, id)))).has_value();
  }
  std::map<std::string, std::string> etags() {
    std::map<std::string, std::string> all;
    must(store::for_each_object(*store, {}, "", [&](const store::ListedObject& object) -> Status {
      all[object.key.text()] = object.info.etag;
      return {};
    }));
    return all;
  }
  std::size_t packs() { return keys("set/pack/").size(); }

  // Three releases and a pack of a killed publish; all but the last release is marked, and its time has come.
  void prepare_for_removal() {
    for (int i = 0; i < 3; ++i) publish_new(i);
    testing::FaultStore faults(*store);
    faults.order(Call::put, {.kind = testing::Fault::Kind::error, .code = Code::denied}, "/release/");
    write_killed_content();
    clock.advance(std::chrono::minutes(1));
    EXPECT_FALSE(try_publish(faults));
    prune();
    clock.advance(days(31));
  }
  void write_killed_content() {
    std::mt19937_64 random(99);
    write("file", random_text(random, 20'000));
  }

  testing::SimDisk sim_disk{clock};
  std::unique_ptr<disk::Directory> prune_cache;
  PruneOptions prune_options;
  std::map<model::ReleaseId, SeenTree> trees;
};

class PruneTest : public ::testing::Test, public PruneKit {};

TEST_F(PruneTest, of_an_empty_store_does_nothing) {
  const PruneResult result = prune();
  EXPECT_EQ(result.objects_marked + result.objects_removed + result.releases_kept, 0U);
  EXPECT_TRUE(keys().empty());
}

TEST_F(PruneTest, marks_first_and_removes_after_the_grace_time) {
  std::vector<model::ReleaseId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(publish_new(i));
  prune_options.keep_last = 2;
  const std::uint64_t version = head()->head.version;

  const PruneResult first = prune();
  EXPECT_EQ(first.releases_kept, 2U);
  EXPECT_EQ(first.releases_dropped, 2U);
  EXPECT_GE(first.objects_marked, 4U) << "two manifests and two packs, and deltas";
  EXPECT_GT(first.bytes_marked, 2 * 20'000U);
  EXPECT_EQ(first.objects_removed, 0U);
  for (const auto& id : ids) expect_whole(id);
  EXPECT_EQ(head()->head.version, version) << "nothing was removed, so no head was touched";

  clock.advance(days(29));
  const PruneResult second = prune();
  EXPECT_EQ(second.objects_marked, 0U);
  EXPECT_EQ(second.objects_waiting, first.objects_marked);
  EXPECT_EQ(second.objects_removed, 0U);
  for (const auto& id : ids) expect_whole(id);

  clock.advance(days(1));
  const PruneResult third = prune();
  EXPECT_EQ(third.objects_removed, first.objects_marked);
  EXPECT_EQ(third.bytes_removed, first.bytes_marked);
  EXPECT_EQ(third.removal, Removal::done);
  EXPECT_FALSE(is_there(ids[0]) || is_there(ids[1]));
  expect_whole(ids[2]);
  expect_whole(ids[3]);
  expect_heads_whole();
  EXPECT_EQ(head()->head.version, version + 1);
  EXPECT_EQ(head()->head.epoch, 1U);
  EXPECT_EQ(packs(), 2U);

  const auto listed = must(release::list_releases(*store, {}, options.set));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].id, ids[2]);
  const PruneResult fourth = prune();
  EXPECT_EQ(fourth.objects_marked + fourth.objects_removed + fourth.objects_waiting, 0U);
  EXPECT_EQ(head()->head.epoch, 1U);
}

TEST_F(PruneTest, leaves_publishing_and_its_numbers_as_they_were) {
  for (int i = 0; i < 3; ++i) publish_new(i);
  prune_options.grace = std::chrono::nanoseconds(0);
  prune();
  EXPECT_GT(prune().objects_removed, 0U);
  const auto id = publish_new(9);
  EXPECT_EQ(head()->head.number, 4U);
  EXPECT_EQ(head()->head.epoch, 1U) << "publishers pass it on";
  expect_whole(id);
}

TEST_F(PruneTest, keeps_what_is_recent) {
  std::vector<model::ReleaseId> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(publish_new(i));
    clock.advance(days(10));
  }
  prune_options.keep_within = days(25);
  prune_options.grace = days(1);
  prune();
  clock.advance(days(2));
  prune();
  EXPECT_FALSE(is_there(ids[0]));
  expect_whole(ids[1]);
  expect_whole(ids[2]);
}

TEST_F(PruneTest, keeps_the_releases_of_all_channels) {
  const auto first = publish_new(1);
  options.channel = must(model::ChannelName::parse("canary"));
  const auto second = publish_new(2), third = publish_new(3);
  prune_options.grace = std::chrono::nanoseconds(0);
  prune();
  prune();
  expect_whole(first);
  EXPECT_FALSE(is_there(second));
  expect_whole(third);
  expect_heads_whole();
  for (const char* name : {"live", "canary"}) {
    const auto channel = must(model::ChannelName::parse(name));
    EXPECT_EQ(must(release::read_head(*store, {}, options.set, channel, {key.public_key()}))->head.epoch, 1U) << name;
  }
  // Number 2 lies above the head of "live", whose publisher may count on from there: it stays taken.
  EXPECT_TRUE(must(store->head({}, store::Key(model::number_key(options.set, 2)))));
}

TEST_F(PruneTest, shows_in_a_dry_run_what_it_would_do) {
  for (int i = 0; i < 3; ++i) publish_new(i);
  prune_options.write = PublishOptions::Write::dry_run;
  const auto before = etags();
  const PruneResult first = prune();
  EXPECT_GT(first.objects_marked, 0U);
  EXPECT_EQ(first.objects_removed, 0U);
  EXPECT_EQ(etags(), before);
  prune_options.write = PublishOptions::Write::yes;
  prune();
  clock.advance(days(31));
  prune_options.write = PublishOptions::Write::dry_run;
  const auto marked = etags();
  const PruneResult second = prune();
  EXPECT_EQ(second.objects_removed, first.objects_marked);
  EXPECT_EQ(second.bytes_removed, first.bytes_marked);
  EXPECT_EQ(etags(), marked);
}

TEST_F(PruneTest, removes_what_a_killed_publish_left) {
  const auto id = publish_new(1);
  testing::FaultStore faults(*store);
  faults.order(Call::put, {.kind = testing::Fault::Kind::error, .code = Code::denied}, "/release/");
  std::mt19937_64 random(7);
  write("file", random_text(random, 50'000));
  clock.advance(std::chrono::minutes(1));
  ASSERT_FALSE(try_publish(faults));
  ASSERT_EQ(packs(), 2U) << "one that no release names";
  must(must(sim_disk.open("/"))->remove_tree("cache", disk::Missing::is_error));
  cache = must(sim_disk.open_or_create("/cache", 0700));
  EXPECT_EQ(prune().objects_marked, 1U);
  clock.advance(days(31));
  EXPECT_EQ(prune().objects_removed, 1U);
  EXPECT_EQ(packs(), 1U);
  expect_whole(id);
}

TEST_F(PruneTest, deletes_nothing_while_a_publisher_is_at_work) {
  for (int i = 0; i < 3; ++i) publish_new(i);
  prune();
  clock.advance(days(31));
  Lease lease(*store, options.set, "somebody", clock);
  must(lease.take({}));
  const auto before = keys("set/pack/");
  EXPECT_EQ(prune().removal, Removal::put_off);
  EXPECT_EQ(keys("set/pack/"), before);
  EXPECT_EQ(head()->head.epoch, 0U) << "its publisher is not disturbed";
  clock.advance(hours(2));  // it was killed
  const PruneResult result = prune();
  EXPECT_EQ(result.removal, Removal::done);
  EXPECT_GT(result.objects_removed, 0U);
  EXPECT_EQ(keys("set/lease/").size(), 1U) << "void, but not for long enough to be litter";
  clock.advance(days(2));
  prune();
  EXPECT_TRUE(keys("set/lease/").empty());
}

TEST_F(PruneTest, puts_off_when_a_publisher_comes_while_it_looks_again) {
  for (int i = 0; i < 3; ++i) publish_new(i);
  prune();
  clock.advance(days(31));
  testing::FaultStore faults(*store);
  Lease lease(*store, options.set, "somebody", clock);
  faults.before_each([&](Call call, const std::string& key) {
    if (call == Call::put && key.find("/channel/") != std::string::npos) must(lease.take({}));
  });
  const auto before = keys("set/pack/");
  const PruneResult result = must(try_prune(faults));
  EXPECT_EQ(result.removal, Removal::put_off);
  EXPECT_EQ(result.objects_removed, 0U);
  EXPECT_EQ(keys("set/pack/"), before);
  for (const auto& [key, mark] : must(read_marks(*store, {}, options.set)).by_key) {
    EXPECT_EQ(mark.state, Mark::State::marked) << key << " would stop publishers";
  }
  lease.release({});
  EXPECT_GT(prune().objects_removed, 0U) << "the grace time need not pass again";
}

TEST_F(PruneTest, does_not_sign_for_others) {
  publish_new(1);
  const SigningKey other = must(SigningKey::generate());
  publish_new(2);
  prune();
  clock.advance(days(31));
  PublishParts parts{
      *store, *disk,   *prune_cache, other, {key.public_key()}, {.if_none_match = true, .if_match = true},
      clock,  reporter};
  const auto before = etags();
  const auto result = publish::prune({}, parts, prune_options);
  EXPECT_EQ(must_fail(result), Code::untrusted);
  EXPECT_THAT(result.error().describe(), ::testing::HasSubstr(key.public_key().fingerprint()));
  EXPECT_EQ(etags(), before);
}

TEST_F(PruneTest, removes_nothing_where_it_does_not_know_what_is_needed) {
  const auto first = publish_new(1);
  const auto second = publish_new(2);
  prune_options.keep_last = 2;
  prune_options.grace = std::chrono::nanoseconds(0);
  publish_new(3);
  prune();
  const auto before = keys("set/pack/");
  for (const std::string& broken :
       {model::release_key(options.set, second), model::head_key(options.set, options.channel)}) {
    const Bytes good = must(store::get_all(*store, {}, store::Key(broken), 1 << 20));
    Bytes bad = good;
    bad[bad.size() / 3] ^= 1;
    must(store::put_all(*store, {}, store::Key(broken), bad, {}));
    EXPECT_FALSE(try_prune(*store)) << broken;
    EXPECT_EQ(keys("set/pack/"), before);
    must(store::put_all(*store, {}, store::Key(broken), good, {}));
  }
  must(store::put_all(*store, {}, store::Key("set/channel/What is this?"), bytes_of("x"), {}));
  EXPECT_FALSE(try_prune(*store));
  must(store->remove({}, std::vector<store::Key>{store::Key("set/channel/What is this?")}));
  EXPECT_GT(prune().objects_removed, 0U);
  EXPECT_FALSE(is_there(first));
}

TEST_F(PruneTest, takes_no_list_for_complete_that_failed) {
  for (int i = 0; i < 3; ++i) publish_new(i);
  prune_options.grace = std::chrono::nanoseconds(0);
  prune();
  const auto before = keys("set/pack/");
  testing::FaultStore faults(*store);
  for (int i = 0; i < 2; ++i) {
    faults.order(Call::list, {.kind = testing::Fault::Kind::error, .code = Code::denied});
    EXPECT_EQ(must_fail(try_prune(faults)), Code::denied);
    EXPECT_EQ(keys("set/pack/"), before);
  }
}

TEST_F(PruneTest, works_one_at_a_time) {
  publish_new(1);
  must(release::HeadLease::take(*store, {}, prune_lease_key(options.set), hours(1), clock));
  EXPECT_EQ(must_fail(try_prune(*store)), Code::locked);
  clock.advance(hours(2));
  prune();
}

TEST_F(PruneTest, wants_sensible_numbers) {
  prune_options.keep_last = 0;
  EXPECT_EQ(must_fail(try_prune(*store)), Code::usage);
  prune_options.keep_last = 1;
  prune_options.grace = -hours(1);
  EXPECT_EQ(must_fail(try_prune(*store)), Code::usage);
}

// --- at any moment -------------------------------------------------------------------------------------------------

TEST(PruneTorture, may_be_killed_at_any_call) {
  bool was_killed = true;
  for (std::uint64_t call = 1; was_killed; call += testing::stride) {
    SCOPED_TRACE("killed at call " + std::to_string(call));
    ASSERT_LT(call, 200U);
    PruneKit fresh;
    fresh.prepare_for_removal();
    testing::FaultStore faults(*fresh.store, {.seed = call});
    faults.kill_at(call);
    const auto result = fresh.try_prune(faults);
    was_killed = faults.is_killed();
    if (!was_killed) must(result);  // a prune whose last act was cut off may have succeeded all the same
    fresh.expect_heads_whole();
    fresh.expect_all_found_whole();
    fresh.clock.advance(hours(3));  // the killed run's lease
    fresh.prune();
    fresh.expect_heads_whole();
    EXPECT_EQ(fresh.keys("set/release/").size(), 1U);
    EXPECT_EQ(fresh.packs(), 1U);
    EXPECT_EQ(must(release::list_releases(*fresh.store, {}, fresh.options.set)).size(), 1U);
    fresh.clock.advance(hours(3));
    fresh.write_killed_content();
    fresh.publish();
    fresh.expect_heads_whole();
  }
}

TEST(PruneTorture, may_meet_a_whole_publish_at_any_call) {
  for (const bool is_new_channel : {false, true}) {
    bool did_publish = true;
    for (std::uint64_t call = 1; did_publish; call += testing::stride) {
      SCOPED_TRACE("publish before call " + std::to_string(call) + (is_new_channel ? ", new channel" : ""));
      ASSERT_LT(call, 200U);
      PruneKit fresh;
      fresh.prepare_for_removal();
      if (is_new_channel) fresh.options.channel = must(model::ChannelName::parse("fresh"));
      testing::FaultStore faults(*fresh.store);
      std::atomic<std::uint64_t> calls{0};  // of several threads
      did_publish = false;
      faults.before_each([&](Call, const std::string&) {
        if (++calls != call) return;
        did_publish = true;
        (void)fresh.try_publish();  // with the killed run's journal: it wants to use the pack that is due
      });
      (void)fresh.try_prune(faults);
      fresh.expect_heads_whole();
      fresh.clock.advance(hours(3));
      fresh.publish();  // whoever lost goes on
      fresh.prune();
      fresh.expect_heads_whole();
    }
  }
}

TEST(PruneTorture, may_come_whole_at_any_call_of_a_publish) {
  for (const bool is_new_channel : {false, true}) {
    bool did_prune = true;
    for (std::uint64_t call = 1; did_prune; call += testing::stride) {
      SCOPED_TRACE("prune before call " + std::to_string(call) + (is_new_channel ? ", new channel" : ""));
      ASSERT_LT(call, 200U);
      PruneKit fresh;
      fresh.prepare_for_removal();
      if (is_new_channel) fresh.options.channel = must(model::ChannelName::parse("fresh"));
      testing::FaultStore faults(*fresh.store);
      std::atomic<std::uint64_t> calls{0};  // of several threads
      did_prune = false;
      faults.before_each([&](Call, const std::string&) {
        if (++calls != call) return;
        did_prune = true;
        (void)fresh.try_prune(*fresh.store);
      });
      (void)fresh.try_publish(faults);
      fresh.expect_heads_whole();
      fresh.clock.advance(hours(3));
      fresh.publish();
      fresh.expect_heads_whole();
    }
  }
}

}  // namespace
}  // namespace duskline::publish
