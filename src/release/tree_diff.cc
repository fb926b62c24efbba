#include <utility>

#include "release/broken.h"
#include "release/node_source.h"

namespace duskline::release {
namespace {

using Item = DirectoryCursor::Item;

// A cursor over a directory that may be absent, and its entry in hand.
class Side {
 public:
  Side(const Op& op, NodeSource* source, const std::optional<NodeRef>& top) {
    if (top && source != nullptr) cursor_.emplace(op, *source, *top);
  }
  Status advance() {
    if (!cursor_) return {};
    DL_ASSIGN(item_, cursor_->next());
    return {};
  }
  [[nodiscard]] const Item* item() const { return item_; }
  [[nodiscard]] std::uint64_t held_bytes() const { return cursor_ ? cursor_->held_bytes() : 0; }

 private:
  std::optional<DirectoryCursor> cursor_;
  const Item* item_ = nullptr;
};

class Differ {
 public:
  Differ(const Op& op, NodeSource* before, NodeSource* after, TreeDiffVisitor& visitor)
      : op_(op), before_source_(before), after_source_(after), visitor_(visitor) {}

  Status compare(const std::optional<NodeRef>& before_top, const std::optional<NodeRef>& after_top) {
    Side before(op_, before_source_, before_top);
    Side after(op_, after_source_, after_top);
    DL_TRY(before.advance());
    DL_TRY(after.advance());
    while (before.item() != nullptr || after.item() != nullptr) {
      const int order = order_of(before.item(), after.item());
      const std::uint64_t holding = before.held_bytes() + after.held_bytes();
      held_ += holding;
      if (held_ > max_held_bytes) return broken_tree("too many large directories are nested within each other");
      const std::size_t outer = path_.size();
      DL_TRY(enter((order <= 0 ? before : after).item()->entry->name));
      if (order < 0) DL_TRY(one_sided(before.item(), nullptr));
      if (order > 0) DL_TRY(one_sided(nullptr, after.item()));
      if (order == 0) DL_TRY(both(before.item(), after.item()));
      path_.resize(outer);
      held_ -= holding;
      if (order <= 0) DL_TRY(before.advance());
      if (order >= 0) DL_TRY(after.advance());
    }
    return {};
  }

 private:
  static int order_of(const Item* before, const Item* after) {
    if (before == nullptr) return 1;
    if (after == nullptr) return -1;
    return before->entry->name.compare(after->entry->name);
  }

  Status enter(const std::string& name) {
    if (!path_.empty()) path_ += '/';
    path_ += name;
    if (path_.size() > model::max_path_bytes) {
      return broken_tree("a path is longer than " + std::to_string(model::max_path_bytes) + " bytes");
    }
    return {};
  }

  Status both(const Item* before, const Item* after) {
    if (before->entry->kind != after->entry->kind) {
      DL_TRY(one_sided(before, nullptr));
      return one_sided(nullptr, after);
    }
    const Sided sided{path_, before, after};
    if (*before->entry == *after->entry) {
      DL_ASSIGN(const bool look_inside, visitor_.same(sided));
      return look_inside ? content(before, after) : Status{};
    }
    DL_TRY(visitor_.differs(sided));
    return content(before, after);
  }

  Status one_sided(const Item* before, const Item* after) {
    DL_TRY(visitor_.differs({path_, before, after}));
    return content(before, after);
  }

  static std::optional<NodeRef> below(const Item* item) {
    if (item == nullptr) return std::nullopt;
    return item->directory();
  }

  Status content(const Item* before, const Item* after) {
    if ((before != nullptr ? before : after)->entry->kind != model::EntryKind::directory) return {};
    DL_TRY(compare(below(before), below(after)));
    return visitor_.leave({path_, before, after});
  }

  const Op& op_;
  NodeSource* before_source_;
  NodeSource* after_source_;
  TreeDiffVisitor& visitor_;
  std::string path_;
  std::uint64_t held_ = 0;
};

}  // namespace

Status diff_trees(const Op& op, NodeSource* before_source, std::optional<NodeRef> before, NodeSource* after_source,
                  std::optional<NodeRef> after, TreeDiffVisitor& visitor) {
  return Differ(op, before_source, after_source, visitor).compare(before, after);
}

}  // namespace duskline::release
