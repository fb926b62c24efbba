// Comparing the source with what the last scan of it left behind, and handing on what differs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "publish/pipeline.h"
#include "publish/scan.h"
#include "publish/stamps.h"
#include "release/manifest.h"

namespace duskline::publish {

// A release made from this source before, and how each of its entries looked then.
struct Remembered {
  release::Manifest& manifest;
  StampReader& stamps;
};

// Whether every entry of the walk is stamped as it is, and none is missing. Ends the walk at the first difference.
[[nodiscard]] Result<bool> is_unchanged(Scanner& scanner, StampReader& stamps, std::uint64_t top_device);

// Remembers which files have several names. Bounded: beyond the limit, further files' names are taken for files of
// their own, which costs their link but not their content.
class LinkTable {
 public:
  struct Found {
    std::shared_ptr<Link> link;  // null for a file with one name
    enum class Turn : std::uint8_t { first, later } turn = Turn::first;
  };
  Found find(const disk::Stat& stat, std::string_view path);
  [[nodiscard]] bool is_full() const { return is_full_; }

 private:
  struct Inode {
    std::uint64_t device = 0, inode = 0;
    bool operator==(const Inode&) const = default;
  };
  struct HashInode {
    std::size_t operator()(const Inode& of) const { return of.inode * 0x9e3779b97f4a7c15 + of.device; }
  };
  std::unordered_map<Inode, std::shared_ptr<Link>, HashInode> links_;
  bool is_full_ = false;
};

// Walks the source into the pipeline. What `before` remembers and the stamps show to be unchanged is not read.
class Collector {
 public:
  struct Parts {
    Scanner& scanner;
    Pipeline& pipeline;
    TreeBuilder& tree;
    Reporter& reporter;
    const Remembered* before;  // may be null
  };
  Collector(const Op& op, const Parts& parts, const EntryOptions& options)
      : op_(op), parts_(parts), options_(options) {}
  Status run();
  // Directories with another file system mounted on them, as paths; at most max_mounts.
  [[nodiscard]] const std::vector<std::string>& mounts() const { return mounts_; }
  static constexpr std::size_t max_mounts = 256;

 private:
  // One directory of the remembered release, read along with the walk.
  struct Level {
    release::DirectoryCursor cursor;
    const release::DirectoryCursor::Item* item = nullptr;
    std::uint64_t stamp = 0;  // index of the item's stamp
    Status advance();
  };
  using Levels = std::vector<std::unique_ptr<Level>>;

  Status enter(const Step& step);
  Result<std::vector<model::Attribute>> attributes_of(const Step& step);  // of a directory that was entered
  Status file(const Step& step);
  Status symlink(const Step& step);
  Status keep(const Step& step, std::shared_ptr<Link> link);
  // The remembered entry of the step's name, or null; its stamp's index is the level's.
  Result<const release::DirectoryCursor::Item*> find(const Step& step);
  Result<const release::DirectoryCursor::Item*> find_unchanged(const Step& step, model::EntryKind kind);
  Result<std::unique_ptr<Level>> open_level(release::NodeRef directory, std::uint64_t stamp);

  const Op& op_;
  const Parts parts_;
  const EntryOptions options_;
  Levels levels_;  // one for each open directory; null where nothing is remembered of it
  LinkTable links_;
  std::vector<std::string> mounts_;
};

}  // namespace duskline::publish
