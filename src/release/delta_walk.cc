#include "release/delta_walk.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "release/broken.h"

namespace duskline::release {
namespace {

using Item = DirectoryCursor::Item;

// List nodes of the old file around the place of a new one that serve as its base: so many on each side, which keeps
// the base below 8 MiB and bridges shifts of gigabytes.
constexpr std::size_t neighbours = 6;

// The old directory at the same path, if there is one: its top node, and its entries by name.
class OldDirectory {
 public:
  OldDirectory(const Op& op, Manifest& from, const std::optional<NodeRef>& top) : op_(op), from_(from), top_(top) {
    if (top) cursor_.emplace(op, from, *top);
  }

  Result<ByteView> top_node() {
    if (!top_) return ByteView{};
    return from_.node(op_, top_->ordinal, top_->hash);
  }

  // The entry of that name, or nullptr. Names must be asked for in order.
  Result<const Item*> find(const std::string& name) {
    if (!cursor_) return nullptr;
    if (!started_) {
      DL_ASSIGN(item_, cursor_->next());
    }
    started_ = true;
    while (item_ != nullptr && item_->entry->name < name) {
      DL_ASSIGN(item_, cursor_->next());
    }
    return item_ != nullptr && item_->entry->name == name ? item_ : nullptr;
  }

  // The run that would hold `name`, or the whole directory's only node. Nothing where there is no such directory. Names
  // must be asked for in order.
  Result<std::optional<NodeRef>> run_for(const std::string& name) {
    if (!top_) return std::optional<NodeRef>{};
    DL_TRY(load_runs());
    if (runs_.entries.empty()) return top_;
    while (run_at_ + 1 < runs_.entries.size() && runs_.entries[run_at_ + 1].name <= name) {
      run_ordinal_ += runs_.entries[run_at_].stats.nodes;
      ++run_at_;
    }
    const model::Entry& run = runs_.entries[run_at_];
    return std::optional<NodeRef>{NodeRef{run.node, run_ordinal_, run.stats, top_->depth}};
  }

  // What a new run is patched from: the run that run_for() gave last and, since runs also merge and shift, the next.
  Result<ByteView> base_of_run(const NodeRef& found) {
    DL_ASSIGN(const ByteView first, from_.node(op_, found.ordinal, found.hash));
    if (run_at_ + 1 >= runs_.entries.size()) return first;
    base_.assign(first.begin(), first.end());
    const model::Entry& next = runs_.entries[run_at_ + 1];
    DL_ASSIGN(const ByteView second, from_.node(op_, found.ordinal + found.stats->nodes, next.node));
    if (base_.size() + second.size() <= model::max_node_bytes) base_.insert(base_.end(), second.begin(), second.end());
    return ByteView(base_);
  }

  [[nodiscard]] std::uint64_t held_bytes() const { return cursor_ ? cursor_->held_bytes() : 0; }

 private:
  Status load_runs() {
    if (runs_loaded_) return {};
    runs_loaded_ = true;
    run_ordinal_ = top_->ordinal + 1;
    DL_ASSIGN(const ByteView encoded, top_node());
    DL_TRY(model::decode_node(encoded, runs_));
    if (!runs_.is_fan()) runs_.entries.clear();
    return {};
  }

  const Op& op_;
  Manifest& from_;
  std::optional<NodeRef> top_;
  std::optional<DirectoryCursor> cursor_;
  const Item* item_ = nullptr;
  bool started_ = false, runs_loaded_ = false;
  model::Node runs_;
  std::size_t run_at_ = 0;
  std::uint64_t run_ordinal_ = 0;
  Bytes base_;
};

// The list nodes of an old file.
class OldLists {
 public:
  OldLists(const Op& op, Manifest& from, const Item* file) : op_(op), from_(from) {
    if (file == nullptr || file->entry->kind != model::EntryKind::file) return;
    first_ = file->first_child;
    lists_ = file->entry->lists;
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < lists_.size(); ++i) {
      number_.try_emplace(lists_[i].node, i);
      begin_.push_back(at);
      at += lists_[i].bytes;
    }
  }

  [[nodiscard]] std::optional<std::uint64_t> find(const Hash256& hash) const {
    const auto at = number_.find(hash);
    if (at == number_.end()) return std::nullopt;
    return first_ + at->second;
  }

  // Those around `offset` of the file, joined.
  Result<ByteView> around(std::uint64_t offset) {
    if (lists_.empty()) return ByteView{};
    const auto after = std::upper_bound(begin_.begin(), begin_.end(), offset);
    const auto middle = static_cast<std::size_t>(after - begin_.begin()) - 1;
    const std::size_t first = middle - std::min(middle, neighbours);
    const std::size_t last = std::min(lists_.size(), middle + neighbours + 1);
    if (!joined_.empty() && first == joined_first_ && last == joined_last_) return ByteView(joined_);
    joined_.clear();
    for (std::size_t i = first; i < last; ++i) {
      DL_ASSIGN(const ByteView list, from_.node(op_, first_ + i, lists_[i].node));
      if (joined_.size() + list.size() > model::max_node_bytes) break;
      joined_.insert(joined_.end(), list.begin(), list.end());
    }
    joined_first_ = first;
    joined_last_ = last;
    return ByteView(joined_);
  }

