#include "testing/sim_disk.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <random>
#include <set>

#include "testing/must.h"
#include "testing/sim_clock.h"

namespace duskline::testing {
namespace {

using disk::Directory;
using disk::FileKind;
using disk::Missing;

constexpr std::uint64_t seeds = 200;

class World {
 public:
  explicit World(SimDiskOptions options = {}) : disk(clock, options) { reopen(); }
  explicit World(std::uint64_t seed) : World(with_seed(seed)) {}
  static SimDiskOptions with_seed(std::uint64_t seed) {
    SimDiskOptions options;
    options.seed = seed;
    return options;
  }
  void reopen() { root = must(disk.open("/")); }
  void crash() {
    disk.crash();
    reopen();
  }
  std::string read(std::string_view path) {
    constexpr std::uint64_t limit = 1 << 20;
    const auto bytes = must(root->read_all(path, limit));
    return bytes ? std::string(text_of(*bytes)) : "(absent)";
  }
  void write(std::string_view path, std::string_view text) {
    must(must(root->create(path, 0644))->write_at(0, bytes_of(text)));
  }

  SimClock clock;
  SimDisk disk;
  std::unique_ptr<Directory> root;
};

// What `outcome` gives over many crashes, each in a world of its own.
std::map<std::string, int> outcomes(const std::function<void(World&)>& before,
                                    const std::function<std::string(World&)>& outcome) {
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    World world(seed);
    before(world);
    world.crash();
    ++seen[outcome(world)];
  }
  return seen;
}

std::set<std::string> keys(const std::map<std::string, int>& map) {
  std::set<std::string> result;
  for (const auto& [key, count] : map) result.insert(key);
  return result;
}

TEST(SimDisk, ARestartLosesNothingButWhatWasOpen) {
  World w;
  w.write("file", "not synced");
  const auto lock = must(w.root->try_lock("lock"));
  w.disk.cut_power_at_change(w.disk.changes() + 1);
  EXPECT_EQ(must_fail(w.root->make_directory("directory", 0755)), Code::io);
  w.disk.restart();
  EXPECT_EQ(must_fail(w.root->list()), Code::io) << "it was opened before";
  w.reopen();
  EXPECT_EQ(w.read("file"), "not synced");
  must(w.root->try_lock("lock"));
}

TEST(SimDisk, WhatWasSyncedSurvives) {
  const auto seen = outcomes(
      [](World& w) {
        const auto file = must(w.root->create("file", 0640));
        must(file->write_at(0, bytes_of("content")));
        must(file->set_mtime(77));
        must(file->sync());
        must(w.root->sync());
      },
      [](World& w) {
        const auto stat = must(w.root->stat("file")).value();
        return w.read("file") + " " + std::to_string(stat.mtime_ns) + " " + std::to_string(stat.mode);
      });
  EXPECT_THAT(keys(seen), ::testing::ElementsAre("content 77 416"));
}

TEST(SimDisk, OfWhatWasNotSyncedAnythingMaySurvive) {
  const auto seen =
      keys(outcomes([](World& w) { w.write("file", "content"); }, [](World& w) { return w.read("file"); }));
  EXPECT_TRUE(seen.contains("(absent)"));
  EXPECT_TRUE(seen.contains(""));
  EXPECT_TRUE(seen.contains("content"));
  EXPECT_TRUE(seen.contains(std::string(7, '\0')));  // the size without the bytes
}

TEST(SimDisk, SyncingOnlyTheFileOrOnlyTheDirectoryIsNotEnough) {
  const auto file_only = keys(outcomes(
      [](World& w) {
        const auto file = must(w.root->create("file", 0644));
        must(file->write_at(0, bytes_of("content")));
        must(file->sync());
      },
      [](World& w) { return w.read("file"); }));
  EXPECT_EQ(file_only, (std::set<std::string>{"(absent)", "content"}));
  const auto directory_only = keys(outcomes(
      [](World& w) {
        w.write("file", "content");
        must(w.root->sync());
      },
      [](World& w) { return w.read("file"); }));
  EXPECT_FALSE(directory_only.contains("(absent)"));
  EXPECT_TRUE(directory_only.contains(""));
}

TEST(SimDisk, SyncingADirectoryDoesNotKeepItsOwnName) {
  const auto seen = keys(outcomes(
      [](World& w) {
        must(w.root->make_directory("d", 0755));
        must(must(w.root->open_directory("d"))->sync());
      },
      [](World& w) { return must(w.root->stat("d")) ? "there" : "gone"; }));
  EXPECT_EQ(seen, (std::set<std::string>{"gone", "there"}));
}

TEST(SimDisk, WritesAreTorn) {
  static constexpr std::size_t size = 8 * 512;
  const auto seen = outcomes(
      [](World& w) {
        const auto file = must(w.root->create("file", 0644));
        must(file->write_at(0, bytes_of(std::string(size, 'a'))));
        must(w.root->sync_filesystem());
        must(file->write_at(0, bytes_of(std::string(size, 'b'))));
      },
      [](World& w) {
        const std::string text = w.read("file");
        EXPECT_EQ(text.size(), size);
        for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(text[i], text[i / 512 * 512]) << "torn within a sector";
        const auto changed = std::count(text.begin(), text.end(), 'b');
        return changed == 0 ? "old" : changed == size ? "new" : "torn";
      });
  EXPECT_EQ(keys(seen), (std::set<std::string>{"new", "old", "torn"}));
}

TEST(SimDisk, ARenameIsAtomic) {
  const auto seen = keys(outcomes(
      [](World& w) {
        must(w.root->make_directory("a", 0755));
        must(w.root->make_directory("b", 0755));
        w.write("a/file", "new");
        w.write("b/file", "old");
        must(w.root->sync_filesystem());
        must(w.root->rename("a/file", *w.root, "b/file"));
      },
      [](World& w) { return w.read("a/file") + " " + w.read("b/file"); }));
  EXPECT_EQ(seen, (std::set<std::string>{"(absent) new", "new old"}));
}

TEST(SimDisk, SyncingEitherSideKeepsARenameAndWhatItNeeds) {
  for (const char* side : {"a", "b"}) {
    const auto seen = keys(outcomes(
        [&](World& w) {
          must(w.root->make_directory("a", 0755));
          must(w.root->make_directory("b", 0755));
          must(w.root->sync());
          const auto file = must(w.root->create("a/one", 0644));
          must(file->write_at(0, bytes_of("x")));
          must(file->sync());
          must(w.root->rename("a/one", *w.root, "a/two"));
          must(w.root->rename("a/two", *w.root, "b/three"));
          must(must(w.root->open_directory(side))->sync());
        },
        [](World& w) { return w.read("a/one") + w.read("a/two") + w.read("b/three"); }));
    EXPECT_EQ(seen, (std::set<std::string>{"(absent)(absent)x"})) << side;
  }
}

TEST(SimDisk, DirectoriesThatMoveIntoEachOtherAreNotLost) {
  const auto seen = keys(outcomes(
      [](World& w) {
        must(w.root->make_directory("p", 0755));
        must(w.root->make_directory("p/q", 0755));
        w.write("p/q/file", "precious");
        must(w.root->sync_filesystem());
        must(w.root->rename("p/q", *w.root, "q"));
        must(w.root->rename("p", *w.root, "q/p"));
      },
      [](World& w) {
        EXPECT_EQ(w.read(must(w.root->stat("q")) ? "q/file" : "p/q/file"), "precious");
        return std::string(must(w.root->stat("p")) ? "p " : "") + (must(w.root->stat("q/p")) ? "q/p" : "");
      }));
  EXPECT_EQ(seen, (std::set<std::string>{"p ", "q/p"}));
}

TEST(SimDisk, SyncFilesystemKeepsEverythingOnItAndNothingElse) {
  const auto seen = keys(outcomes(
      [](World& w) {
        must(w.root->make_directory("other", 0755));
        must(w.disk.make_mount_point("/other"));
        must(w.root->make_directory("d", 0755));
        w.write("d/file", "x");
        must(w.root->make_symlink("target", "d/link"));
        must(w.root->set_mode("d", 0700));
        w.write("other/file", "y");
        must(w.root->sync_filesystem());
      },
      [](World& w) {
        EXPECT_EQ(w.read("d/file"), "x");
        EXPECT_EQ(must(w.root->read_link("d/link")), "target");
        EXPECT_EQ(must(w.root->stat("d"))->mode, 0700U);
        return w.read("other/file");
      }));
  EXPECT_TRUE(seen.contains("(absent)"));
  EXPECT_TRUE(seen.contains("y"));
}

// Every point at which the power can go, many times over. `run` is repeated in fresh worlds.
void torture(const std::function<void(World&)>& prepare, const std::function<Status(World&)>& run,
             const std::function<void(World&, bool finished, std::uint64_t seed)>& check) {
  std::uint64_t before = 0, after = 0;
  {
    World world;
    prepare(world);
    before = world.disk.changes();
    must(run(world));
    after = world.disk.changes();
  }
  for (std::uint64_t cut = before + 1; cut <= after + 1; ++cut) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      World world(seed);
      prepare(world);
      world.disk.cut_power_at_change(cut);
      const bool finished = run(world).has_value();
      EXPECT_EQ(finished, cut > after);
      world.crash();
      check(world, finished, seed);
    }
  }
}

