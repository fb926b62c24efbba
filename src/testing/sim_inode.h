// What a simulated disk is made of: files' bytes, inodes, and the changes that are not yet durable.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "disk/filesystem.h"

namespace duskline::testing::sim {

inline constexpr std::uint64_t block_bytes = 4096;
inline constexpr std::uint64_t sector_bytes = 512;

// The bytes of a file, in blocks; a block that is not there is a hole.
class Content {
 public:
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] std::uint64_t stored_bytes() const { return blocks_.size() * block_bytes; }
  std::size_t read(std::uint64_t offset, ByteSpan into) const;
  void write(std::uint64_t offset, ByteView bytes);  // does not change the size
  void resize(std::uint64_t size_bytes);
  [[nodiscard]] std::optional<disk::Segment> next_data(std::uint64_t offset) const;
  // Bytes of new blocks that a write there would take.
  [[nodiscard]] std::uint64_t cost_bytes(std::uint64_t offset, std::uint64_t length) const;

 private:
  using Block = std::array<std::uint8_t, block_bytes>;
  std::uint64_t size_bytes_ = 0;
  std::map<std::uint64_t, Block> blocks_;
};

struct Meta {
  std::uint32_t mode = 0;
  model::Owner owner;
  std::int64_t mtime_ns = 0, ctime_ns = 0;
  std::vector<model::Attribute> attributes;
};
// Makes them exactly `attributes`, or changes nothing where a name is none that can be set.
[[nodiscard]] bool set_attributes(Meta& meta, std::vector<model::Attribute> attributes);
// What a new entry gets of its directory's default ACL.
[[nodiscard]] std::vector<model::Attribute> inherited(const Meta& directory, disk::FileKind kind);

// One change of a file or of what is known about it, not yet durable.
struct Change {
  enum class Kind : std::uint8_t { write, resize, meta };
  Kind kind = Kind::meta;
  std::uint64_t offset = 0;  // of a write; the size of a resize
  Bytes bytes;
  Meta meta;
};

// Inode numbers and space; has its own lock, because inodes are freed wherever the last handle is dropped.
class Ledger {
 public:
  explicit Ledger(std::uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}
  std::uint64_t take_number();  // the lowest free one, as ext4 does
  void give_number(std::uint64_t number);
  void set_free(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t free_bytes() const;
  void move_used(std::uint64_t before_bytes, std::uint64_t after_bytes);

 private:
  mutable std::mutex mutex_;
  std::uint64_t capacity_bytes_, used_bytes_ = 0, next_number_ = 2;
  std::set<std::uint64_t> free_numbers_;
};

struct Inode;
using InodePtr = std::shared_ptr<Inode>;
using Entries = std::map<std::string, InodePtr, std::less<>>;

struct Inode : std::enable_shared_from_this<Inode> {
  Inode(disk::FileKind kind_of, std::shared_ptr<Ledger> owner_of)
      : kind(kind_of), ledger(std::move(owner_of)), number(ledger->take_number()) {}
  ~Inode();
  Inode(const Inode&) = delete;
  Inode& operator=(const Inode&) = delete;

  [[nodiscard]] bool is_directory() const { return kind == disk::FileKind::directory; }
  [[nodiscard]] disk::Stat stat() const;
  // What the changes so far would leave if the power went now and all of them were kept.
  void make_durable();
  // The same with a random part of them; afterwards this is what is live.
  void keep_some(std::mt19937_64& random);

  disk::FileKind kind;
  std::shared_ptr<Ledger> ledger;
  std::uint64_t number;
  std::uint64_t device = 1;  // also its mount
  bool is_mount_root = false;
  bool is_locked = false;
  bool is_beyond_sync = false;  // live content that a failed sync has lost: what is durable will never be the same
  std::uint32_t links = 0;      // names, live
  std::weak_ptr<Inode> parent;  // of a directory, live
  std::string target;           // of a symlink

  Content content, durable_content;
  Meta meta, durable_meta;
  Entries entries, durable_entries;
  std::vector<Change> changes;
};

// Names given, taken or moved in one atomic step.
struct NameChange {
  struct Slot {
    InodePtr directory;
    std::string name;
    InodePtr value;  // null: no such name any more
  };
  std::vector<Slot> slots;
  bool moves_directory = false;
};

// The changes of names that are not durable, oldest first.
class NameLog {
 public:
  void add(NameChange change) { changes_.push_back(std::move(change)); }
  // Makes durable what concerns `directory`, and every earlier change of a name that comes along with it.
  void sync(const InodePtr& directory);
  void sync_device(std::uint64_t device);
  void keep_some(std::mt19937_64& random);

 private:
  template <typename Wanted>
  void settle(Wanted&& wanted);
  std::vector<NameChange> changes_;
};

}  // namespace duskline::testing::sim
