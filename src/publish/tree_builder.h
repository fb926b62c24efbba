// Puts entries that come in tree order together to nodes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/tree.h"
#include "release/manifest.h"

namespace duskline::publish {

// The chunks of one file as they become known, held as a list in the entry, or beyond max_inline_chunks as list nodes.
class ChunkList {
 public:
  Status add(const model::Chunk& chunk, release::TreeSpool& spool);  // a hole after a hole makes it longer
  // Fills in chunks and lists.
  Status finish(release::TreeSpool& spool, model::Entry& entry);

 private:
  Status cut(release::TreeSpool& spool);
  std::vector<model::Chunk> pending_;
  std::vector<model::ListRef> lists_;
};

// Holds the entries of the directories that are open, at most max_node_entries (or max_run_bytes) of each.
class TreeBuilder {
 public:
  explicit TreeBuilder(release::TreeSpool& spool) : spool_(spool) {}

  // `directory` has all fields but node and stats. The top comes first; its name is empty.
  void enter(model::Entry directory);
  Status add(model::Entry entry);
  Status leave();

  // The top, after it was left: mode, mtime, node and stats.
  [[nodiscard]] const model::Entry& top() const { return top_; }
  [[nodiscard]] release::TreeSpool& spool() { return spool_; }

 private:
  struct Level {
    model::Entry directory;
    model::Node node;
    std::size_t bytes = 0;  // of the entries in `node`
    model::Node fan;        // runs that are done
    bool is_split = false;
  };
  Status split(Level& level);
  Status put(Level& level, model::Entry entry);
  Status end_run(Level& level);
  Result<Hash256> store(const model::Node& node);

  release::TreeSpool& spool_;
  std::vector<Level> levels_;
  model::Entry top_;
  Bytes encoded_;
};

}  // namespace duskline::publish