void prepare_state(World& world) { must(world.root->replace("state", bytes_of("old"), 0644)); }

TEST(SimDisk, ReplaceIsOldOrNewWhereverThePowerGoes) {
  torture(
      prepare_state, [](World& w) { return w.root->replace("state", bytes_of("newer"), 0644); },
      [](World& w, bool finished, std::uint64_t seed) {
        const std::string text = w.read("state");
        if (finished) {
          EXPECT_EQ(text, "newer") << "seed " << seed;
        } else {
          EXPECT_TRUE(text == "old" || text == "newer") << text << " seed " << seed;
        }
      });
}

// A replace that forgets a sync must be caught, or the test above means nothing.
TEST(SimDisk, AForgottenSyncIsFound) {
  enum class Forget { file_sync, directory_sync };
  for (const Forget forgotten : {Forget::file_sync, Forget::directory_sync}) {
    int wrong = 0;
    torture(
        prepare_state,
        [&](World& w) -> Status {
          DL_ASSIGN(const auto file, w.root->create("temporary", 0644));
          DL_TRY(file->write_at(0, bytes_of("newer")));
          if (forgotten != Forget::file_sync) DL_TRY(file->sync());
          DL_TRY(w.root->rename("temporary", *w.root, "state"));
          if (forgotten != Forget::directory_sync) DL_TRY(w.root->sync());
          return {};
        },
        [&](World& w, bool finished, std::uint64_t) {
          const std::string text = w.read("state");
          if (text != "newer" && (finished || text != "old")) ++wrong;
        });
    EXPECT_GT(wrong, 0);
  }
}

