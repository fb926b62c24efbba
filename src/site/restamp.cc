#include "site/restamp.h"

#include <limits>
#include <string>
#include <utility>

#include "site/activate.h"
#include "site/folders.h"

namespace duskline::site {
namespace {

// Goes through the tree and its stamps side by side, entering only directories that hold a file to be looked at.
class Restamper {
 public:
  Restamper(const Op& op, disk::Directory& root, release::NodeSource& tree, StampReader copied, StampReader scanned,
            StampWriter out)
      : op_(op),
        root_(root),
        tree_(tree),
        copied_(std::move(copied)),
        scanned_(std::move(scanned)),
        out_(std::move(out)) {}

  Status run(release::NodeRef top, const std::string& only) {
    DL_TRY(find_next());
    DL_TRY(directory(top, "", only));
    if (at_ != copied_.count()) return Error{Code::corrupt, "there are more stamps than files"};
    return out_.finish();
  }

 private:
  // Sets next_ to the first stamp at or after at_ that must be made.
  Status find_next() {
    while (scanned_at_ < scanned_.count()) {
      DL_ASSIGN(const FileStamp stamp, scanned_.next());
      ++scanned_at_;
      if (stamp == to_be_placed()) {
        next_ = scanned_at_ - 1;
        return {};
      }
    }
    next_ = std::numeric_limits<std::uint64_t>::max();
    return {};
  }

  Status copy(std::uint64_t files) {
    for (std::uint64_t i = 0; i < files; ++i) {
      DL_ASSIGN(const FileStamp stamp, copied_.next());
      DL_TRY(out_.add(stamp));
    }
    at_ += files;
    return {};
  }

  Status file(const std::string& path) {
    if (at_ != next_) return copy(1);
    DL_ASSIGN(const std::optional<disk::Stat> stat, root_.stat(path));
    const bool is_there = stat && stat->kind == disk::FileKind::file;
    DL_TRY(out_.add(is_there ? stamp_of(*stat) : FileStamp{}));
    copied_.skip(1);
    ++at_;
    return find_next();
  }

  // `only`: what of the subtree's path is still below this directory.
  Status directory(release::NodeRef ref, const std::string& path, const std::string& only) {
    DL_TRY(op_.check());
    release::DirectoryCursor cursor(op_, tree_, ref);
    const std::string wanted = only.substr(0, only.find('/'));
    const std::string below = wanted.size() < only.size() ? only.substr(wanted.size() + 1) : "";
    for (;;) {
      DL_ASSIGN(const auto* item, cursor.next());
      if (item == nullptr) return {};
      const model::Entry& entry = *item->entry;
      if (!only.empty() && entry.name != wanted) continue;
      const std::string name = path.empty() ? entry.name : path + "/" + entry.name;
      if (entry.kind == model::EntryKind::file && below.empty()) DL_TRY(file(name));
      if (entry.kind != model::EntryKind::directory) continue;
      const bool is_untouched = below.empty() && next_ - at_ >= entry.stats.files;
      DL_TRY(is_untouched ? copy(entry.stats.files) : directory(item->directory(), name, below));
    }
  }

  const Op& op_;
  disk::Directory& root_;
  release::NodeSource& tree_;
  StampReader copied_, scanned_;
  StampWriter out_;
  std::uint64_t at_ = 0, scanned_at_ = 0, next_ = 0;
};

Result<StampReader> open_stamps(disk::Directory& own, const InstalledRelease& release) {
  DL_ASSIGN(auto file, own.open_read(folders::stamps(release.folder)));
  return StampReader::open(std::move(file), release.id, release.layout.only);
}

}  // namespace

Status restamp(const Op& op, Target& target, const InstalledRelease& release) {
  disk::Directory& own = target.private_folder();
  DL_ASSIGN(const auto tree, target.tree(release.id));
  DL_ASSIGN(StampReader copied, open_stamps(own, release));
  DL_ASSIGN(StampReader scanned, open_stamps(own, release));
  const std::string made = folders::stamps(release.folder) + ".new";
  DL_TRY(own.remove_file(made, disk::Missing::is_absent));
  DL_ASSIGN(auto file, own.create(made, 0600));
  Restamper restamper(op, target.root(), *tree, std::move(copied), std::move(scanned),
                      StampWriter(std::move(file), release.id, release.layout.only));
  DL_TRY(restamper.run(tree->top(), release.layout.only));
  return own.rename(made, own, folders::stamps(release.folder));
}

}  // namespace duskline::site
