#include <utility>

#include "release/broken.h"
#include "release/node_source.h"

namespace duskline::release {
namespace {

constexpr std::size_t max_pending_nodes = 1 << 20;

enum class NodeKind : std::uint8_t { directory, run, list };

struct Pending {
  Hash256 hash;
  std::optional<model::TreeStats> stats;  // of a directory or run
  model::ListRef list;
  NodeKind kind = NodeKind::directory;
  std::uint32_t depth = 0;
};

// A preorder walk that holds one decoded node, and of the nodes above only what is still to come.
class Walk {
 public:
  Walk(const Op& op, NodeSource& source, const std::function<Status(const WalkedNode&)>& fn)
      : op_(op), source_(source), fn_(fn) {}

  Status run(const NodeRef& top) {
    if (top.stats) DL_TRY(check_limits(*top.stats));
    ordinal_ = top.ordinal;
    pending_.push_back({top.hash, top.stats, {}, NodeKind::directory, top.depth});
    while (!pending_.empty()) {
      DL_TRY(op_.check());
      const Pending next = pending_.back();
      pending_.pop_back();
      DL_TRY(next.kind == NodeKind::list ? visit_list(next) : visit_directory(next));
      ++ordinal_;
    }
    return {};
  }

 private:
  Status visit_directory(const Pending& next) {
    if (next.depth > model::max_depth) {
      return broken_tree("directories are nested more than " + std::to_string(model::max_depth) + " deep");
    }
    DL_ASSIGN(const ByteView encoded, source_.node(op_, ordinal_, next.hash));
    DL_TRY(model::decode_node(encoded, node_));
    if (next.stats) DL_TRY(check_stats(node_, *next.stats));
    if (next.kind == NodeKind::run && node_.is_fan())
      return broken_tree("a run of a directory is split into runs again");
    if (next.kind == NodeKind::run && node_.entries.empty()) return broken_tree("a run of a directory is empty");
    DL_TRY(fn_({encoded, ordinal_, &node_, nullptr}));
    for (auto entry = node_.entries.rbegin(); entry != node_.entries.rend(); ++entry) push(*entry, next.depth);
    if (pending_.size() > max_pending_nodes)
      return broken_tree("too many subtrees lie side by side on too many levels");
    return {};
  }

  void push(const model::Entry& entry, std::uint32_t depth) {
    if (entry.kind == model::EntryKind::directory) {
      pending_.push_back({entry.node, entry.stats, {}, NodeKind::directory, depth + 1});
    } else if (entry.kind == model::EntryKind::run) {
      pending_.push_back({entry.node, entry.stats, {}, NodeKind::run, depth});
    } else {
      for (auto list = entry.lists.rbegin(); list != entry.lists.rend(); ++list) {
        pending_.push_back({list->node, {}, *list, NodeKind::list, depth});
      }
    }
  }

  Status visit_list(const Pending& next) {
    DL_ASSIGN(const ByteView encoded, source_.node(op_, ordinal_, next.hash));
    DL_TRY(model::decode_list(encoded, chunks_));
    std::uint64_t bytes = 0;
    for (const model::Chunk& chunk : chunks_) {
      if (chunk.length_bytes > next.list.bytes - bytes)
        return broken_tree("a list of chunks holds more than its file says");
      bytes += chunk.length_bytes;
    }
    if (chunks_.size() != next.list.chunks || bytes != next.list.bytes) {
      return broken_tree("a list of chunks does not hold as many chunks or bytes as its file says");
    }
    return fn_({encoded, ordinal_, nullptr, &chunks_});
  }

  const Op& op_;
  NodeSource& source_;
  const std::function<Status(const WalkedNode&)>& fn_;
  std::vector<Pending> pending_;
  std::uint64_t ordinal_ = 0;
  model::Node node_;
  std::vector<model::Chunk> chunks_;
};

}  // namespace

Status for_each_node(const Op& op, NodeSource& source, const NodeRef& top,
                     const std::function<Status(const WalkedNode&)>& fn) {
  return Walk(op, source, fn).run(top);
}

Status for_each_place(const WalkedNode& node, const std::function<Status(const model::Chunk&)>& fn) {
  if (node.chunks != nullptr) {
    for (const model::Chunk& chunk : *node.chunks) {
      if (!chunk.is_hole()) DL_TRY(fn(chunk));
    }
    return {};
  }
  Status status;
  for (const model::Entry& entry : node.directory->entries) {
    if (entry.kind != model::EntryKind::file) continue;
    model::for_each_chunk(entry, [&](const model::Chunk& chunk, std::uint64_t) {
      if (status && !chunk.is_hole()) status = fn(chunk);
    });
    DL_TRY(std::move(status));
  }
  return {};
}

}  // namespace duskline::release
