// Plans the changes that bring an in-place target to a release: new content below staging/tree, and the list of
// changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "site/change.h"
#include "site/plan_base.h"

namespace duskline::site {

struct InPlaceParts {
  PullOptions::Extra extra = PullOptions::Extra::keep;
  bool mass_delete_meant = false;
  bool has_hard_links = false;  // the release does
  // All null in a dry run. Removals and creations are collected apart, since all of the first come before the second.
  ChangeWriter* removals = nullptr;
  ChangeWriter* creations = nullptr;
  StampWriter* stamps = nullptr;
};

// Visits the installed and the new record together and compares with what is really there. Call run(), once.
class InPlacePlan final : public PlanBase {
 public:
  InPlacePlan(const Op& op, PlanParts parts, InPlaceParts own) : PlanBase(op, std::move(parts)), own_(own) {}
  // Code::refused: an entry stands on another file system, or where a directory of the site's own files is; more than
  // half of the files would be removed.
  Status run();

 private:
  struct Level {
    std::string path;
    std::shared_ptr<Folder> staged, actual;  // actual: null where no directory is there
    Change own;                              // of this directory, for when something changes in it
    bool is_announced = false, is_staged = false;
    bool is_wanted = true;           // in the new release, in scope
    bool hands_down = false;         // a default ACL of either release, while this plan is carried out
    std::uint64_t removed = 0;       // entries that are removed from it and below
    std::vector<std::string> names;  // of either release, in order; with --delete
    FoldedNames folded;
  };
  Status differs(const Sided& sided) override;
  Result<bool> same(const Sided& sided) override;
  Status leave(const Sided& sided) override;

  Status begin();
  Status finish();
  Status visit(const Sided& sided);
  Status enter(const Sided& sided);
  Status enter_wanted(const Sided& sided, Level& level);
  [[nodiscard]] WantedAttributes attributes_of(const Sided& sided, const Level& parent,
                                               const std::optional<disk::Stat>& there) const;
  Status leave_removed(const Level& level);
  Status file(const Sided& sided);
  Status link(const Sided& sided, const std::optional<disk::Stat>& there);
  Status symlink(const Sided& sided);
  Status removed(const Sided& sided);
  Status stage(const Sided& sided, const std::optional<disk::Stat>& there, bool is_unknown);
  Status adjust(const Sided& sided, const FilePlan& plan, const disk::Stat& there);

  // What really is there under this name.
  Result<std::optional<disk::Stat>> look(const Level& level, const std::string& name);
  Status make_room(const std::string& path, const disk::Stat& there);
  Status clear_way(const std::string& path, const std::optional<disk::Stat>& there);
  Status announce(Level& level);
  Status prepare_staging();
  Status remove_extras(const Level& level);
  Status remove_extra(disk::Directory& in, const std::string& name, const std::string& path, const disk::Stat& stat,
                      bool& is_emptied);
  Result<std::uint64_t> count_entries(const std::string& path);
  Status check_mass_delete();
  Status add_removal(const Change& change);
  Status add_creation(const Change& change);
  Status add_stamp(const FileStamp& stamp);
  [[nodiscard]] bool is_other_filesystem(const disk::Stat& stat) const;

  const InPlaceParts own_;
  std::vector<Level> levels_;
  std::uint64_t mount_ = 0, device_ = 0;
  std::uint64_t files_there_ = 0, files_added_ = 0, extras_removed_ = 0, extra_files_removed_ = 0;
  std::string last_removed_file_;  // or symlink: what the installed release had at a path
  std::string last_removed_;       // the directory of the installed release that was left last, and
  std::uint64_t last_removed_entries_ = 0;
  std::unordered_set<std::uint64_t> replaced_;  // keys of paths of files that get a new inode
};

}  // namespace duskline::site
