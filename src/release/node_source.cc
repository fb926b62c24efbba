#include "release/node_source.h"

#include <algorithm>
#include <utility>

#include "base/units.h"
#include "release/broken.h"

namespace duskline::release {
namespace {

// Adds what hangs below one entry, refusing sums beyond `promised` before they can wrap round.
bool add_within(std::uint64_t& sum, std::uint64_t more, std::uint64_t promised) {
  if (more > promised || sum > promised - more) return false;
  sum += more;
  return true;
}

}  // namespace

Status check_limits(const model::TreeStats& stats) {
  if (stats.nodes == 0) return broken_tree("it claims to have no nodes");
  if (stats.nodes > max_tree_nodes) {
    return broken_tree("it claims " + format_count(stats.nodes) + " nodes; at most " + format_count(max_tree_nodes) +
                       " are accepted");
  }
  if (stats.entries > max_tree_entries) {
    return broken_tree("it claims " + format_count(stats.entries) + " entries; at most " +
                       format_count(max_tree_entries) + " are accepted");
  }
  if (stats.bytes > model::max_tree_bytes) return broken_tree("it claims more than 2^62 bytes of content");
  if (stats.files > stats.entries) return broken_tree("it claims more files than entries");
  return {};
}

Status check_stats(const model::Node& node, const model::TreeStats& promised) {
  const Error lie = broken_tree("a directory's numbers of nodes, entries, files or bytes are not what its parent says");
  model::TreeStats sum;
  sum.nodes = 1;
  for (const model::Entry& entry : node.entries) {
    const bool is_list = entry.kind == model::EntryKind::run;
    const bool is_nested = is_list || entry.kind == model::EntryKind::directory;
    const bool is_file = entry.kind == model::EntryKind::file;
    const std::uint64_t nodes = is_nested ? entry.stats.nodes : entry.lists.size();
    const std::uint64_t files = is_nested ? entry.stats.files : (is_file ? 1 : 0);
    const std::uint64_t bytes = is_nested ? entry.stats.bytes : (is_file ? entry.size_bytes : 0);
    if (is_nested && nodes == 0) return lie;
    if (!add_within(sum.nodes, nodes, promised.nodes) || !add_within(sum.files, files, promised.files) ||
        !add_within(sum.bytes, bytes, promised.bytes) ||
        !add_within(sum.entries, is_nested ? entry.stats.entries : 0, promised.entries) ||
        !add_within(sum.entries, is_list ? 0 : 1, promised.entries)) {
      return lie;
    }
  }
  if (!(sum == promised)) return lie;
  return {};
}

DirectoryCursor::DirectoryCursor(const Op& op, NodeSource& source, NodeRef top)
    : op_(&op), source_(&source), top_(std::move(top)) {}

Status DirectoryCursor::load(const NodeRef& ref, model::Node& into, std::uint64_t& held) {
  DL_TRY(op_->check());
  DL_ASSIGN(const ByteView encoded, source_->node(*op_, ref.ordinal, ref.hash));
  DL_TRY(model::decode_node(encoded, into));
  held = encoded.size() + into.entries.size() * sizeof(model::Entry);
  if (ref.stats) DL_TRY(check_stats(into, *ref.stats));
  return {};
}

Status DirectoryCursor::start() {
  started_ = true;
  if (top_.depth > model::max_depth) {
    return broken_tree("directories are nested more than " + std::to_string(model::max_depth) + " deep");
  }
  if (top_.stats) DL_TRY(check_limits(*top_.stats));
  DL_TRY(load(top_, leaf_, leaf_bytes_));
  leaf_ordinal_ = top_.ordinal;
  leaf_child_ = top_.ordinal + 1;
  if (!leaf_.is_fan()) return {};
  std::swap(fan_, leaf_);
  std::swap(fan_bytes_, leaf_bytes_);
  leaf_.entries.clear();
  fan_child_ = top_.ordinal + 1;
  return {};
}

Status DirectoryCursor::next_run() {
  const model::Entry& run = fan_.entries[fan_at_];
  if (!leaf_.entries.empty()) last_name_ = leaf_.entries.back().name;
  DL_TRY(load({run.node, fan_child_, run.stats}, leaf_, leaf_bytes_));
  if (leaf_.is_fan()) return broken_tree("a run of a directory is split into runs again");
  if (leaf_.entries.empty()) return broken_tree("a run of a directory is empty");
  if (leaf_.entries.front().name != run.name)
    return broken_tree("a run of a directory does not begin with its first name");
  if (fan_at_ > 0 && leaf_.entries.front().name <= last_name_) {
    return broken_tree("the runs of a directory are out of order, or one name is in two of them");
  }
  leaf_ordinal_ = fan_child_;
  leaf_child_ = fan_child_ + 1;
  fan_child_ += run.stats.nodes;
  ++fan_at_;
  leaf_at_ = 0;
  place_ = 0;
  return {};
}

Result<const DirectoryCursor::Item*> DirectoryCursor::next() {
  if (!started_) {
    DL_TRY(start());
  } else if (leaf_at_ < leaf_.entries.size()) {
    const model::Entry& passed = leaf_.entries[leaf_at_];
    leaf_child_ += model::child_nodes(passed);
    place_ += places_in(passed);
    ++leaf_at_;
  }
  while (leaf_at_ >= leaf_.entries.size()) {
    if (fan_at_ >= fan_.entries.size()) return nullptr;
    DL_TRY(next_run());
  }
  item_ = {&leaf_.entries[leaf_at_], leaf_child_, leaf_ordinal_, place_, top_.depth};
  return &item_;
}

Result<std::optional<FoundEntry>> find_entry(const Op& op, NodeSource& source, const NodeRef& top,
                                             std::string_view path) {
  NodeRef directory = top;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    DirectoryCursor cursor(op, source, directory);
    DL_ASSIGN(const DirectoryCursor::Item* item, cursor.next());
    while (item != nullptr && item->entry->name < name) {
      DL_ASSIGN(item, cursor.next());
    }
    if (item == nullptr || item->entry->name != name) return std::optional<FoundEntry>{};
    if (slash == std::string_view::npos) {
      return std::optional<FoundEntry>{
          FoundEntry{*item->entry, item->first_child, item->node, item->first_place, item->depth}};
    }
    if (item->entry->kind != model::EntryKind::directory) return std::optional<FoundEntry>{};
    directory = item->directory();
    path.remove_prefix(slash + 1);
  }
}

