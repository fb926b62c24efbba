// Encoding of nodes: docs/formats/tree.md.
#include <algorithm>

#include "base/units.h"
#include "model/tree.h"

namespace duskline::model {
namespace {

enum class NodeType : std::uint8_t { directory = 1, fan = 2, list = 3 };

// The first byte of an entry: its kind in the low two bits, and which optional parts follow.
constexpr std::uint8_t kind_mask = 0x03;
constexpr std::uint8_t has_owner = 0x04;
constexpr std::uint8_t has_attributes = 0x08;
constexpr std::uint8_t has_hard_link = 0x10;
constexpr std::uint8_t has_chunks = 0x20;
constexpr std::uint8_t has_lists = 0x40;
constexpr std::uint8_t file_only = has_hard_link | has_chunks | has_lists;
constexpr std::uint8_t reserved = 0x80;

constexpr std::uint32_t max_mode = 07777;
constexpr std::uint32_t first_mode = 0644;  // what the first entry's mode is told from
constexpr std::size_t hash_bytes = 32;

const Hash256& hash_of_nothing() {
  static const Hash256 hash = sha256(ByteView{});
  return hash;
}

std::size_t shared_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first - a.begin());
}

// One chunk that is the whole file says no more than the entry's content does.
bool is_plain(const Entry& file) {
  return file.chunks.empty() || (file.chunks.size() == 1 && !file.chunks.front().is_hole());
}

void write_attributes(ByteWriter& write, const std::vector<Attribute>& attributes) {
  write.varint(attributes.size());
  for (const Attribute& attribute : attributes) {
    write.text(attribute.name);
    write.text(text_of(attribute.value));
  }
}

class NodeEncoder {
 public:
  explicit NodeEncoder(Bytes& out) : write_(out) {}

  void node(const Node& node) {
    const bool fan = node.is_fan();
    begin(fan ? NodeType::fan : NodeType::directory, node.entries.size(), count_hashes(node));
    for (const Entry& entry : node.entries) {
      if (fan) {
        name(entry);
        stats(entry.stats);
      } else {
        this->entry(entry);
      }
    }
    for (const Entry& entry : node.entries) hashes(entry);
  }

  void list(const std::vector<Chunk>& chunks) {
    begin(NodeType::list, chunks.size(), count_hashes(chunks));
    for (const Chunk& chunk : chunks) length(chunk);
    for (const Chunk& chunk : chunks) hash(chunk);
  }

 private:
  void begin(NodeType type, std::size_t items, std::size_t hashes) {
    write_.u8(static_cast<std::uint8_t>(type));
    write_.varint(items);
    write_.varint(hashes);
  }

  static std::size_t count_hashes(const std::vector<Chunk>& chunks) {
    return static_cast<std::size_t>(
        std::count_if(chunks.begin(), chunks.end(), [](const Chunk& chunk) { return !chunk.is_hole(); }));
  }

  static std::size_t count_hashes(const Node& node) {
    std::size_t count = 0;
    for (const Entry& entry : node.entries) {
      if (entry.kind == EntryKind::directory || entry.kind == EntryKind::run) ++count;
      if (entry.kind != EntryKind::file || entry.size_bytes == 0) continue;
      count += 1 + entry.lists.size() + (is_plain(entry) ? 0 : count_hashes(entry.chunks));
    }
    return count;
  }

  void name(const Entry& entry) {
    const std::size_t shared = shared_prefix(last_name_, entry.name);
    write_.varint(shared);
    write_.text(std::string_view(entry.name).substr(shared));
    last_name_ = entry.name;
  }

  void stats(const TreeStats& stats) {
    write_.varint(stats.nodes);
    write_.varint(stats.files);
    write_.varint(stats.entries);
    write_.varint(stats.bytes);
  }

  void length(const Chunk& chunk) { write_.varint(chunk.length_bytes << 1 | (chunk.is_hole() ? 1U : 0U)); }

  void hash(const Chunk& chunk) {
    if (!chunk.is_hole()) write_.raw(chunk.hash.bytes);
  }

