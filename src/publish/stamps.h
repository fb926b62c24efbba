// What the last scan saw of each entry, so that an unchanged source need not be read again: one record of fixed size
// per entry, in the order of the walk.
//
// The file is a cache: it is bound to one release and to the options that shape a tree, every block of it carries a
// checksum, and whatever does not fit is treated as if there were no file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "disk/filesystem.h"
#include "model/ids.h"
#include "publish/scan.h"

namespace duskline::publish {

struct Stamp {
  std::uint64_t name_key = 0;  // of name and depth, so that a record cannot be taken for another place's
  std::uint64_t device = 0;    // 0 for that of the top, whose number may differ after a reboot
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0, ctime_ns = 0;
  std::uint32_t mode = 0;  // and the kind
  std::uint32_t links = 0;
  bool operator==(const Stamp&) const = default;
};
[[nodiscard]] Stamp stamp_of(std::string_view name, std::uint32_t depth, const disk::Stat& stat,
                             std::uint64_t top_device);

struct StampHeader {
  model::ReleaseId release;  // whose tree the records describe
  Hash256 options;           // what else the tree depends on
  Hash256 filesystem;        // of VolumeInfo::filesystem_id
  std::int64_t scan_began_ns = 0;
  std::uint64_t count = 0;  // of records; the top is the first
};

// Whether an entry so old may have changed after it was read without its times showing it, because it was written in
// the very moment of the scan. Some file systems count times in steps of two seconds.
inline constexpr std::chrono::nanoseconds coarsest_timestamp = std::chrono::seconds(2);
[[nodiscard]] inline bool is_racy(const Stamp& stamp, std::int64_t scan_began_ns) {
  const std::int64_t edge = scan_began_ns - coarsest_timestamp.count();
  return stamp.mtime_ns >= edge || stamp.ctime_ns >= edge;
}

class StampReader {
 public:
  // Nothing where the file is absent, torn or not of this format.
  [[nodiscard]] static std::unique_ptr<StampReader> open(disk::Directory& folder, std::string_view name);
  ~StampReader();
  [[nodiscard]] const StampHeader& header() const;
  // nullptr past the end or where the block is damaged. Cheap when asked in rising order. Valid until the next call.
  [[nodiscard]] const Stamp* at(std::uint64_t index);
  // The record, if the entry may be taken to be unchanged: equal in every field, and old enough to tell.
  [[nodiscard]] bool still_holds(std::uint64_t index, const Stamp& now);

 private:
  struct State;
  explicit StampReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Writes to a new file beside the last one, which finish() replaces. Not synced: a power cut costs one slow scan.
class StampWriter {
 public:
  [[nodiscard]] static Result<std::unique_ptr<StampWriter>> create(disk::Directory& folder, std::string_view name);
  ~StampWriter();
  Status append(const Stamp& stamp);
  // Fills in the count.
  Status finish(StampHeader header);

 private:
  struct State;
  explicit StampWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace duskline::publish