TEST(SimDisk, NothingOpenedBeforeACrashWorksAfterIt) {
  World world;
  const auto file = must(world.root->create("file", 0644));
  const auto lock = must(world.root->try_lock("lock"));
  must(world.root->sync_filesystem());
  const auto old_root = std::move(world.root);
  world.crash();
  EXPECT_EQ(must_fail(file->write_at(0, bytes_of("x"))), Code::io);
  EXPECT_EQ(must_fail(file->sync()), Code::io);
  EXPECT_EQ(must_fail(old_root->list()), Code::io);
  const auto again = must(world.root->try_lock("lock"));
  EXPECT_EQ(must_fail(world.root->try_lock("lock")), Code::locked);
}

TEST(SimDisk, NothingWorksWithoutPower) {
  World world;
  world.disk.cut_power_at_change(world.disk.changes() + 2);
  must(world.root->make_directory("a", 0755));
  EXPECT_EQ(must_fail(world.root->make_directory("b", 0755)), Code::io);
  EXPECT_EQ(must_fail(world.root->list()), Code::io);
  EXPECT_EQ(must_fail(world.disk.open("/")), Code::io);
  world.crash();
  must(world.root->list());
}

TEST(SimDisk, FaultsComeAtTheOperationAskedFor) {
  World world;
  world.write("file", "content");
  const auto file = must(world.root->open_read("file"));
  world.disk.fail_at_operation(world.disk.operations() + 2, Code::io);
  Bytes bytes(7);
  must(file->read_at(0, bytes));
  EXPECT_EQ(must_fail(file->read_at(0, bytes)), Code::io);
  must(file->read_at(0, bytes));
  world.disk.fail_at_operation(world.disk.operations() + 1, Code::denied);
  EXPECT_EQ(must_fail(world.root->make_directory("d", 0755)), Code::denied);
  EXPECT_FALSE(must(world.root->stat("d")).has_value());
}