  static std::uint8_t flags(const Entry& entry) {
    auto flags = static_cast<std::uint8_t>(entry.kind);
    if (entry.owner) flags |= has_owner;
    if (!entry.attributes.empty()) flags |= has_attributes;
    if (entry.kind != EntryKind::file) return flags;
    if (!entry.hard_link.empty()) flags |= has_hard_link;
    if (entry.size_bytes != 0 && !is_plain(entry)) flags |= has_chunks;
    if (!entry.lists.empty()) flags |= has_lists;
    return flags;
  }

  void entry(const Entry& entry) {
    const std::uint8_t flags = NodeEncoder::flags(entry);
    write_.u8(flags);
    name(entry);
    if (entry.kind != EntryKind::symlink) {
      write_.zigzag(static_cast<std::int64_t>(entry.mode) - last_mode_);
      last_mode_ = entry.mode;
    }
    const auto mtime = static_cast<std::uint64_t>(entry.mtime_ns);
    write_.zigzag(static_cast<std::int64_t>(mtime - last_mtime_));
    last_mtime_ = mtime;
    if (entry.owner) {
      write_.varint(entry.owner->uid);
      write_.varint(entry.owner->gid);
    }
    if ((flags & has_attributes) != 0) write_attributes(write_, entry.attributes);
    if (entry.kind == EntryKind::directory) stats(entry.stats);
    if (entry.kind == EntryKind::symlink) write_.text(entry.target);
    if (entry.kind == EntryKind::file) file(entry, flags);
  }

  void file(const Entry& file, std::uint8_t flags) {
    write_.varint(file.size_bytes);
    if ((flags & has_hard_link) != 0) write_.text(file.hard_link);
    if ((flags & has_chunks) != 0) {
      write_.varint(file.chunks.size());
      for (const Chunk& chunk : file.chunks) length(chunk);
    }
    if ((flags & has_lists) == 0) return;
    write_.varint(file.lists.size());
    for (const ListRef& list : file.lists) {
      write_.varint(list.chunks);
      write_.varint(list.bytes);
    }
  }

  void hashes(const Entry& entry) {
    if (entry.kind == EntryKind::directory || entry.kind == EntryKind::run) write_.raw(entry.node.bytes);
    if (entry.kind != EntryKind::file || entry.size_bytes == 0) return;
    write_.raw(entry.content.bytes);
    if (!is_plain(entry)) {
      for (const Chunk& chunk : entry.chunks) hash(chunk);
    }
    for (const ListRef& list : entry.lists) write_.raw(list.node.bytes);
  }

  ByteWriter write_;
  std::string_view last_name_;
  std::int64_t last_mode_ = first_mode;
  std::uint64_t last_mtime_ = 0;
};

Error broken(std::string rule) { return {Code::invalid, std::move(rule)}; }

Status check_attribute(const Attribute& attribute, const Attribute* last, std::size_t& total) {
  total += attribute.name.size() + attribute.value.size();
  if (attribute.name.empty() || attribute.name.size() > max_name_bytes ||
      attribute.name.find('\0') != std::string::npos || total > max_attribute_bytes) {
    return broken("an extended attribute without a name, or too large");
  }
  if (last != nullptr && attribute.name <= last->name) return broken("extended attributes not in order");
  return {};
}

Status read_attributes(ByteReader& read, std::vector<Attribute>& attributes) {
  const std::uint64_t count = read.varint();
  if (count == 0 || count > max_attributes) return broken("no or more than 256 extended attributes");
  std::size_t total = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    Attribute attribute;
    attribute.name = read.text(max_name_bytes);
    const ByteView value = bytes_of(read.text(max_attribute_bytes));
    attribute.value.assign(value.begin(), value.end());
    DL_TRY(check_attribute(attribute, attributes.empty() ? nullptr : &attributes.back(), total));
    attributes.push_back(std::move(attribute));
  }
  return {};
}

// Reads the body of a node and, beside it, the hashes at its end.
class NodeDecoder {
 public:
  explicit NodeDecoder(ByteView in) : size_(in.size()), body_(in) {}

