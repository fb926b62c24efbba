#include <algorithm>
#include <utility>

#include "release/node_source.h"
#include "site/new_tree.h"

namespace duskline::site {
namespace {

using release::NodeRef;

// Walks the new tree in preorder beside the old one, so that equal subtrees are copied from here and not fetched.
class Merger {
 public:
  Merger(const Op& op, release::Manifest& before, release::Manifest& after, release::RecordWriter& out)
      : op_(op), before_(before), after_(after), out_(out) {}

  Status directory(const NodeRef& now, const std::optional<NodeRef>& old) {
    DL_TRY(op_.check());
    if (old && old->hash == now.hash) return out_.copy(op_, before_, *old, now.stats->nodes);
    if (now.depth > model::max_depth) return Error{Code::invalid, "directories are nested beyond the limit"};
    model::Node node;
    DL_ASSIGN(const ByteView encoded, after_.node(op_, now.ordinal, now.hash));
    DL_TRY(out_.append(encoded));
    const std::uint64_t holding = encoded.size();
    held_ += holding;
    if (held_ > release::max_held_bytes) return Error{Code::too_large, "too many large directories are nested"};
    DL_TRY(model::decode_node(encoded, node));
    DL_TRY(release::check_stats(node, *now.stats));
    model::Node old_node;
    if (old) {
      DL_ASSIGN(const ByteView old_encoded, before_.node(op_, old->ordinal, old->hash));
      DL_TRY(model::decode_node(old_encoded, old_node));
    }
    DL_TRY(children(node, now, old_node, old));
    held_ -= holding;
    return {};
  }

 private:
  Status children(const model::Node& node, const NodeRef& now, const model::Node& old_node,
                  const std::optional<NodeRef>& old) {
    std::uint64_t child = now.ordinal + 1;
    std::uint64_t old_child = old ? old->ordinal + 1 : 0;
    auto other = old_node.entries.begin();
    for (const model::Entry& entry : node.entries) {
      for (; other != old_node.entries.end() && other->name < entry.name; ++other) {
        old_child += model::child_nodes(*other);
      }
      const bool has_pair = other != old_node.entries.end() && other->name == entry.name && other->kind == entry.kind;
      const model::Entry* pair = has_pair ? &*other : nullptr;
      if (entry.kind == model::EntryKind::directory || entry.kind == model::EntryKind::run) {
        const std::uint32_t depth = now.depth + (entry.kind == model::EntryKind::directory ? 1 : 0);
        std::optional<NodeRef> below;
        if (pair != nullptr) below = NodeRef{pair->node, old_child, pair->stats, depth};
        DL_TRY(directory({entry.node, child, entry.stats, depth}, below));
      } else {
        DL_TRY(lists(entry, child, pair, old_child));
      }
      child += model::child_nodes(entry);
    }
    return {};
  }

  Status lists(const model::Entry& file, std::uint64_t child, const model::Entry* pair, std::uint64_t old_child) {
    for (std::size_t i = 0; i < file.lists.size(); ++i) {
      const Hash256& wanted = file.lists[i].node;
      std::optional<std::uint64_t> at;
      if (pair != nullptr) {
        const auto same = std::ranges::find(pair->lists, wanted, &model::ListRef::node);
        if (same != pair->lists.end()) at = old_child + static_cast<std::uint64_t>(same - pair->lists.begin());
      }
      DL_ASSIGN(const ByteView encoded, at ? before_.node(op_, *at, wanted) : after_.node(op_, child + i, wanted));
      DL_TRY(out_.append(encoded));
    }
    return {};
  }

  const Op& op_;
  release::Manifest& before_;
  release::Manifest& after_;
  release::RecordWriter& out_;
  std::uint64_t held_ = 0;
};

}  // namespace

Status merge_record(const Op& op, release::Manifest& installed, release::Manifest& to, release::RecordWriter& out) {
  DL_TRY(release::check_limits(to.index().release.stats));
  return Merger(op, installed, to, out).directory(to.top(), installed.top());
}

}  // namespace duskline::site
