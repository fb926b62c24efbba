// What the plans for switched and in-place targets share: looking at what is there already, and having a file brought
// into the staging tree in the cheapest way.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "release/node_source.h"
#include "site/assemble.h"
#include "site/chunk_planner.h"
#include "site/local_chunks.h"
#include "site/new_tree.h"
#include "site/pull.h"
#include "site/scope.h"
#include "site/stamps.h"

namespace duskline::site {

// What the target shows now. Without a record nothing is known of what is there.
struct Installed {
  release::Manifest* record = nullptr;
  const Scope* scope = nullptr;  // in which it was laid down
  std::optional<StampReader> stamps;
  FolderTree* content = nullptr;  // where it lies; null: nowhere
  std::uint32_t source = 0;       // of the content, in LocalFiles
};

struct PlanCounts {
  std::uint64_t files_changed = 0, files_removed = 0, files_kept = 0;
};

struct PlanParts {
  const Scope& scope;
  NewTree& tree;
  ChunkPlanner& chunks;
  Assembler& assembler;
  LocalFiles& local;
  const LocalChunks& index;
  std::vector<std::uint32_t> seeds;  // sources in `local`: tried by path first
  Installed installed;
  LinkMode link = LinkMode::automatic;
  bool can_reflink = false, folds_case = false;
  bool resumes = false;  // the staging tree holds what an earlier run left
  Carrying carrying = Carrying::out;
  Reporter& reporter;
};

class PlanBase : public release::TreeDiffVisitor {
 public:
  [[nodiscard]] const PlanCounts& counts() const { return counts_; }

 protected:
  using Item = release::DirectoryCursor::Item;
  using Sided = release::Sided;

  PlanBase(const Op& op, PlanParts parts) : op_(op), parts_(std::move(parts)) {}

  [[nodiscard]] bool is_dry() const { return parts_.carrying == Carrying::dry_run; }
  // The next stamp belongs to this installed file; to be called for each, in order. Empty where there is none.
  FileStamp take_stamp(const Sided& sided);
  // Called for an installed directory whose content is not visited.
  void skip_stamps(const Sided& sided);

  [[nodiscard]] FilePlan file_plan(const Item& item, std::shared_ptr<Folder> folder, std::string_view action) const;
  // A link to make between two names of the release, both of which the target takes.
  [[nodiscard]] bool is_link_in_scope(const model::Entry& file) const;

  // Whether the file that `stat` describes holds the new content: by its stamp where it fits, else by reading it.
  Result<bool> is_right(const Sided& sided, Folder& actual, const disk::Stat& stat, const FileStamp& stamp);
  [[nodiscard]] bool has_attributes(const Sided& sided, const FilePlan& plan, const disk::Stat& stat) const;

  // An installed file, at the same path or another, that has the content of a planned one.
  struct Existing {
    std::string path;
    disk::Stat stat;
    bool same_attributes = false;
  };
  // Into the staging tree by reflink, hard link or copy, as the link mode says.
  Status place_existing(const Item& item, FilePlan plan, const Existing& existing);
  // From wherever it costs least. `wrong_here`: at the same path lies a file that has some of it, perhaps.
  Status bring(const Sided& sided, FilePlan plan, bool wrong_here);

  Status make_symlink(const Item& item, Folder& folder, std::string_view path);
  Status give_owner(disk::Directory& in, std::string_view name, const std::optional<model::Owner>& owner,
                    std::string_view path);
  void record(std::string_view path, std::string_view action, std::string_view reason = {}, std::uint64_t bytes = 0);
  void keep(const Sided& sided);

  // Refuses two names that a file system which folds case takes for one.
  class FoldedNames {
   public:
    Status add(std::string_view name, std::string_view path);

   private:
    std::map<std::string, std::string, std::less<>> ascii_;  // lower case -> as it is
    std::vector<std::string> others_;
  };

  const Op& op_;
  PlanParts parts_;
  PlanCounts counts_;

 private:
  enum class Left : std::uint8_t { nothing, complete, partial };
  Result<Left> take_left(const Item& item, FilePlan& plan, std::unique_ptr<disk::File>& file);
  Result<bool> try_reflink(const FilePlan& plan, const Existing& existing);
  Result<bool> try_hard_link(const FilePlan& plan, const Existing& existing);
  Result<bool> try_moved(const Sided& sided, const FilePlan& plan);
};

// Whether a file with these looks is the one that was stamped. A file with several names changes its ctime whenever one
// is added or removed: there the ctime says nothing.
[[nodiscard]] bool fits(const FileStamp& stamp, const disk::Stat& stat);

// Reads the whole file. Any failure to read counts as no.
[[nodiscard]] Result<bool> has_content(const Op&, release::Manifest& record, const release::DirectoryCursor::Item& item,
                                       disk::File& file);

}  // namespace duskline::site
