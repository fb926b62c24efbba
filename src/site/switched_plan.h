// Plans a whole new tree below staging/tree, for a switched target.
#pragma once

#include <memory>
#include <vector>

#include "site/plan_base.h"

namespace duskline::site {

// Visits the installed and the new record together, equal parts too, and has every entry put into the staging tree:
// unchanged files from the installed tree, the rest from wherever it costs least. Directories get their attributes
// later (seal.h). Call run(), once.
class SwitchedPlan final : public PlanBase {
 public:
  SwitchedPlan(const Op& op, PlanParts parts) : PlanBase(op, std::move(parts)) {}
  Status run();

 private:
  struct Level {
    std::shared_ptr<Folder> staged;  // null: not in the new tree
    std::shared_ptr<Folder> actual;  // null: nothing installed here
    FoldedNames names;
  };
  Status differs(const Sided& sided) override;
  Result<bool> same(const Sided& sided) override;
  Status leave(const Sided& sided) override;

  Status visit(const Sided& sided);
  Status enter(const Sided& sided);
  Status make_directory(const Item& item, Level& parent, std::string_view path);
  Status unseal(disk::Directory& directory, const std::vector<model::Attribute>& attributes);
  Status file(const Sided& sided);
  Result<bool> place_unchanged(const Sided& sided, FilePlan plan, const FileStamp& stamp, bool& is_unknown);
  Status removed(const Sided& sided);

  std::vector<Level> levels_;
};

}  // namespace duskline::site
