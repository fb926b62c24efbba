// Random nodes for property tests. The seed is chosen anew each run, printed, and taken from DUSKLINE_SEED if set.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>
#include <string>

#include "model/tree.h"

namespace duskline::model::testing {

inline std::uint64_t test_seed() {
  const char* given = std::getenv("DUSKLINE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

class RandomTree {
 public:
  explicit RandomTree(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  Hash256 hash() {
    Hash256 hash;
    for (std::uint8_t& byte : hash.bytes) byte = static_cast<std::uint8_t>(below(256));
    hash.bytes[0] |= 1;
    return hash;
  }

  std::string text(std::size_t most) {
    std::string text(1 + below(most), 'x');
    for (char& c : text) {
      do {
        c = one_in(3) ? static_cast<char>(below(256)) : static_cast<char>('a' + below(4));
      } while (c == '/' || c == '\0');
    }
    return text;
  }

  std::string name() {
    for (;;) {
      std::string name = text(one_in(10) ? max_name_bytes : 12);
      if (name != "." && name != "..") return name;
    }
  }

  // At least `least` of them; never two holes in a row; not one chunk alone, unless it is a hole.
  std::vector<Chunk> chunks(std::size_t least, std::size_t most) {
    std::vector<Chunk> chunks(least + below(most - least + 1));
    bool after_hole = false;
    for (Chunk& chunk : chunks) {
      const bool hole = !after_hole && (one_in(4) || chunks.size() == 1);
      chunk.length_bytes = 1 + below(hole ? std::uint64_t{1} << 40 : max_chunk_bytes);
      if (!hole) chunk.hash = hash();
      after_hole = hole;
    }
    return chunks;
  }

  TreeStats stats() {
    TreeStats stats;
    stats.nodes = 1 + below(1000);
    stats.entries = 1 + below(1 << 20);
    stats.files = below(stats.entries);
    stats.bytes = below(std::uint64_t{1} << 40);
    return stats;
  }

  void fill_file(Entry& entry) {
    entry.size_bytes = one_in(5) ? 0 : 1 + below(max_chunk_bytes);
    if (one_in(6)) entry.hard_link = name() + "/" + name();
    if (entry.size_bytes == 0) {
      entry.content = sha256("");
      return;
    }
    entry.content = hash();
    if (one_in(3)) {
      entry.chunks = chunks(1, one_in(3) ? max_inline_chunks : 4);
      entry.size_bytes = 0;
      for (const Chunk& chunk : entry.chunks) entry.size_bytes += chunk.length_bytes;
    } else if (one_in(6)) {
      entry.size_bytes = 0;
      for (std::uint64_t i = 0, count = 1 + below(5); i < count; ++i) {
        const std::uint64_t of_chunks = max_inline_chunks + 1 + below(1000);
        entry.lists.push_back({hash(), of_chunks, of_chunks + below(1 << 30)});
        entry.size_bytes += entry.lists.back().bytes;
      }
    }
  }

  Entry entry(std::string name) {
    Entry entry;
    entry.name = std::move(name);
    entry.kind = static_cast<EntryKind>(1 + below(3));
    entry.mtime_ns = static_cast<std::int64_t>(one_in(10) ? random_() : below(std::uint64_t{1} << 61));
    if (one_in(4))
      entry.owner = Owner{static_cast<std::uint32_t>(below(70000)), static_cast<std::uint32_t>(below(70000))};
    if (one_in(6)) entry.attributes = {{"user.a", {1, 0, 2}}, {"user.b", {}}};
    if (entry.kind != EntryKind::symlink) entry.mode = static_cast<std::uint32_t>(below(010000));
    if (entry.kind == EntryKind::symlink) entry.target = text(one_in(10) ? max_link_bytes : 20);
    if (entry.kind == EntryKind::file) fill_file(entry);
    if (entry.kind == EntryKind::directory) {
      entry.node = hash();
      entry.stats = stats();
    }
    return entry;
  }

  Node directory(std::size_t most_entries) {
    std::set<std::string> names;
    for (std::uint64_t i = 0, count = below(most_entries + 1); i < count; ++i) names.insert(name());
    Node node;
    for (const std::string& name : names) node.entries.push_back(entry(name));
    return node;
  }

  Node fan(std::size_t runs) {
    std::set<std::string> names;
    while (names.size() < runs) names.insert(name());
    Node node;
    for (const std::string& name : names) {
      Entry run;
      run.kind = EntryKind::run;
      run.name = name;
      run.node = hash();
      run.stats = stats();
      node.entries.push_back(run);
    }
    return node;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace duskline::model::testing
