#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <latch>
#include <map>
#include <thread>

#include "disk/real_disk.h"
#include "store/stores.h"
#include "testing/must.h"
#include "testing/scratch.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::store {
namespace {

namespace fs = std::filesystem;
using testing::must;
using testing::must_fail;

class DirStoreTest : public ::testing::Test {
 protected:
  DirStoreTest() { reopen(); }
  void reopen() { store_ = must(open_dir_store(disk_, "/store")); }
  void put(const std::string& key, std::string_view body) { must(put_all(*store_, {}, Key(key), bytes_of(body), {})); }
  std::string get(const std::string& key) {
    const Bytes body = must(get_all(*store_, {}, Key(key), 1 << 20));
    return std::string(text_of(body));
  }
  std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    const auto directory = must(disk_.open(path));
    for (const auto& entry : must(directory->list())) names.push_back(entry.name);
    std::ranges::sort(names);
    return names;
  }

  testing::SimClock clock_;
  testing::SimDisk disk_{clock_};
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(DirStoreTest, creates_nothing_for_readers) {
  EXPECT_EQ(must_fail(get_all(*store_, {}, Key("a"), 1)), Code::not_found);
  EXPECT_FALSE(must(store_->head({}, Key("a"))));
  EXPECT_TRUE(must(store_->list({}, {})).objects.empty());
  const std::vector<Key> keys = {Key("a")};
  EXPECT_TRUE(must(store_->remove({}, keys)).failures.empty());
  EXPECT_EQ(must_fail(disk_.open("/store")), Code::not_found) << "a mistyped path stays what it is";
  put("a", "x");
  EXPECT_EQ(get("a"), "x");
}

TEST_F(DirStoreTest, sees_a_store_that_comes_later) {
  const auto writer = must(open_dir_store(disk_, "/store"));
  must(put_all(*writer, {}, Key("s/a"), bytes_of("x"), {}));
  EXPECT_EQ(get("s/a"), "x");
}

TEST_F(DirStoreTest, keeps_a_file_for_each_object) {
  put("s/pack/1", "one");
  put("s/pack/2", "two");
  const auto directory = must(disk_.open("/store/s/pack"));
  EXPECT_EQ(text_of(*must(directory->read_all("1", 10))), "one");
  EXPECT_EQ(names_in("/store/s/pack"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(names_in("/store/.duskline-tmp"), std::vector<std::string>{"lock"});
}

TEST_F(DirStoreTest, has_no_objects_in_its_own_folder) {
  put("s/a", "x");
  EXPECT_EQ(must_fail(put_all(*store_, {}, Key(".duskline-tmp/a"), bytes_of("x"), {})), Code::unsupported);
  EXPECT_EQ(must_fail(put_all(*store_, {}, Key(".duskline-tmp"), bytes_of("x"), {})), Code::unsupported);
  EXPECT_EQ(must_fail(get_all(*store_, {}, Key(".duskline-tmp/lock"), 1)), Code::not_found);
  EXPECT_TRUE(must(store_->list({}, {.prefix = ".duskline-tmp/"})).objects.empty());
  EXPECT_EQ(must(store_->list({}, {})).objects.size(), 1U);
  const std::vector<Key> keys = {Key(".duskline-tmp/lock")};
  EXPECT_TRUE(must(store_->remove({}, keys)).failures.empty());
  EXPECT_EQ(names_in("/store/.duskline-tmp"), std::vector<std::string>{"lock"});
}

TEST_F(DirStoreTest, says_what_a_directory_cannot_hold) {
  const auto too_long = put_all(*store_, {}, Key("a/" + std::string(256, 'x') + "/b"), bytes_of("x"), {});
  EXPECT_EQ(must_fail(too_long), Code::unsupported);
  EXPECT_THAT(too_long.error().message, ::testing::HasSubstr("longer than a file name"));
  put("a/" + std::string(255, 'x'), "x");
  put("n/a", "x");
  const auto below = put_all(*store_, {}, Key("n/a/b/c"), bytes_of("x"), {});
  EXPECT_EQ(must_fail(below), Code::unsupported);
  EXPECT_THAT(below.error().message, ::testing::HasSubstr("\"n/a\" is an object"));
}

TEST_F(DirStoreTest, never_gives_an_etag_twice_though_inodes_come_again) {
  std::set<std::string> etags;
  for (int i = 0; i < 50; ++i) {  // the clock stands still, and the simulated disk reuses inodes at once
    const ObjectInfo info = must(put_all(*store_, {}, Key("head"), bytes_of("same length"), {}));
    EXPECT_TRUE(etags.insert(info.etag).second) << "version " << i;
    EXPECT_EQ(must(store_->head({}, Key("head")))->etag, info.etag);
    must(must(disk_.open("/store"))->sync_filesystem());  // frees the inode of the version before
  }
}

TEST_F(DirStoreTest, removes_what_killed_runs_left_but_nothing_younger_or_in_use) {
  put("a", "x");
  const auto temp = must(disk_.open("/store/.duskline-tmp"));
  for (const char* name : {"7", "8", "old"}) must(temp->create(name, 0600));
  const auto in_use = must(temp->try_lock("8"));
  clock_.advance(std::chrono::hours(25));
  must(temp->create("9", 0600));
  put("a", "y");
  EXPECT_EQ(names_in("/store/.duskline-tmp"), (std::vector<std::string>{"7", "8", "9", "lock", "old"}))
      << "looked at once in a run";
  reopen();
  put("a", "z");
  EXPECT_EQ(names_in("/store/.duskline-tmp"), (std::vector<std::string>{"8", "9", "lock"}));
}

TEST_F(DirStoreTest, leaves_nothing_of_a_failed_put) {
  put("a", "old");
  disk_.set_free_bytes(1000);
  EXPECT_EQ(must_fail(put_all(*store_, {}, Key("a"), Bytes(1 << 20), {})), Code::no_space);
  EXPECT_EQ(names_in("/store/.duskline-tmp"), std::vector<std::string>{"lock"});
  EXPECT_EQ(get("a"), "old");
}

TEST_F(DirStoreTest, makes_directories_again_that_were_taken_away) {
  put("s/pack/1", "one");
  must(must(disk_.open("/store"))->remove_tree("s", disk::Missing::is_error));
  put("s/pack/2", "two");
  EXPECT_EQ(get("s/pack/2"), "two");
}

TEST_F(DirStoreTest, reads_only_the_directories_it_must) {
  for (int i = 0; i < 30; ++i) {
    for (int k = 0; k < 3; ++k) put("s" + std::to_string(100 + i) + "/pack/" + std::to_string(k), "x");
  }
  const auto cost = [&](const ListQuery& query, std::size_t expected) {
    const std::uint64_t before = disk_.operations();
    EXPECT_EQ(must(store_->list({}, query)).objects.size(), expected);
    return disk_.operations() - before;
  };
  EXPECT_LE(cost({.prefix = "s115/pack/"}, 3), 6U);
  EXPECT_LE(cost({.prefix = "s115/pack/1"}, 1), 6U);
  EXPECT_LE(cost({.start_after = "s110/pack/0", .limit = 3}, 3), 12U);
  EXPECT_LE(cost({.limit = 1}, 1), 12U);
}

// What must hold at any power cut: every object is one of its versions, whole, and none older than the last one whose
// put had returned.
TEST(DirStoreTorture, keeps_its_promises_at_any_power_cut) {
  struct Step {
    std::string key, body;
  };
  std::vector<Step> steps;
  for (int i = 0; i < 5; ++i) {
    steps.push_back({"s/pack/" + std::to_string(i), std::string(3000 + 1500 * static_cast<std::size_t>(i), 'p')});
    steps.push_back({"s/channel/live", "head " + std::to_string(i) + std::string(2000, 'h')});
  }
  for (std::uint64_t cut = 1, is_done = 0; is_done == 0; ++cut) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE("cut " + std::to_string(cut) + " seed " + std::to_string(seed));
      testing::SimClock clock;
      testing::SimDisk disk(clock, {.seed = seed * 1000 + cut});
      must(must(disk.open("/"))->make_directory("store", 0755));
      must(must(disk.open("/"))->sync());
      disk.cut_power_at_change(disk.changes() + cut);
      std::map<std::string, std::size_t> returned;  // the step whose put last returned
      std::size_t reached = 0;
      {
        const auto store = must(open_dir_store(disk, "/store"));
        std::string etag;
        for (; reached < steps.size(); ++reached) {
          const Step& step = steps[reached];
          PutOptions options;
          if (step.key == "s/channel/live") options.if_match = etag;
          const auto info = put_all(*store, {}, Key(step.key), bytes_of(step.body), options);
          if (!info) break;
          if (step.key == "s/channel/live") etag = info->etag;
          returned[step.key] = reached;
        }
        is_done = reached == steps.size() ? 1 : 0;
      }
      disk.crash();
      const auto store = must(open_dir_store(disk, "/store"));
      for (const auto& [key, last] : returned) {
        const auto body = get_all(*store, {}, Key(key), 1 << 20);
        ASSERT_TRUE(body) << key << " was put and is gone: " << body.error().describe();
        bool is_known = false;
        for (std::size_t i = last; i <= std::min(reached, steps.size() - 1); ++i) {
          is_known |= steps[i].key == key && text_of(*body) == steps[i].body;
        }
        EXPECT_TRUE(is_known) << key << " holds " << body->size() << " bytes of no version that it may have";
      }
      must(for_each_object(*store, {}, "", [&](const ListedObject& object) -> Status {
        const Bytes body = must(get_all(*store, {}, object.key, 1 << 20));
        const bool is_known = std::ranges::any_of(
            steps, [&](const Step& s) { return s.key == object.key.text() && s.body == text_of(body); });
        EXPECT_TRUE(is_known) << object.key.text() << " is torn";
        return {};
      }));
      must(put_all(*store, {}, Key("s/channel/live"), bytes_of("goes on"), {}));
    }
  }
}

class DirStoreOnDisk : public ::testing::Test {
 protected:
  testing::Scratch scratch_;
  std::unique_ptr<disk::Filesystem> disk_ = disk::open_real_disk();
  std::string path_ = scratch_.path("store");
  std::unique_ptr<ObjectStore> store_ = must(open_dir_store(*disk_, path_));
};

TEST_F(DirStoreOnDisk, follows_no_symlink) {
  must(put_all(*store_, {}, Key("s/a"), bytes_of("x"), {}));
  std::ofstream(scratch_.path("secret")) << "secret";
  fs::create_directory(scratch_.path("outside"));
  fs::create_symlink(scratch_.path("secret"), path_ + "/s/link");
  EXPECT_EQ(must_fail(get_all(*store_, {}, Key("s/link"), 100)), Code::refused);
  EXPECT_EQ(must_fail(store_->head({}, Key("s/link"))), Code::refused);
  EXPECT_EQ(must_fail(store_->list({}, {})), Code::refused) << "hidden objects would look like missing ones";
  must(put_all(*store_, {}, Key("s/link"), bytes_of("y"), {}));
  EXPECT_EQ(text_of(must(get_all(*store_, {}, Key("s/link"), 100))), "y");
  std::ifstream secret(scratch_.path("secret"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(secret), {}), "secret");
  fs::create_directory_symlink(scratch_.path("outside"), path_ + "/t");
  EXPECT_FALSE(put_all(*store_, {}, Key("t/a"), bytes_of("x"), {}));
  EXPECT_EQ(must_fail(store_->list({}, {.prefix = "t/"})), Code::refused);
  EXPECT_TRUE(fs::is_empty(scratch_.path("outside")));
}

TEST_F(DirStoreOnDisk, passes_over_names_that_are_no_keys) {
  must(put_all(*store_, {}, Key("s/a"), bytes_of("x"), {}));
  std::ofstream(path_ + "/s/caf\xc3\xa9") << "x";
  std::ofstream(path_ + "/s/new\nline") << "x";
  fs::create_directories(path_ + "/s/empty/er");
  const Listing listing = must(store_->list({}, {}));
  ASSERT_EQ(listing.objects.size(), 1U);
  EXPECT_EQ(listing.objects[0].key.text(), "s/a");
}

TEST_F(DirStoreOnDisk, gives_files_the_top_directorys_permissions) {
  fs::create_directory(path_);
  ASSERT_EQ(chmod(path_.c_str(), 02770), 0);
  must(put_all(*store_, {}, Key("s/a"), bytes_of("x"), {}));
  EXPECT_EQ(fs::status(path_ + "/s/a").permissions(), fs::perms(0660));
  EXPECT_EQ(fs::status(path_ + "/s").permissions(), fs::perms(02770));
  EXPECT_EQ(fs::status(path_ + "/.duskline-tmp/lock").permissions(), fs::perms(0660));
}

TEST_F(DirStoreOnDisk, holds_conditions_among_processes) {
  constexpr int rounds = 20, stores = 4;
  std::string etag = must(put_all(*store_, {}, Key("head"), bytes_of("start"), {})).etag;
  for (int round = 0; round < rounds; ++round) {
    std::atomic<int> won{0}, lost{0};
    std::latch ready(stores);
    std::vector<std::jthread> threads;
    for (int i = 0; i < stores; ++i) {
      threads.emplace_back([&, i] {
        const auto disk = disk::open_real_disk();  // its own descriptors, hence its own locks
        const auto mine = must(open_dir_store(*disk, path_));
        ready.arrive_and_wait();
        const auto info = put_all(*mine, {}, Key("head"), bytes_of(std::to_string(i)), {.if_match = etag});
        ++(info ? won : lost);
      });
    }
    threads.clear();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(lost, stores - 1);
    etag = must(store_->head({}, Key("head")))->etag;
  }
}

}  // namespace
}  // namespace duskline::store