TEST(SimDisk, AFailedSyncLosesTheDataForGood) {
  const auto seen = keys(outcomes(
      [](World& w) {
        const auto file = must(w.root->create("file", 0644));
        must(w.root->sync());
        must(file->write_at(0, bytes_of("content")));
        w.disk.fail_at_operation(w.disk.operations() + 1, Code::io);
        EXPECT_EQ(must_fail(file->sync()), Code::io);
        must(file->sync());
        EXPECT_EQ(w.read("file"), "content");
      },
      [](World& w) { return w.read("file"); }));
  EXPECT_EQ(seen, (std::set<std::string>{""}));
}

TEST(SimDisk, AFailedSyncOfEverythingLosesTheDataForGood) {
  const auto seen = keys(outcomes(
      [](World& w) {
        w.write("file", "content");
        w.disk.fail_at_operation(w.disk.operations() + 1, Code::io);
        EXPECT_EQ(must_fail(w.root->sync_filesystem()), Code::io);
        must(w.root->sync_filesystem());
      },
      [](World& w) { return w.read("file"); }));
  EXPECT_EQ(seen, (std::set<std::string>{""}));
}

TEST(SimDisk, RunsOutOfSpace) {
  constexpr std::uint64_t block = 4096;
  World world;
  world.disk.set_free_bytes(3 * block);
  const auto file = must(world.root->create("file", 0644));
  must(file->write_at(0, Bytes(block, 1)));
  EXPECT_EQ(must_fail(file->write_at(block, Bytes(4 * block, 1))), Code::no_space);
  EXPECT_EQ(must(file->stat()).size_bytes, 3 * block);
  must(file->write_at(100, Bytes(block, 2)));  // in place
  EXPECT_EQ(must(world.disk.volume(*world.root)).free_bytes, 0U);
  must(file->resize(block));
  EXPECT_EQ(must(world.disk.volume(*world.root)).free_bytes, 2 * block);
}

TEST(SimDisk, TurnsReadOnly) {
  World world;
  world.write("file", "x");
  world.disk.make_read_only();
  EXPECT_EQ(must_fail(world.root->make_directory("d", 0755)), Code::read_only);
  EXPECT_EQ(must_fail(world.root->open_write("file")), Code::read_only);
  EXPECT_EQ(world.read("file"), "x");
  world.disk.make_writable();
  must(world.root->make_directory("d", 0755));
}

TEST(SimDisk, GivesInodeNumbersAgainAndChangesTimesAtARename) {
  World world;
  world.write("a", "");
  const std::uint64_t number = must(world.root->stat("a"))->inode;
  must(world.root->sync_filesystem());
  must(world.root->remove_file("a", Missing::is_error));
  must(world.root->sync_filesystem());
  world.write("b", "");
  EXPECT_EQ(must(world.root->stat("b"))->inode, number);
  const auto before = must(world.root->stat("b")).value();
  world.clock.advance(std::chrono::seconds(1));
  must(world.root->rename("b", *world.root, "c"));
  const auto after = must(world.root->stat("c")).value();
  EXPECT_EQ(after.mtime_ns, before.mtime_ns);
  EXPECT_GT(after.ctime_ns, before.ctime_ns);
}

TEST(SimDisk, BytesRotWithoutATrace) {
  World world;
  world.write("file", "content");
  const auto before = must(world.root->stat("file")).value();
  world.clock.advance(std::chrono::seconds(1));
  must(world.disk.flip_byte("/file", 2));
  EXPECT_NE(world.read("file"), "content");
  const auto after = must(world.root->stat("file")).value();
  EXPECT_EQ(after.mtime_ns, before.mtime_ns);
  EXPECT_EQ(after.ctime_ns, before.ctime_ns);
}

