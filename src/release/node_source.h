// Reading a release's tree, whatever it lies in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/op.h"
#include "model/tree.h"

namespace duskline::release {

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
};

// The entries of one directory in order, its runs flattened. Holds one decoded node (two for a fan).
class DirectoryCursor {
 public:
  DirectoryCursor(const Op& op, NodeSource& source, NodeRef top);
  DirectoryCursor(DirectoryCursor&&) noexcept = default;

  struct Item {
    const model::Entry* entry;      // valid until next()
    std::uint64_t first_child = 0;  // ordinal of the entry's first child node, if child_nodes(entry) > 0
    std::uint64_t node = 0;         // ordinal of the node that holds the entry
    std::uint32_t first_place = 0;  // index of the entry's first inline chunk among that node's places
    [[nodiscard]] NodeRef directory() const { return {entry->node, first_child}; }
  };
  // The next entry, or nothing at the end. Refuses a fan below a fan, runs out of order, and stats that do not add up.
  Result<const Item*> next();  // nullptr at the end

 private:
  Status load(NodeRef ref, model::Node& into);
  const Op* op_;
  NodeSource* source_;
  NodeRef top_;
  model::Node fan_, leaf_;
  std::size_t fan_at_ = 0, leaf_at_ = 0;
  std::uint64_t fan_child_ = 0, leaf_ordinal_ = 0, leaf_child_ = 0;
  std::uint32_t place_ = 0;
  bool started_ = false, is_fan_ = false;
  std::string last_name_;
  Item item_{};
};

// All chunks of a file, list nodes read as needed. Calls fn(chunk, offset in file, node ordinal, index among the
// node's places). `item` must come from a cursor over `source`.
using ChunkFn =
    std::function<Status(const model::Chunk&, std::uint64_t offset, std::uint64_t node, std::uint32_t place)>;
[[nodiscard]] Status for_each_chunk(const Op&, NodeSource&, const DirectoryCursor::Item& item, const ChunkFn& fn);

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
  // Every entry that is on one side only, or differs in any field. For a directory it comes before its content. Where
  // the kinds differ, it is called twice: removed, then added.
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