  Status node(Node& node) {
    DL_TRY(begin());
    if (type_ != NodeType::directory && type_ != NodeType::fan) return broken("not a directory node");
    if (items_ > max_node_entries) return broken("more than 16,384 entries in one node");
    const bool fan = type_ == NodeType::fan;
    if (fan && items_ < 2) return broken("a directory split into fewer than two runs");
    node.entries.resize(items_);
    for (std::size_t i = 0; i < items_; ++i) {
      Entry& entry = node.entries[i];
      last_ = i == 0 ? nullptr : &node.entries[i - 1];
      if (auto status = fan ? run(entry) : this->entry(entry); !status) {
        return wrap(std::move(status).error(), "entry " + std::to_string(i + 1) + " of a directory node");
      }
    }
    return end();
  }

  Status list(std::vector<Chunk>& chunks) {
    DL_TRY(begin());
    if (type_ != NodeType::list) return broken("not a chunk list node");
    if (items_ == 0 || items_ > max_list_chunks) return broken("a chunk list of none or more than 16,384 chunks");
    chunks.resize(items_);
    std::uint64_t total = 0;
    DL_TRY(this->chunks(chunks, max_file_bytes, total));
    return end();
  }

 private:
  Status begin() {
    if (size_ > max_node_bytes) return broken("a node of more than 8 MiB");
    type_ = static_cast<NodeType>(body_.u8());
    const std::uint64_t items = body_.varint();
    const std::uint64_t hashes = body_.varint();
    // Every item takes a byte at least, so no count can ask for more memory than the node's own size warrants.
    if (!body_.ok() || hashes > body_.left() / hash_bytes) return broken("a node that is cut short");
    const std::size_t tail = static_cast<std::size_t>(hashes) * hash_bytes;
    const std::size_t head = body_.left() - tail;
    if (items > head) return broken("a node that is cut short");
    items_ = static_cast<std::size_t>(items);
    const ByteView rest = body_.raw(body_.left());
    body_ = ByteReader(rest.first(head));
    hashes_ = ByteReader(rest.last(tail));
    return {};
  }

  Status end() {
    if (!body_.ok() || !hashes_.ok()) return broken("a node that is cut short");
    if (!body_.at_end() || !hashes_.at_end()) return broken("bytes left over in a node");
    return {};
  }

  Status hash(Hash256& into) {
    const ByteView bytes = hashes_.raw(hash_bytes);
    if (bytes.size() != hash_bytes) return broken("fewer hashes than the node needs");
    std::copy(bytes.begin(), bytes.end(), into.bytes.begin());
    if (into.is_zero()) return broken("a hash of zeros");
    return {};
  }

  // Sorted, unique, and encoded as encode would: each name begins with as much of the last one as they share.
  Status name(std::string& name) {
    const std::string_view last = last_ == nullptr ? std::string_view{} : std::string_view(last_->name);
    const std::uint64_t shared = body_.varint();
    const std::string_view rest = body_.text(max_name_bytes);
    if (!body_.ok() || shared > last.size() || shared + rest.size() > max_name_bytes) {
      return broken("a name that is too long or cut short");
    }
    const bool sorted = !rest.empty() && (shared == last.size() || static_cast<unsigned char>(rest.front()) >
                                                                       static_cast<unsigned char>(last[shared]));
    if (!sorted && last_ != nullptr) return broken("names not in order, or one name twice");
    name.assign(last.substr(0, shared)).append(rest);
    return check_name(name);
  }

  Status stats(TreeStats& stats, TreeStats& total) {
    stats.nodes = body_.varint();
    stats.files = body_.varint();
    stats.entries = body_.varint();
    stats.bytes = body_.varint();
    if (stats.nodes == 0 || stats.nodes > max_tree_count || stats.entries > max_tree_count ||
        stats.files > stats.entries || stats.bytes > max_tree_bytes) {
      return broken("absurd totals of a directory");
    }
    total += stats;
    return check_total(total);
  }

  static Status check_total(const TreeStats& total) {
    if (total.nodes > max_tree_count || total.entries > max_tree_count || total.bytes > max_tree_bytes) {
      return broken("totals of a directory beyond every limit");
    }
    return {};
  }

  static void reset(Entry& entry, EntryKind kind) {
    entry.kind = kind;
    entry.mode = 0;
    entry.mtime_ns = 0;
    entry.owner.reset();
    entry.attributes.clear();
    entry.size_bytes = 0;
    entry.content = {};
    entry.chunks.clear();
    entry.lists.clear();
    entry.hard_link.clear();
    entry.node = {};
    entry.stats = {};
    entry.target.clear();
  }