TEST(SimDisk, NothingCrossesAMountPoint) {
  World world;
  must(world.root->make_directory("tree", 0755));
  must(world.root->make_directory("tree/mounted", 0755));
  must(world.disk.make_mount_point("/tree/mounted"));
  world.write("tree/mounted/precious", "kept");
  world.write("file", "");
  EXPECT_EQ(must_fail(world.root->remove_tree("tree", Missing::is_error)), Code::refused);
  EXPECT_EQ(must_fail(world.root->remove_tree("tree/mounted", Missing::is_error)), Code::refused);
  EXPECT_EQ(must_fail(world.root->rename("file", *world.root, "tree/mounted/file")), Code::unsupported);
  EXPECT_EQ(must_fail(world.root->make_hard_link("file", *world.root, "tree/mounted/file")), Code::unsupported);
  EXPECT_EQ(world.read("tree/mounted/precious"), "kept");
  const auto mounted = must(world.root->open_directory("tree/mounted"));
  EXPECT_TRUE(must(world.disk.volume(*mounted)).is_mount_point);
  EXPECT_NE(must(world.disk.volume(*mounted)).filesystem_id, must(world.disk.volume(*world.root)).filesystem_id);
}

// Random work on a small tree. The result is a trace of everything that can be seen.
class RandomWork {
 public:
  RandomWork(World& world, std::uint64_t seed) : world_(world), random_(seed) {}

  void step() {
    const std::string a = path(), b = path();
    switch (random_() % 9) {
      case 0:
        note(world_.root->make_directory(a, 0755));
        break;
      case 1:
        note(world_.root->create(a, 0644));
        break;
      case 2:
      case 3:
        note(world_.root->rename(a, *world_.root, b));
        break;
      case 4:
        note(world_.root->make_hard_link(a, *world_.root, b));
        break;
      case 5:
        note(world_.root->remove_tree(a, Missing::is_absent));
        break;
      case 6:
        if (auto directory = world_.root->open_directory(a)) note((*directory)->sync());
        break;
      case 7:
        if (auto file = world_.root->open_write(a)) note((*file)->write_at(random_() % 5000, bytes_of("written")));
        break;
      default:
        if (random_() % 4 == 0) note(world_.root->sync_filesystem());
        break;
    }
  }

  // Walks all there is; a directory is reached once.
  void look(Directory& directory, std::set<std::uint64_t>& seen) {
    for (const auto& entry : must(directory.list())) {
      trace += entry.name + std::to_string(entry.stat.inode) + "." + std::to_string(entry.stat.size_bytes) + " ";
      if (entry.stat.kind != FileKind::directory) continue;
      EXPECT_TRUE(seen.insert(entry.stat.inode).second);
      look(*must(directory.open_directory(entry.name)), seen);
    }
  }

  std::string trace;

 private:
  std::string path() {
    std::string path;
    for (std::uint64_t depth = random_() % 3 + 1; depth > 0; --depth) {
      path += (path.empty() ? "" : "/") + std::string(1, static_cast<char>('a' + random_() % 4));
    }
    return path;
  }
  template <typename T>
  void note(const Result<T>& result) {
    trace += result ? "ok " : std::string(name_of(result.error().code)) + " ";
  }

  World& world_;
  std::mt19937_64 random_;
};

std::string random_history(std::uint64_t seed) {
  World world(seed);
  RandomWork work(world, seed);
  for (int crash = 0; crash < 5; ++crash) {
    for (int i = 0; i < 60; ++i) work.step();
    world.crash();
    std::set<std::uint64_t> seen;
    work.look(*world.root, seen);
  }
  return work.trace;
}

TEST(SimDisk, EveryCrashLeavesATreeAndIsTheSameForTheSameSeed) {
  constexpr std::uint64_t histories = 60;
  std::set<std::string> different;
  for (std::uint64_t seed = 1; seed <= histories; ++seed) {
    const std::string trace = random_history(seed);
    EXPECT_EQ(trace, random_history(seed)) << "seed " << seed;
    different.insert(trace);
  }
  EXPECT_EQ(different.size(), histories);
}

}  // namespace
}  // namespace duskline::testing
