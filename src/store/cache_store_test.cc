#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/must.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::store {
namespace {

using testing::Call;
using testing::must;
using testing::must_fail;

constexpr std::size_t pack_bytes = 300'000;

class CacheStoreTest : public ::testing::Test {
 protected:
  CacheStoreTest() { open(10 * pack_bytes); }

  void open(std::uint64_t bytes) {
    auto faults = std::make_unique<testing::FaultStore>(*mem_);
    faults_ = faults.get();
    store_ = must(cache_store(std::move(faults), disk_, "/cache", bytes));
  }
  static Bytes body(std::uint8_t salt) {
    Bytes bytes(pack_bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251 + salt);
    return bytes;
  }
  static Key key_of(ByteView body, const std::string& set = "s") { return Key(set + "/pack/" + sha256(body).hex()); }
  Key put(std::uint8_t salt) {
    const Bytes bytes = body(salt);
    must(put_all(*mem_, {}, key_of(bytes), bytes, {}));
    return key_of(bytes);
  }
  Bytes get(const Key& key, const GetOptions& options = {}) {
    return must(get_all(*store_, {}, key, pack_bytes, options));
  }
  // How many requests went to the store behind during `task`.
  template <typename Fn>
  std::uint64_t asked(Fn&& task) {
    const std::uint64_t before = faults_->calls();
    task();
    return faults_->calls() - before;
  }
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : must(must(disk_.open("/cache"))->list())) names.push_back(entry.name);
    return names;
  }

  testing::SimClock clock_;
  testing::SimDisk disk_{clock_};
  std::unique_ptr<ObjectStore> mem_ = open_mem_store(clock_), store_;
  testing::FaultStore* faults_ = nullptr;
};

TEST_F(CacheStoreTest, asks_once_for_a_pack) {
  const Key key = put(1);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key), body(1)); }), 1U);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key), body(1)); }), 0U);
  open(10 * pack_bytes);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key), body(1)); }), 0U) << "after a restart too";
}

TEST_F(CacheStoreTest, gives_ranges_of_what_it_has_whole) {
  const Key key = put(1);
  const GetOptions middle{.range = ByteRange{1000, 5000}};
  const Bytes whole = body(1), expected(whole.begin() + 1000, whole.begin() + 6000);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key, middle), expected); }), 1U);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key, middle), expected); }), 1U) << "a part is not kept";
  get(key);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key, middle), expected); }), 0U);
  EXPECT_EQ(asked([&] {
              EXPECT_EQ(must_fail(get_all(*store_, {}, key, 1, {.range = ByteRange{pack_bytes, 1}})), Code::invalid);
            }),
            0U);
}

TEST_F(CacheStoreTest, keeps_only_what_its_name_can_vouch_for) {
  must(put_all(*mem_, {}, Key("s/channel/live"), bytes_of("head"), {}));
  must(put_all(*mem_, {}, Key("s/pack/short"), bytes_of("no hash"), {}));
  for (const char* name : {"s/channel/live", "s/pack/short"}) {
    EXPECT_EQ(asked([&] { get(Key(name)); }), 1U);
    EXPECT_EQ(asked([&] { get(Key(name)); }), 1U);
  }
  EXPECT_TRUE(files().empty());
}

TEST_F(CacheStoreTest, does_not_answer_for_another_set) {
  const Key key = put(1);
  get(key);
  EXPECT_EQ(must_fail(get_all(*store_, {}, key_of(body(1), "other"), pack_bytes)), Code::not_found);
}

TEST_F(CacheStoreTest, goes_to_the_origin_where_it_is_told_to) {
  const Key key = put(1);
  get(key);
  EXPECT_EQ(asked([&] { get(key, {.freshness = Freshness::revalidated}); }), 1U);
  EXPECT_EQ(asked([&] { get(key, {.if_match = must(mem_->head({}, key))->etag}); }), 1U);
}

