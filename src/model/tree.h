// A release's content as a Merkle tree: what a release holds, without where its bytes lie.
//
// A node is one directory's list of entries (or a run of them, see EntryKind::run), or a long file's list
// of chunks. It is addressed by the SHA-256 of its encoding; parents hold their children's hashes, so the
// hash of the top node stands for the whole tree, and equal subtrees of two releases have equal hashes.
// Encoding: docs/formats/tree.md. Encodings are canonical: decode refuses what encode would not write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"

namespace duskline::model {

// Hostile input is refused beyond these.
inline constexpr std::size_t max_name_bytes = 255;
inline constexpr std::size_t max_link_bytes = 4095;
inline constexpr std::size_t max_path_bytes = 1 << 16;       // of a whole path built by nesting
inline constexpr std::size_t max_depth = 1024;               // directories within directories
inline constexpr std::size_t max_node_bytes = 8 << 20;       // one encoded node
inline constexpr std::size_t max_run_bytes = 4 << 20;        // encoded entries beyond which a directory is split
inline constexpr std::size_t max_node_entries = 16384;       // a directory with more is split into runs
inline constexpr std::size_t max_list_chunks = 16384;        // chunks in one list node
inline constexpr std::size_t max_inline_chunks = 64;         // a file with more has list nodes
inline constexpr std::size_t max_lists = 16384;              // list nodes of one file
inline constexpr std::size_t max_chunk_bytes = 8 << 20;      // one chunk that is not a hole
inline constexpr std::size_t max_attributes = 256;           // of one entry
inline constexpr std::size_t max_attribute_bytes = 1 << 20;  // names and values of one entry together
inline constexpr std::uint64_t max_file_bytes = std::uint64_t{1} << 60;
inline constexpr std::uint64_t max_tree_bytes = std::uint64_t{1} << 62;  // sum of file sizes
inline constexpr std::uint64_t max_tree_count = std::uint64_t{1} << 40;  // nodes, files or entries

// One content-defined piece of a file, or a hole (no hash, no bytes stored).
struct Chunk {
  Hash256 hash;  // zero for a hole
  std::uint64_t length_bytes = 0;
  [[nodiscard]] bool is_hole() const { return hash.is_zero(); }
  bool operator==(const Chunk&) const = default;
};

// What a directory holds below itself, itself not counted.
struct TreeStats {
  std::uint64_t nodes = 0;    // nodes in the subtree *including* its own top node: see Tree ordinals
  std::uint64_t files = 0;    // regular files, each name of a hard link counted
  std::uint64_t entries = 0;  // of every kind
  std::uint64_t bytes = 0;    // sum of file sizes, each name of a hard link counted
  TreeStats& operator+=(const TreeStats& other);
  bool operator==(const TreeStats&) const = default;
};

// A list node of a long file.
struct ListRef {
  Hash256 node;
  std::uint64_t chunks = 0;  // chunks in it, holes counted
  std::uint64_t bytes = 0;   // of the file that it covers
  bool operator==(const ListRef&) const = default;
};

enum class EntryKind : std::uint8_t {
  directory = 1,
  file = 2,
  symlink = 3,
  run = 4,  // more entries of this same directory, in a node of their own; a node holds runs or names, not both
};

struct Attribute {
  std::string name;
  Bytes value;
  bool operator==(const Attribute&) const = default;
};

struct Owner {
  std::uint32_t uid = 0, gid = 0;
  bool operator==(const Owner&) const = default;
};

struct Entry {
  EntryKind kind = EntryKind::file;
  std::string name;                   // any bytes but '/' and NUL; not "", ".", ".."; of a run: its first name
  std::uint32_t mode = 0;             // permission bits 07777; 0 for symlinks and runs
  std::int64_t mtime_ns = 0;          // since 1970; 0 for runs
  std::optional<Owner> owner;         // where recorded
  std::vector<Attribute> attributes;  // extended attributes where recorded, sorted by name

  // file
  std::uint64_t size_bytes = 0;
  Hash256 content;             // SHA-256 of the whole file, holes read as zeros
  std::vector<Chunk> chunks;   // empty: the file is one chunk, `content` (or nothing, when size is 0)
  std::vector<ListRef> lists;  // in place of `chunks` for a file of more than max_inline_chunks
  // Path from the top of an earlier file (in tree order) that this name is a link to; else "". The entry is whole all
  // the same: the size, content and chunks of that file, so that a reader may take it for a file of its own.
  std::string hard_link;

