#include "publish/tree_builder.h"

#include <utility>

#include "base/units.h"

namespace duskline::publish {

Status ChunkList::add(const model::Chunk& chunk, release::TreeSpool& spool) {
  if (chunk.is_hole() && !pending_.empty() && pending_.back().is_hole()) {
    pending_.back().length_bytes += chunk.length_bytes;
    return {};
  }
  pending_.push_back(chunk);
  if (model::cut_list_after(chunk.hash, pending_.size())) return cut(spool);
  return {};
}

Status ChunkList::cut(release::TreeSpool& spool) {
  model::ListRef list;
  for (const model::Chunk& chunk : pending_) list.bytes += chunk.length_bytes;
  list.chunks = pending_.size();
  Bytes encoded;
  model::encode_list(pending_, encoded);
  DL_ASSIGN(list.node, spool.add(encoded));
  lists_.push_back(list);
  pending_.clear();
  return {};
}

Status ChunkList::finish(release::TreeSpool& spool, model::Entry& entry) {
  if (lists_.empty() && pending_.size() <= model::max_inline_chunks) {
    entry.chunks = std::move(pending_);
    return {};
  }
  if (!pending_.empty()) DL_TRY(cut(spool));
  entry.lists = std::move(lists_);
  return {};
}

void TreeBuilder::enter(model::Entry directory) { levels_.push_back({std::move(directory), {}, 0, {}, false}); }

Status TreeBuilder::add(model::Entry entry) {
  Level& level = levels_.back();
  const std::size_t bytes = model::encoded_bytes(entry);
  if (level.is_split) return put(level, std::move(entry));
  level.bytes += bytes;
  level.node.entries.push_back(std::move(entry));
  if (level.node.entries.size() > model::max_node_entries || level.bytes > model::max_run_bytes) return split(level);
  return {};
}

// From now on the directory is a fan. Where it is cut depends on its entries alone, not on when they came.
Status TreeBuilder::split(Level& level) {
  std::vector<model::Entry> entries = std::exchange(level.node.entries, {});
  level.bytes = 0;
  level.is_split = true;
  for (model::Entry& entry : entries) DL_TRY(put(level, std::move(entry)));
  return {};
}

Status TreeBuilder::put(Level& level, model::Entry entry) {
  if (model::cut_run_before(entry.name, level.node.entries.size(), level.bytes)) DL_TRY(end_run(level));
  level.bytes += model::encoded_bytes(entry);
  level.node.entries.push_back(std::move(entry));
  return {};
}

Status TreeBuilder::end_run(Level& level) {
  if (level.fan.entries.size() >= model::max_node_entries) {
    return Error{Code::refused, "directory \"" + printable(level.directory.name) +
                                    "\" of the source has more entries than a release can hold in one directory"};
  }
  model::Entry run;
  run.kind = model::EntryKind::run;
  run.name = level.node.entries.front().name;
  run.stats = model::stats_of(level.node);
  DL_ASSIGN(run.node, store(level.node));
  level.fan.entries.push_back(std::move(run));
  level.node.entries.clear();
  level.bytes = 0;
  return {};
}

Result<Hash256> TreeBuilder::store(const model::Node& node) {
  encoded_.clear();
  model::encode_node(node, encoded_);
  return spool_.add(encoded_);
}

Status TreeBuilder::leave() {
  Level level = std::move(levels_.back());
  levels_.pop_back();
  const bool is_fan = !level.fan.entries.empty();  // a single run is a directory like any other
  if (is_fan) DL_TRY(end_run(level));
  const model::Node& node = is_fan ? level.fan : level.node;
  auto stored = store(node);
  if (!stored) {
    return wrap(std::move(stored).error(), "directory \"" + printable(level.directory.name) + "\" of the source");
  }
  level.directory.node = *stored;
  level.directory.stats = model::stats_of(node);
  if (!levels_.empty()) return add(std::move(level.directory));
  top_ = std::move(level.directory);
  return {};
}

}  // namespace duskline::publish
