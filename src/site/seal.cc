#include "site/seal.h"

#include <memory>
#include <utility>
#include <vector>

#include "base/units.h"
#include "release/node_source.h"

namespace duskline::site {
namespace {

using model::EntryKind;
using release::Sided;

class Stamper : public release::TreeDiffVisitor {
 public:
  Stamper(const Scope& scope, FolderTree& tree, StampWriter& stamps) : scope_(scope), tree_(tree), stamps_(stamps) {
    levels_.push_back(tree_.at(""));
  }

  Status differs(const Sided& sided) override {
    const model::Entry& entry = *sided.after->entry;
    if (entry.kind == EntryKind::directory) {
      const bool is_there =
          levels_.back() && scope_.part_of(sided.path) != Scope::Part::outside && !scope_.is_kept(sided.path, true);
      levels_.push_back(is_there ? tree_.at(std::string(sided.path)) : nullptr);
      return {};
    }
    if (entry.kind != EntryKind::file || scope_.part_of(sided.path) != Scope::Part::inside) return {};
    if (!levels_.back() || scope_.is_kept(sided.path, false)) return stamps_.add({});
    return stamp(sided);
  }

  Status leave(const Sided& sided) override {
    const std::shared_ptr<Folder> folder = std::move(levels_.back());
    levels_.pop_back();
    return folder ? complete(sided, *folder) : Status{};
  }

 protected:
  virtual Status complete(const Sided&, Folder&) { return {}; }
  virtual Status unexpected(const Sided&) { return stamps_.add({}); }
  const Scope& scope_;

 private:
  Status stamp(const Sided& sided) {
    const model::Entry& entry = *sided.after->entry;
    const auto folder = levels_.back()->open();
    if (!folder) return unexpected(sided);
    DL_ASSIGN(const auto stat, (*folder)->stat(entry.name));
    if (!stat || stat->kind != disk::FileKind::file || stat->size_bytes != entry.size_bytes) return unexpected(sided);
    return stamps_.add(stamp_of(*stat));
  }

  FolderTree& tree_;
  StampWriter& stamps_;
  std::vector<std::shared_ptr<Folder>> levels_;
};

class Sealer final : public Stamper {
 public:
  Sealer(const Scope& scope, Assembler& assembler, StampWriter& stamps)
      : Stamper(scope, assembler.tree(), stamps), assembler_(assembler) {}

 private:
  Status complete(const Sided& sided, Folder& folder) override {
    const model::Entry& entry = *sided.after->entry;
    DL_ASSIGN(const auto directory, folder.open());
    DL_TRY(assembler_.give_owner(*directory, "", scope_.owner_of(entry.owner), sided.path));
    if (!entry.attributes.empty()) {
      DL_TRY(assembler_.attributes().give(*directory, entry.attributes, std::string(sided.path)));
    }
    DL_TRY(directory->set_mode("", scope_.mode_of(entry.mode)));
    return directory->set_mtime("", entry.mtime_ns);
  }

  Status unexpected(const Sided& sided) override {
    return Error{Code::internal, "\"" + printable(sided.path) + "\" is not staged as it should be"};
  }

  Assembler& assembler_;
};

}  // namespace

Status seal_tree(const Op& op, release::Manifest& record, const Scope& scope, Assembler& assembler,
                 StampWriter& stamps) {
  Sealer sealer(scope, assembler, stamps);
  DL_TRY(release::diff_trees(op, nullptr, std::nullopt, &record, record.top(), sealer));
  DL_TRY(stamps.finish());
  const model::Release& release = record.index().release;
  disk::Directory& top = assembler.tree().root();
  DL_TRY(assembler.give_owner(top, "", scope.owner_of(std::nullopt), "."));
  if (!release.top_attributes.empty()) DL_TRY(assembler.attributes().give(top, release.top_attributes, "."));
  DL_TRY(top.set_mtime("", release.top_mtime_ns));
  return top.set_mode("", scope.mode_of(release.top_mode));
}

Status stamp_tree(const Op& op, release::Manifest& record, const Scope& scope, FolderTree& content,
                  StampWriter& stamps) {
  Stamper stamper(scope, content, stamps);
  DL_TRY(release::diff_trees(op, nullptr, std::nullopt, &record, record.top(), stamper));
  return stamps.finish();
}

}  // namespace duskline::site
