// The kinds of disk that the Filesystem contract is checked on.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "disk/real_disk.h"
#include "testing/must.h"
#include "testing/scratch.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::disk {

using testing::must;
using testing::must_fail;

class World {
 public:
  virtual ~World() = default;
  virtual Filesystem& disk() = 0;
  virtual std::string root() = 0;  // path of an empty directory
  virtual void make_fifo(const std::string& name) = 0;
};

class RealWorld final : public World {
 public:
  explicit RealWorld(PathResolution how) : disk_(open_real_disk(how)) {}
  Filesystem& disk() override { return *disk_; }
  std::string root() override { return scratch_.path(); }
  void make_fifo(const std::string& name) override { ASSERT_EQ(mkfifo(scratch_.path(name).c_str(), 0600), 0); }

 private:
  testing::Scratch scratch_;
  std::unique_ptr<Filesystem> disk_;
};

class SimWorld final : public World {
 public:
  explicit SimWorld(testing::SimDiskOptions options) : disk_(clock_, options) {
    must(disk_.open_or_create("/top/directory", 0755));
  }
  Filesystem& disk() override { return disk_; }
  std::string root() override { return "/top/directory"; }
  void make_fifo(const std::string& name) override { must(disk_.make_fifo(root() + "/" + name)); }

 private:
  testing::SimClock clock_;
  testing::SimDisk disk_;
};

struct WorldKind {
  const char* name;
  std::unique_ptr<World> (*make)();
};

inline void PrintTo(const WorldKind& kind, std::ostream* out) { *out << kind.name; }

inline const WorldKind world_kinds[] = {
    {"real", [] { return std::unique_ptr<World>(new RealWorld(PathResolution::automatic)); }},
    {"real_by_component", [] { return std::unique_ptr<World>(new RealWorld(PathResolution::by_component)); }},
    {"sim", [] { return std::unique_ptr<World>(new SimWorld({})); }},
    {"sim_folding",
     [] {
       testing::SimDiskOptions options;
       options.names = testing::SimDiskOptions::Names::folded;
       options.reflinks = testing::SimDiskOptions::Reflinks::shared;
       return std::unique_ptr<World>(new SimWorld(options));
     }},
};

inline std::string name_of_world(const ::testing::TestParamInfo<WorldKind>& info) { return info.param.name; }

class FilesystemContract : public ::testing::TestWithParam<WorldKind> {
 protected:
  FilesystemContract() : world(GetParam().make()), root(must(world->disk().open(world->root()))) {}

  void write(const std::string& path, std::string_view text, std::uint32_t mode = 0644) {
    const auto file = must(root->create(path, mode));
    must(file->write_at(0, bytes_of(text)));
  }
  std::string read(std::string_view path) {
    constexpr std::uint64_t limit = 1 << 20;
    const auto bytes = must(root->read_all(path, limit));
    return bytes ? std::string(text_of(*bytes)) : "(absent)";
  }
  Stat stat(std::string_view path) { return must(root->stat(path)).value(); }
  bool exists(std::string_view path) { return must(root->stat(path)).has_value(); }
  static std::vector<std::string> names(Directory& directory) {
    std::vector<std::string> result;
    for (DirectoryEntry& entry : must(directory.list())) result.push_back(std::move(entry.name));
    std::sort(result.begin(), result.end());
    return result;
  }

  std::unique_ptr<World> world;
  std::unique_ptr<Directory> root;
};

}  // namespace duskline::disk