  // directory, run
  Hash256 node;
  TreeStats stats;

  // symlink
  std::string target;

  bool operator==(const Entry&) const = default;
};

// Entries are sorted by name (bytes, unsigned), without duplicates.
struct Node {
  std::vector<Entry> entries;
  [[nodiscard]] bool is_fan() const { return !entries.empty() && entries.front().kind == EntryKind::run; }
  bool operator==(const Node&) const = default;
};

// Node ordinals: the nodes of a tree in preorder, the top being 0. A directory's own node comes first; then,
// entry by entry, each file's list nodes in order and each directory's (or run's) whole subtree. So the
// ordinal of any child follows from its parent's ordinal and the entries before it: see child_nodes().
[[nodiscard]] std::uint64_t child_nodes(const Entry& entry);  // nodes that hang below this entry

[[nodiscard]] TreeStats stats_of(const Node& node);  // nodes counts the node itself

// Append the encoding to `out` (which is not cleared). The node must keep the rules of this header. A chunk list that
// says no more than `content` does (one chunk, the whole file) is left out.
void encode_node(const Node& node, Bytes& out);
void encode_list(const std::vector<Chunk>& chunks, Bytes& out);

// Code::invalid with a message that names the rule that was broken. `node` and `chunks` are overwritten and
// keep their capacity, so that a walk over a million entries does not allocate for each.
[[nodiscard]] Status decode_node(ByteView in, Node& node);
[[nodiscard]] Status decode_list(ByteView in, std::vector<Chunk>& chunks);

// Code::invalid unless an entry can hold them: sorted by name, not too many, not too large.
[[nodiscard]] Status check_attributes(const std::vector<Attribute>& attributes);
// The list as an entry has it, one at least; encode appends to `out`, decode takes all of `in`.
void encode_attributes(const std::vector<Attribute>& attributes, Bytes& out);
[[nodiscard]] Result<std::vector<Attribute>> decode_attributes(ByteView in);

// The chunks of a file without list nodes, so that callers need not treat a one-chunk file apart.
// Calls fn(const Chunk&, offset in file) for each.
template <typename Fn>
void for_each_chunk(const Entry& file, Fn&& fn) {
  if (file.size_bytes == 0) return;
  if (file.chunks.empty() && file.lists.empty()) {
    fn(Chunk{file.content, file.size_bytes}, std::uint64_t{0});
    return;
  }
  std::uint64_t offset = 0;
  for (const Chunk& chunk : file.chunks) {
    fn(chunk, offset);
    offset += chunk.length_bytes;
  }
}

// A directory of more than max_node_entries entries, or whose entries' encoded_bytes() exceed max_run_bytes together,
// is split into runs under a fan. Where it is cut is decided by the names alone (2,048 entries on average) unless a run
// gets too long, so that one new name moves one cut. True when a cut comes before `name`, given what the run already
// has.
[[nodiscard]] bool cut_run_before(std::string_view name, std::size_t entries_so_far, std::size_t bytes_so_far = 0);
// About what the entry takes in a node, never less.
[[nodiscard]] std::size_t encoded_bytes(const Entry& entry);
// The same for list nodes, by chunk hash (4,096 chunks on average, at least 256). `chunks_so_far` counts this chunk.
[[nodiscard]] bool cut_list_after(const Hash256& chunk, std::size_t chunks_so_far);

// Code::invalid unless `name` may name an entry: 1 to 255 bytes, no '/' or NUL, not "." or "..".
[[nodiscard]] Status check_name(std::string_view name);
// Code::invalid unless `path` is names joined by single '/', within max_path_bytes and max_depth.
[[nodiscard]] Status check_path(std::string_view path);

// Whether names `a` and `b` are one name on a file system that folds case (ASCII and Unicode simple folding
// where both are valid UTF-8). For targets that fold; names that differ in case are content elsewhere.
[[nodiscard]] bool same_when_folded(std::string_view a, std::string_view b);

}  // namespace duskline::model