 private:
  const Op& op_;
  Manifest& from_;
  std::uint64_t first_ = 0;
  std::vector<model::ListRef> lists_;
  std::vector<std::uint64_t> begin_;
  std::unordered_map<Hash256, std::size_t> number_;
  Bytes joined_;
  std::size_t joined_first_ = 0, joined_last_ = 0;
};

class Walk {
 public:
  Walk(const Op& op, Manifest& from, DeltaSteps& steps) : op_(op), from_(from), steps_(steps) {}

  Status run(const NodeRef& to) {
    DL_TRY(check_limits(*to.stats));
    if (from_.top().hash == to.hash) return same_tree(from_.top(), *to.stats);
    return directory(to.hash, *to.stats, from_.top(), 0);
  }

 private:
  Status directory(const Hash256& hash, const model::TreeStats& stats, const std::optional<NodeRef>& old_top,
                   std::uint32_t depth) {
    if (depth > model::max_depth) {
      return broken_tree("directories are nested more than " + std::to_string(model::max_depth) + " deep");
    }
    OldDirectory old(op_, from_, old_top);
    DL_ASSIGN(const ByteView base, old.top_node());
    model::Node node;
    DL_TRY(changed_directory(base, hash, stats, node));
    if (!node.is_fan()) return entries(node, old, depth);
    model::Node leaf;
    for (const model::Entry& run : node.entries) DL_TRY(this->run_of_directory(run, old, leaf, depth));
    return {};
  }

  Status run_of_directory(const model::Entry& run, OldDirectory& old, model::Node& leaf, std::uint32_t depth) {
    DL_ASSIGN(const std::optional<NodeRef> old_run, old.run_for(run.name));
    if (old_run && old_run->hash == run.node) return same_tree(*old_run, run.stats);
    ByteView base;
    if (old_run) {
      DL_ASSIGN(base, old.base_of_run(*old_run));
    }
    DL_TRY(changed_directory(base, run.node, run.stats, leaf));
    if (leaf.is_fan()) return broken_tree("a run of a directory is split into runs again");
    return entries(leaf, old, depth);
  }

  Status changed_directory(ByteView base, const Hash256& hash, const model::TreeStats& stats, model::Node& node) {
    DL_TRY(op_.check());
    DL_ASSIGN(const ByteView encoded, steps_.changed(base, ordinal_, hash));
    ++ordinal_;
    DL_TRY(model::decode_node(encoded, node));
    return check_stats(node, stats);
  }

  Status entries(const model::Node& node, OldDirectory& old, std::uint32_t depth) {
    const std::uint64_t here = node.entries.size() * sizeof(model::Entry);
    for (const model::Entry& entry : node.entries) {
      if (model::child_nodes(entry) == 0) continue;
      DL_ASSIGN(const Item* const before, old.find(entry.name));
      const std::uint64_t holding = here + old.held_bytes();
      held_ += holding;
      if (held_ > max_held_bytes) return broken_tree("too many large directories are nested within each other");
      DL_TRY(entry.kind == model::EntryKind::directory ? subdirectory(entry, before, depth) : lists(entry, before));
      held_ -= holding;
    }
    return {};
  }

  Status subdirectory(const model::Entry& entry, const Item* before, std::uint32_t depth) {
    if (before == nullptr || before->entry->kind != model::EntryKind::directory) {
      return directory(entry.node, entry.stats, std::nullopt, depth + 1);
    }
    if (before->entry->node == entry.node) return same_tree(before->directory(), entry.stats);
    return directory(entry.node, entry.stats, before->directory(), depth + 1);
  }

  // What the new tree says of an equal subtree must be true of the old one's nodes.
  Status same_tree(NodeRef in_old, const model::TreeStats& stats) {
    in_old.stats = stats;
    DL_TRY(steps_.same_tree(in_old, stats.nodes));
    ordinal_ += stats.nodes;
    return {};
  }

  Status lists(const model::Entry& file, const Item* before) {
    OldLists old(op_, from_, before);
    std::uint64_t offset = 0;
    for (const model::ListRef& list : file.lists) {
      DL_TRY(op_.check());
      if (const auto same = old.find(list.node)) {
        DL_TRY(steps_.same_list(*same, list.node));
      } else {
        DL_ASSIGN(const ByteView base, old.around(offset));
        DL_TRY(steps_.changed(base, ordinal_, list.node));
      }
      ++ordinal_;
      offset += list.bytes;
    }
    return {};
  }

  const Op& op_;
  Manifest& from_;
  DeltaSteps& steps_;
  std::uint64_t ordinal_ = 0, held_ = 0;
};

}  // namespace

Status walk_delta(const Op& op, Manifest& from, const NodeRef& to, DeltaSteps& steps) {
  return Walk(op, from, steps).run(to);
}

}  // namespace duskline::release