  Status run(Entry& entry) {
    reset(entry, EntryKind::run);
    DL_TRY(name(entry.name));
    DL_TRY(stats(entry.stats, total_));
    if (entry.stats.entries == 0) return broken("a run without entries");
    return hash(entry.node);
  }

  Status entry(Entry& entry) {
    const std::uint8_t flags = body_.u8();
    const auto kind = static_cast<EntryKind>(flags & kind_mask);
    if ((flags & kind_mask) == 0 || (flags & reserved) != 0 || (kind != EntryKind::file && (flags & file_only) != 0)) {
      return broken("an entry of an unknown kind");
    }
    reset(entry, kind);
    DL_TRY(name(entry.name));
    DL_TRY(mode_and_time(entry));
    if ((flags & has_owner) != 0) DL_TRY(owner(entry));
    if ((flags & has_attributes) != 0) DL_TRY(read_attributes(body_, entry.attributes));
    switch (kind) {
      case EntryKind::directory:
        DL_TRY(stats(entry.stats, total_));
        return hash(entry.node);
      case EntryKind::symlink:
        return target(entry.target);
      default:
        return file(entry, flags);
    }
  }

  Status mode_and_time(Entry& entry) {
    if (entry.kind != EntryKind::symlink) {
      const std::int64_t change = body_.zigzag();
      const bool absurd = change > static_cast<std::int64_t>(max_mode) || change < -static_cast<std::int64_t>(max_mode);
      const std::int64_t mode = absurd ? -1 : last_mode_ + change;
      if (mode < 0 || mode > static_cast<std::int64_t>(max_mode)) return broken("a mode beyond 07777");
      entry.mode = static_cast<std::uint32_t>(mode);
      last_mode_ = mode;
    }
    last_mtime_ += static_cast<std::uint64_t>(body_.zigzag());
    entry.mtime_ns = static_cast<std::int64_t>(last_mtime_);
    return {};
  }

  Status owner(Entry& entry) {
    const std::uint64_t uid = body_.varint();
    const std::uint64_t gid = body_.varint();
    // The largest value means "leave alone" to chown().
    if (uid >= UINT32_MAX || gid >= UINT32_MAX) return broken("an owner beyond 32 bits");
    entry.owner = Owner{static_cast<std::uint32_t>(uid), static_cast<std::uint32_t>(gid)};
    return {};
  }

  Status target(std::string& target) {
    target = body_.text(max_link_bytes);
    if (target.empty() || target.find('\0') != std::string::npos) {
      return broken("a symbolic link whose target is empty, has a NUL, or is longer than 4,095 bytes");
    }
    return {};
  }

  Status file(Entry& entry, std::uint8_t flags) {
    entry.size_bytes = body_.varint();
    if (!body_.ok() || entry.size_bytes > max_file_bytes) return broken("a file of absurd size");
    if ((flags & has_hard_link) != 0) {
      entry.hard_link = body_.text(max_path_bytes);
      if (auto status = check_path(entry.hard_link); !status) {
        return wrap(std::move(status).error(), "a hard link to a bad path");
      }
    }
    ++total_.entries;
    total_.bytes += entry.size_bytes;
    DL_TRY(check_total(total_));
    if (entry.size_bytes == 0) {
      if ((flags & (has_chunks | has_lists)) != 0) return broken("an empty file with chunks");
      entry.content = hash_of_nothing();
      return {};
    }
    DL_TRY(hash(entry.content));
    if ((flags & has_chunks) != 0 && (flags & has_lists) != 0) return broken("a file with chunks and chunk lists");
    if ((flags & has_chunks) != 0) return inline_chunks(entry);
    if ((flags & has_lists) != 0) return lists(entry);
    if (entry.size_bytes > max_chunk_bytes) return broken("a chunk of more than 8 MiB");
    return {};
  }

  Status inline_chunks(Entry& entry) {
    const std::uint64_t count = body_.varint();
    if (count == 0 || count > max_inline_chunks || count > body_.left()) {
      return broken("no or more than 64 chunks in an entry");
    }
    entry.chunks.resize(static_cast<std::size_t>(count));
    std::uint64_t total = 0;
    DL_TRY(chunks(entry.chunks, entry.size_bytes, total));
    if (is_plain(entry)) return broken("a single chunk written out");
    if (total != entry.size_bytes) return broken("chunks that do not add up to the file's size");
    return {};
  }

