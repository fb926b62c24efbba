// Applying single changes of an in-place activation to a target. Each can be applied again after a crash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/report.h"
#include "site/change.h"
#include "site/target.h"

namespace duskline::site {

// forward: files come from staging/tree. back: from previous/, and what stands in the way is what forward put there.
enum class Direction : std::uint8_t { forward, back };

// after_crash: a change may have reached the inode and not its name, so that the ctime says nothing.
enum class Run : std::uint8_t { first, after_crash };

class ChangeApplier {
 public:
  ChangeApplier(Target& target, Direction direction, Run run, Reporter& reporter);
  // All but the attributes of directories.
  Status apply(const Change& change);
  // Those, once everything below has been applied.
  Status finish_directory(const Change& change);
  [[nodiscard]] std::uint64_t directories_made() const { return directories_made_; }
  // Says what could not be set, once for all of it.
  void tell_left_out() { extended_.tell(reporter_); }

 private:
  Status dispatch(const Change& change);
  Status make_directory(const Change& change);
  Status place_file(const Change& change);
  Status make_symlink(const Change& change);
  Status make_hard_link(const Change& change);
  Status set_attributes(const Change& change);
  Status remove_file(const Change& change);
  Status remove_directory(const Change& change);

  Result<std::optional<disk::Stat>> look_for_removal(const Change& change);
  [[nodiscard]] bool is_expected(const disk::Stat& now, const Change& change) const;
  // Makes `path` free, or such that a rename replaces it without loss.
  Status make_way(const Change& change, const std::optional<disk::Stat>& now);
  Status move_in(std::string_view scratch_name, const Change& change);
  Status give_attributes(const Change& change, disk::FileKind kind);
  Status give_extended(const Change& change);
  void keep(const Change& change, std::string_view why);
  Status widen_above(const std::string& path);

  disk::Directory& root_;
  disk::Directory& own_;
  const std::string source_;
  const Direction direction_;
  const Run run_;
  Reporter& reporter_;
  AttributeGiver extended_;
  std::uint64_t directories_made_ = 0;
};

}  // namespace duskline::site
