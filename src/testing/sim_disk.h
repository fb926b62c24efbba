// A disk in memory that is stricter than a real one, and the same every time for the same seed.
//
// Nothing survives a power cut before it was synced: the content, size and attributes of a file by File::sync, the
// names in a directory by Directory::sync of that directory, both by sync_filesystem. Of what was not synced, crash()
// keeps a random part:
//   - each name's history up to some point, a rename with both its sides or not at all (and a renamed directory only
//     with all changes of names before it);
//   - each write wholly, torn at any sector, or not at all, the size that it gave the file apart from its bytes;
//   - each change of mode, time, owner or attributes, apart from the writes around it.
// Beyond that it lists in random order, gives inode numbers again, changes the ctime at a rename, and after a failed
// sync of a file or of everything never makes durable what had been written to files before it. A default ACL is handed
// down to what is made below. It checks no permissions: everybody is root.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "disk/filesystem.h"

namespace duskline::testing {

namespace sim {
class State;
}

struct SimDiskOptions {
  enum class Names : std::uint8_t { exact, folded };
  enum class Reflinks : std::uint8_t { none, shared };
  std::uint64_t seed = 1;
  Names names = Names::exact;
  Reflinks reflinks = Reflinks::none;
  std::uint64_t capacity_bytes = std::uint64_t{1} << 40;
};

class SimDisk final : public disk::Filesystem {
 public:
  explicit SimDisk(Clock& clock, SimDiskOptions options = {});
  ~SimDisk() override;

  Result<std::unique_ptr<disk::Directory>> open(const std::string& path) override;
  Result<std::unique_ptr<disk::Directory>> open_or_create(const std::string& path, std::uint32_t mode) override;
  Result<disk::VolumeInfo> volume(disk::Directory& directory) override;
  Result<disk::VolumeInfo> probe(disk::Directory& directory) override;

  // Calls so far on the disk, its directories and files; changes() counts those among them that change or sync
  // something. A torture runs once to learn the count and then once for each number up to it.
  [[nodiscard]] std::uint64_t operations() const;
  [[nodiscard]] std::uint64_t changes() const;

  // The power goes during change number `change` (counted from 1 since the disk was made): it, and everything after
  // it until crash(), fails with Code::io.
  void cut_power_at_change(std::uint64_t change);
  // Operation number `operation` fails with `code` and has no effect.
  void fail_at_operation(std::uint64_t operation, Code code);
  void set_free_bytes(std::uint64_t bytes);  // a write beyond them is done in part and fails with Code::no_space
  void make_read_only();                     // changes fail with Code::read_only
  void make_writable();

  // The disk as it is found when the power is back. Everything opened before fails from now on; locks are gone,
  // faults and cuts that have not come yet are forgotten.
  void crash();
  // As after kill -9 of every process: what was written is all there, but everything opened before fails from now on;
  // locks are gone, faults and cuts that have not come yet are forgotten.
  void restart();

  // One byte of a file becomes another without a trace in any time, as by a failing medium.
  Status flip_byte(const std::string& path, std::uint64_t offset);
  Status make_fifo(const std::string& path);
  // The empty directory at `path` becomes the root of a file system of its own.
  Status make_mount_point(const std::string& path);

 private:
  std::shared_ptr<sim::State> state_;
};

}  // namespace duskline::testing