TEST_F(CacheStoreTest, throws_out_what_was_unused_longest) {
  open(3 * pack_bytes);
  std::vector<Key> keys;
  for (std::uint8_t i = 0; i < 3; ++i) {
    keys.push_back(put(i));
    clock_.advance(std::chrono::seconds(1));
    get(keys.back());
  }
  get(keys[0]);
  keys.push_back(put(3));
  clock_.advance(std::chrono::seconds(1));
  get(keys[3]);
  EXPECT_EQ(asked([&] { get(keys[0]); }), 0U) << "used lately";
  EXPECT_EQ(asked([&] { get(keys[3]); }), 0U) << "the newest";
  EXPECT_EQ(asked([&] { get(keys[1]); }), 1U) << "out";
  EXPECT_LE(files().size(), 3U);
}

TEST_F(CacheStoreTest, shrinks_to_a_smaller_limit_at_its_start) {
  for (std::uint8_t i = 0; i < 5; ++i) get(put(i));
  EXPECT_EQ(files().size(), 5U);
  open(2 * pack_bytes);
  EXPECT_LE(files().size(), 2U);
  open(pack_bytes / 2);
  const Key key = put(9);
  EXPECT_EQ(asked([&] { get(key), get(key); }), 2U) << "too large to be kept";
  EXPECT_TRUE(files().empty());
}

TEST_F(CacheStoreTest, notices_rot_and_fetches_anew) {
  const Key key = put(1);
  get(key);
  must(disk_.flip_byte("/cache/" + files()[0], 1234));
  open(10 * pack_bytes);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key, {.range = ByteRange{1234, 1}})[0], body(1)[1234]); }), 1U);
  EXPECT_TRUE(files().empty()) << "the rotten file is gone";
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key), body(1)); }), 1U);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key), body(1)); }), 0U);
}

TEST_F(CacheStoreTest, notices_a_file_that_was_written_to_while_it_runs) {
  const Key key = put(1);
  get(key);
  clock_.advance(std::chrono::seconds(1));
  const auto file = must(must(disk_.open("/cache"))->open_write(files()[0]));
  must(file->write_at(10, bytes_of("garbage")));
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key), body(1)); }), 1U);
}

TEST_F(CacheStoreTest, does_not_keep_wrong_bytes_and_says_so) {
  const Key key = put(1);
  faults_->order(Call::get, {.kind = testing::Fault::Kind::wrong_bytes, .bytes = 5});
  EXPECT_EQ(must_fail(get_all(*store_, {}, key, pack_bytes)), Code::corrupt);
  EXPECT_TRUE(files().empty());
  faults_->order(Call::get, {.kind = testing::Fault::Kind::short_body, .bytes = 200'000});
  EXPECT_EQ(must_fail(get_all(*store_, {}, key, pack_bytes)), Code::unavailable);
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(get(key), body(1));
}

TEST_F(CacheStoreTest, fails_no_get_because_of_its_own_disk) {
  const Key key = put(1);
  disk_.set_free_bytes(pack_bytes / 2);
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key), body(1)); }), 1U);
  EXPECT_TRUE(files().empty());
  disk_.make_read_only();
  EXPECT_EQ(asked([&] { EXPECT_EQ(get(key), body(1)); }), 1U);
}

TEST_F(CacheStoreTest, forgets_what_is_removed) {
  const Key key = put(1);
  get(key);
  must(store_->remove({}, std::span(&key, 1)));
  EXPECT_EQ(must_fail(get_all(*store_, {}, key, pack_bytes)), Code::not_found);
}

TEST_F(CacheStoreTest, clears_away_what_a_killed_run_left_but_not_what_another_writes) {
  const auto directory = must(disk_.open("/cache"));
  for (const char* name : {"tmp-1", "tmp-2"}) must(directory->create(name, 0600));
  const auto other = must(directory->try_lock("tmp-2"));
  open(10 * pack_bytes);
  EXPECT_EQ(files(), std::vector<std::string>{"tmp-2"});
  EXPECT_EQ(get(put(1)), body(1));
}

TEST_F(CacheStoreTest, serves_many_readers_at_once) {
  open(2 * pack_bytes);  // so that they also throw out each other's packs
  std::vector<Key> keys;
  for (std::uint8_t i = 0; i < 4; ++i) keys.push_back(put(i));
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto which = static_cast<std::uint8_t>((t + i * 3) % 4);
        const auto got = get_all(*store_, {}, keys[which], pack_bytes);
        if (!got || *got != body(which)) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace duskline::store