  Status chunks(std::vector<Chunk>& chunks, std::uint64_t most, std::uint64_t& total) {
    bool after_hole = false;
    for (Chunk& chunk : chunks) {
      const std::uint64_t length = body_.varint();
      const bool hole = (length & 1) != 0;
      chunk.length_bytes = length >> 1;
      if (chunk.length_bytes == 0 || chunk.length_bytes > most - total) {
        return broken("chunks that do not add up to the file's size");
      }
      if (hole && after_hole) return broken("two holes in a row");
      if (!hole && chunk.length_bytes > max_chunk_bytes) return broken("a chunk of more than 8 MiB");
      total += chunk.length_bytes;
      after_hole = hole;
      chunk.hash = {};
      if (!hole) DL_TRY(hash(chunk.hash));
    }
    return {};
  }

  Status lists(Entry& entry) {
    const std::uint64_t count = body_.varint();
    if (count == 0 || count > max_lists || count > body_.left()) return broken("no or more than 16,384 chunk lists");
    entry.lists.resize(static_cast<std::size_t>(count));
    std::uint64_t bytes = 0, chunks = 0;
    for (ListRef& list : entry.lists) {
      list.chunks = body_.varint();
      list.bytes = body_.varint();
      if (list.chunks == 0 || list.chunks > max_list_chunks || list.bytes < list.chunks ||
          list.bytes > entry.size_bytes - bytes) {
        return broken("chunk lists that do not add up to the file's size");
      }
      bytes += list.bytes;
      chunks += list.chunks;
      DL_TRY(hash(list.node));
    }
    if (bytes != entry.size_bytes) return broken("chunk lists that do not add up to the file's size");
    if (chunks <= max_inline_chunks) return broken("chunk lists for a file of few chunks");
    total_.nodes += count;
    return check_total(total_);
  }

  std::size_t size_;
  ByteReader body_;
  ByteReader hashes_{ByteView{}};
  NodeType type_{};
  std::size_t items_ = 0;
  const Entry* last_ = nullptr;
  std::int64_t last_mode_ = first_mode;
  std::uint64_t last_mtime_ = 0;
  TreeStats total_;
};

}  // namespace

Status check_attributes(const std::vector<Attribute>& attributes) {
  if (attributes.size() > max_attributes) return broken("more than 256 extended attributes");
  std::size_t total = 0;
  const Attribute* last = nullptr;
  for (const Attribute& attribute : attributes) {
    DL_TRY(check_attribute(attribute, last, total));
    last = &attribute;
  }
  return {};
}

void encode_attributes(const std::vector<Attribute>& attributes, Bytes& out) {
  ByteWriter write(out);
  write_attributes(write, attributes);
}

Result<std::vector<Attribute>> decode_attributes(ByteView in) {
  ByteReader read(in);
  std::vector<Attribute> attributes;
  DL_TRY(read_attributes(read, attributes));
  if (!read.ok() || !read.at_end()) return broken("a list of extended attributes that is cut short or too long");
  return attributes;
}

std::size_t encoded_bytes(const Entry& entry) {
  constexpr std::size_t fixed = 96;  // flags, lengths, mode, time, owner, size, counts at their longest
  constexpr std::size_t per_chunk = hash_bytes + 10;
  constexpr std::size_t per_list = hash_bytes + 20;
  std::size_t bytes = fixed + hash_bytes + entry.name.size() + entry.target.size() + entry.hard_link.size() +
                      entry.chunks.size() * per_chunk + entry.lists.size() * per_list;
  for (const Attribute& attribute : entry.attributes) bytes += attribute.name.size() + attribute.value.size() + 8;
  return bytes;
}

void encode_node(const Node& node, Bytes& out) { NodeEncoder(out).node(node); }

void encode_list(const std::vector<Chunk>& chunks, Bytes& out) { NodeEncoder(out).list(chunks); }

Status decode_node(ByteView in, Node& node) { return NodeDecoder(in).node(node); }

Status decode_list(ByteView in, std::vector<Chunk>& chunks) { return NodeDecoder(in).list(chunks); }

}  // namespace duskline::model
