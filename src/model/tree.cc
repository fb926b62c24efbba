#include "model/tree.h"

#include <algorithm>

#include "base/units.h"

namespace duskline::model {
namespace {

// FNV-1a over the name, then mixed so that the high bits depend on every byte. Part of the format only in that two
// publishers should cut alike; readers take any cut.
std::uint64_t hash_of_name(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash ^= hash >> 32;
  return hash * 0x9e3779b97f4a7c15;
}

}  // namespace

TreeStats& TreeStats::operator+=(const TreeStats& other) {
  nodes += other.nodes;
  files += other.files;
  entries += other.entries;
  bytes += other.bytes;
  return *this;
}

std::uint64_t child_nodes(const Entry& entry) {
  switch (entry.kind) {
    case EntryKind::directory:
    case EntryKind::run:
      return entry.stats.nodes;
    case EntryKind::file:
      return entry.lists.size();
    case EntryKind::symlink:
      return 0;
  }
  return 0;
}

TreeStats stats_of(const Node& node) {
  TreeStats stats;
  stats.nodes = 1;
  for (const Entry& entry : node.entries) {
    if (entry.kind == EntryKind::directory || entry.kind == EntryKind::run) stats += entry.stats;
    if (entry.kind != EntryKind::run) ++stats.entries;
    if (entry.kind == EntryKind::file) {
      ++stats.files;
      stats.bytes += entry.size_bytes;
      stats.nodes += entry.lists.size();
    }
  }
  return stats;
}

bool cut_run_before(std::string_view name, std::size_t entries_so_far, std::size_t bytes_so_far) {
  constexpr int average_bits = 11;
  if (entries_so_far == 0) return false;
  if (entries_so_far >= max_node_entries || bytes_so_far >= max_run_bytes) return true;
  return hash_of_name(name) >> (64 - average_bits) == 0;
}

bool cut_list_after(const Hash256& chunk, std::size_t chunks_so_far) {
  // The minimum bounds the number of lists of a file that repeats one chunk over and over.
  constexpr std::size_t least = 256;
  constexpr std::uint8_t low_bits_of_second_byte = 0x0f;
  if (chunks_so_far >= max_list_chunks) return true;
  if (chunks_so_far < least || chunk.is_zero()) return false;
  return chunk.bytes[0] == 0 && (chunk.bytes[1] & low_bits_of_second_byte) == 0;
}

Status check_name(std::string_view name) {
  const char* broken = nullptr;
  if (name.empty()) {
    broken = "is empty";
  } else if (name.size() > max_name_bytes) {
    broken = "is longer than 255 bytes";
  } else if (name == "." || name == "..") {
    broken = "would leave its directory";
  } else if (name.find('/') != std::string_view::npos) {
    broken = "contains a '/'";
  } else if (name.find('\0') != std::string_view::npos) {
    broken = "contains a NUL";
  }
  if (broken == nullptr) return {};
  return Error{Code::invalid, "name \"" + printable(name.substr(0, max_name_bytes)) + "\" " + broken};
}

Status check_path(std::string_view path) {
  if (path.size() > max_path_bytes) return Error{Code::invalid, "path is longer than 65,536 bytes"};
  std::size_t depth = 0;
  for (std::string_view rest = path;;) {
    const std::size_t slash = rest.find('/');
    DL_TRY(check_name(rest.substr(0, slash)));
    if (++depth > max_depth) return Error{Code::invalid, "path is nested deeper than 1,024 directories"};
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace duskline::model
