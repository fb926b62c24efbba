// Trees as the simulation compares them: flat, and with the hash in place of a file's bytes.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "disk/filesystem.h"
#include "release/manifest.h"
#include "store/object_store.h"

namespace duskline::sim {

struct Item {
  model::EntryKind kind = model::EntryKind::file;
  std::uint32_t mode = 0;
  std::int64_t mtime_ns = 0;
  Hash256 content;     // of a file
  std::string target;  // of a symlink
  std::vector<model::Attribute> attributes;
  bool operator==(const Item&) const = default;
};
using Tree = std::map<std::string, Item>;  // by path; the top itself is not in it

// What lies below a directory, the private folder of a target left out. Throws where it cannot be read.
[[nodiscard]] Tree read_tree(disk::Directory& top);
// What a release in a store holds, each chunk checked. Throws where something is missing or wrong.
[[nodiscard]] Tree read_tree(store::ObjectStore& store, const model::SetName& set, release::Manifest& manifest);

// How `found` differs from `wanted`, a line for each of the first few paths; "" where it does not. A file whose content
// is in `spoilt` counts as right if all else of it is.
[[nodiscard]] std::string difference(const Tree& wanted, const Tree& found, const std::set<Hash256>& spoilt = {});

// Somebody who works in a source directory: writes, edits, renames and removes. What is done is durable.
class Gardener {
 public:
  explicit Gardener(std::mt19937_64& random) : random_(random) {}
  void plant(disk::Directory& top);  // the first content
  void edit(disk::Directory& top);   // a few changes

 private:
  void edit_once(disk::Directory& top);
  void write(disk::Directory& top, const std::string& path, const Bytes& content);
  void change_bytes(disk::Directory& top, const std::string& path);
  void change_attributes(disk::Directory& top);
  [[nodiscard]] Bytes some_content();
  [[nodiscard]] std::string some_path(disk::Directory& top, disk::FileKind kind);
  [[nodiscard]] std::string new_path(disk::Directory& top);
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  std::mt19937_64& random_;
  std::uint64_t named_ = 0;
};

}  // namespace duskline::sim
