// Reading a release's tree, whatever it lies in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/op.h"
#include "model/tree.h"

namespace duskline::release {

// A release beyond these is refused: they bound the work that a hostile tree can cause.
inline constexpr std::uint64_t max_tree_nodes = 1'000'000'000;
inline constexpr std::uint64_t max_tree_entries = 1'000'000'000;
// Decoded nodes that one walk may hold at a time, along the path from the top.
inline constexpr std::uint64_t max_held_bytes = 256 << 20;

// Code::invalid where the numbers lie beyond the limits above or contradict each other.
[[nodiscard]] Status check_limits(const model::TreeStats& stats);
// Code::invalid where the entries of `node` do not add up to what its parent (or the release) promised. Every node that
// is read through this file is checked so, hence the numbers hold for whole trees by induction.
[[nodiscard]] Status check_stats(const model::Node& node, const model::TreeStats& promised);

// Gives encoded nodes by ordinal (model/tree.h). What it returns has been checked against `expected`; a
// mismatch is Code::corrupt. Not for concurrent use.
class NodeSource {
 public:
  virtual ~NodeSource() = default;
  // The view is valid until the next call.
  virtual Result<ByteView> node(const Op&, std::uint64_t ordinal, const Hash256& expected) = 0;
};

// A subtree's top node.
struct NodeRef {
  Hash256 hash;
  std::uint64_t ordinal = 0;
  std::optional<model::TreeStats> stats = std::nullopt;  // as promised; checked where given
  std::uint32_t depth = 0;                               // directories above it; more than max_depth is refused
};

// The entries of one directory in order, its runs flattened. Holds one decoded node (two for a fan).
class DirectoryCursor {
 public:
  DirectoryCursor(const Op& op, NodeSource& source, NodeRef top);  // both must outlive it
  DirectoryCursor(const Op&& op, NodeSource& source, NodeRef top) = delete;
  DirectoryCursor(DirectoryCursor&&) noexcept = default;

  struct Item {
    const model::Entry* entry = nullptr;  // valid until next()
    std::uint64_t first_child = 0;        // ordinal of the entry's first child node, if child_nodes(entry) > 0
    std::uint64_t node = 0;               // ordinal of the node that holds the entry
    std::uint32_t first_place = 0;        // index of the entry's first inline chunk among that node's places
    std::uint32_t depth = 0;              // of the directory that holds the entry
    [[nodiscard]] NodeRef directory() const { return {entry->node, first_child, entry->stats, depth + 1}; }
  };
  // The next entry, or nullptr at the end. Refuses a fan below a fan, runs out of order, and stats that do not add up.
  Result<const Item*> next();
  // What it holds in memory, roughly.
  [[nodiscard]] std::uint64_t held_bytes() const { return fan_bytes_ + leaf_bytes_; }

 private:
  Status load(const NodeRef& ref, model::Node& into, std::uint64_t& held);
  Status start();
  Status next_run();
  const Op* op_;
  NodeSource* source_;
  NodeRef top_;
  model::Node fan_, leaf_;
  std::size_t fan_at_ = 0, leaf_at_ = 0;
  std::uint64_t fan_child_ = 0, leaf_ordinal_ = 0, leaf_child_ = 0;
  std::uint64_t fan_bytes_ = 0, leaf_bytes_ = 0;
  std::uint32_t place_ = 0;
  bool started_ = false;
  std::string last_name_;
  Item item_{};
};

// An entry found by its path, and what is needed to read on from it.
struct FoundEntry {
  model::Entry entry;
  std::uint64_t first_child = 0, node = 0;
  std::uint32_t first_place = 0, depth = 0;
  [[nodiscard]] DirectoryCursor::Item item() const { return {&entry, first_child, node, first_place, depth}; }
};
// `path` is from the top, "a/b", without empty components. Nothing where the tree has no such entry.
[[nodiscard]] Result<std::optional<FoundEntry>> find_entry(const Op&, NodeSource&, const NodeRef& top,
                                                           std::string_view path);

// All chunks of a file, list nodes read as needed. Calls fn(chunk, offset in file, node ordinal, index among the
// node's places); a hole has no place, its index means nothing. `item` must come from a cursor over `source`.
using ChunkFn =
    std::function<Status(const model::Chunk&, std::uint64_t offset, std::uint64_t node, std::uint32_t place)>;
[[nodiscard]] Status for_each_chunk(const Op&, NodeSource&, const DirectoryCursor::Item& item, const ChunkFn& fn);
// Only those that overlap [offset, offset + length); list nodes beside it are not read.
[[nodiscard]] Status for_each_chunk_in(const Op&, NodeSource&, const DirectoryCursor::Item& item, std::uint64_t offset,
                                       std::uint64_t length, const ChunkFn& fn);

// How many places an entry has among those of its node: its inline chunks, holes left out.
[[nodiscard]] std::uint32_t places_in(const model::Entry& entry);

// Every node of a subtree in preorder, decoded once, with all checks but those on names.
struct WalkedNode {
  ByteView encoded;  // valid until the source is asked again
  std::uint64_t ordinal = 0;
  const model::Node* directory = nullptr;             // or run; null for a list node
  const std::vector<model::Chunk>* chunks = nullptr;  // of a list node
};
[[nodiscard]] Status for_each_node(const Op&, NodeSource&, const NodeRef& top,
                                   const std::function<Status(const WalkedNode&)>& fn);
// Every chunk that has a place in the node, in the order of its places.
[[nodiscard]] Status for_each_place(const WalkedNode& node, const std::function<Status(const model::Chunk&)>& fn);

// Walks two trees together in name order and calls `visitor` for what differs; equal subtrees cost nothing.
// Either side may be absent (nullopt): everything is then added or removed.
struct Sided {  // one entry on one or both sides; paths are from the top, "a/b"
  std::string_view path;
  const DirectoryCursor::Item* before = nullptr;  // null: added
  const DirectoryCursor::Item* after = nullptr;   // null: removed
};
class TreeDiffVisitor {
 public:
  virtual ~TreeDiffVisitor() = default;
  // Every entry that is on one side only, or differs in any field. For a directory it comes before its content, which
  // is always visited, even where only the directory's own mode or time differs. Where the kinds differ, it is called
  // twice: removed (with its content), then added.
  virtual Status differs(const Sided& entry) = 0;
  // Entries equal on both sides (an equal directory's content is not visited unless this returns true for it).
  virtual Result<bool> same(const Sided& entry) {
    (void)entry;
    return false;
  }
  // After the content of a directory for which differs() (or same() -> true) was called.
  virtual Status leave(const Sided& entry) {
    (void)entry;
    return {};
  }
};
[[nodiscard]] Status diff_trees(const Op&, NodeSource* before_source, std::optional<NodeRef> before,
                                NodeSource* after_source, std::optional<NodeRef> after, TreeDiffVisitor&);

}  // namespace duskline::release