std::uint32_t places_in(const model::Entry& entry) {
  if (entry.kind != model::EntryKind::file) return 0;
  std::uint32_t count = 0;
  model::for_each_chunk(entry, [&](const model::Chunk& chunk, std::uint64_t) { count += chunk.is_hole() ? 0U : 1U; });
  return count;
}

namespace {

bool overlaps(std::uint64_t offset, std::uint64_t length, std::uint64_t from, std::uint64_t to) {
  return offset < to && length > 0 && (offset + length > from);
}

Status inline_chunks(const DirectoryCursor::Item& item, std::uint64_t from, std::uint64_t to, const ChunkFn& fn) {
  Status status;
  std::uint32_t place = item.first_place;
  model::for_each_chunk(*item.entry, [&](const model::Chunk& chunk, std::uint64_t offset) {
    if (status && overlaps(offset, chunk.length_bytes, from, to)) status = fn(chunk, offset, item.node, place);
    if (!chunk.is_hole()) ++place;
  });
  return status;
}

}  // namespace

Status for_each_chunk_in(const Op& op, NodeSource& source, const DirectoryCursor::Item& item, std::uint64_t offset,
                         std::uint64_t length, const ChunkFn& fn) {
  const model::Entry& file = *item.entry;
  const std::uint64_t from = std::min(offset, file.size_bytes);
  const std::uint64_t to = from + std::min(length, file.size_bytes - from);
  if (file.lists.empty()) return inline_chunks(item, from, to, fn);
  std::vector<model::Chunk> chunks;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < file.lists.size(); ++i) {
    const model::ListRef& list = file.lists[i];
    const std::uint64_t begins = at;
    at += list.bytes;
    if (!overlaps(begins, list.bytes, from, to)) continue;
    DL_TRY(op.check());
    const std::uint64_t ordinal = item.first_child + i;
    DL_ASSIGN(const ByteView encoded, source.node(op, ordinal, list.node));
    DL_TRY(model::decode_list(encoded, chunks));
    std::uint64_t sum = 0;
    for (const model::Chunk& chunk : chunks) {
      if (!add_within(sum, chunk.length_bytes, list.bytes)) break;
    }
    if (chunks.size() != list.chunks || sum != list.bytes) {
      return broken_tree("a list of chunks does not hold as many chunks or bytes as its file says");
    }
    std::uint32_t place = 0;
    std::uint64_t where = begins;
    for (const model::Chunk& chunk : chunks) {
      if (overlaps(where, chunk.length_bytes, from, to)) DL_TRY(fn(chunk, where, ordinal, place));
      where += chunk.length_bytes;
      if (!chunk.is_hole()) ++place;
    }
  }
  if (at != file.size_bytes) return broken_tree("a file's lists of chunks do not add up to its size");
  return {};
}

Status for_each_chunk(const Op& op, NodeSource& source, const DirectoryCursor::Item& item, const ChunkFn& fn) {
  return for_each_chunk_in(op, source, item, 0, item.entry->size_bytes, fn);
}

}  // namespace duskline::release
