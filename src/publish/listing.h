// The entries of one directory, sorted by name as a tree's are, in as little memory as a million of them allow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "disk/filesystem.h"

namespace duskline::publish {

class Listing {
 public:
  [[nodiscard]] static Result<Listing> read(disk::Directory& directory);
  [[nodiscard]] std::size_t size() const { return order_.size(); }
  // The `place`-th by name.
  [[nodiscard]] std::string_view name(std::size_t place) const { return name_of(entries_[order_[place]]); }
  // As it was listed, but that stored_bytes says only whether the file is sparse: it is 0 then, else size_bytes.
  [[nodiscard]] disk::Stat stat(std::size_t place) const;
  [[nodiscard]] std::optional<disk::FileKind> kind_of(std::string_view name) const;

 private:
  // What many entries have in common.
  struct Common {
    std::uint32_t uid = 0, gid = 0;
    std::uint64_t device = 0, mount = 0;
    bool operator==(const Common&) const = default;
  };
  struct Entry {
    std::uint64_t name_offset = 0;
    std::uint64_t size_bytes = 0;
    std::int64_t mtime_ns = 0, ctime_ns = 0;
    std::uint64_t inode = 0;
    std::uint32_t links = 0;
    std::uint32_t common = 0;
    std::uint16_t mode = 0;
    std::uint16_t name_bytes = 0;
    disk::FileKind kind = disk::FileKind::file;
    bool is_sparse = false;
  };
  Status add(std::string_view name, const disk::Stat& stat);
  std::uint32_t find_common(const Common& common);
  void sort();
  [[nodiscard]] std::string_view name_of(const Entry& entry) const {
    return std::string_view(names_).substr(entry.name_offset, entry.name_bytes);
  }

  std::string names_;
  std::vector<Entry> entries_;
  std::vector<Common> common_;
  std::vector<std::uint32_t> order_;
};

}  // namespace duskline::publish
