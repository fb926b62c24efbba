// Small releases for tests, made from a tree in memory: nodes, packs, manifest. Header only, so that this library does
// not depend on src/release; a test that includes it links that.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "disk/filesystem.h"
#include "model/release.h"
#include "pack/chunk_index.h"
#include "pack/frame.h"
#include "pack/pack_builder.h"
#include "release/manifest.h"
#include "store/object_store.h"
#include "testing/must.h"

namespace duskline::testing {

struct SampleEntry {
  model::EntryKind kind = model::EntryKind::file;
  std::uint32_t mode = 0644;
  std::int64_t mtime_ns = 1'700'000'000'000'000'000;
  Bytes content;       // of a file; pieces of zeros become holes
  std::string target;  // of a symlink
  std::map<std::string, SampleEntry> children;
  std::vector<model::Attribute> attributes;  // of a file or directory
  bool operator==(const SampleEntry&) const = default;
};

inline SampleEntry sample_directory(std::map<std::string, SampleEntry> children = {}) {
  return {.kind = model::EntryKind::directory, .mode = 0755, .children = std::move(children)};
}
inline SampleEntry sample_file(std::string_view content) { return {.content = Bytes(content.begin(), content.end())}; }

// How a sample is cut: small pieces, so that small files have many chunks and small directories several runs.
struct SampleCut {
  std::size_t chunk_bytes = 64;
  std::size_t run_entries = 16384;  // a directory with more becomes a fan
  std::size_t list_chunks = 100;
  std::size_t frame_bytes = 2000, pack_bytes = 9000;
};

inline Bytes random_content(std::mt19937_64& random, std::size_t bytes) {
  Bytes content(bytes);
  for (auto& byte : content) byte = static_cast<std::uint8_t>(random());
  return content;
}

inline std::string random_name(std::mt19937_64& random) {
  static const std::vector<std::string> words = {"a", "lib", "x.ko", "\xff\x01", "README", "usr", "\n", "z z", "bin-"};
  std::string name = words[random() % words.size()];
  if (random() % 4 != 0) name += std::to_string(random() % 1000);
  return name;
}

inline SampleEntry random_file(std::mt19937_64& random) {
  SampleEntry file;
  file.mode = random() % 2 == 0 ? 0644 : 0755;
  file.mtime_ns = static_cast<std::int64_t>(random() >> 2);
  switch (random() % 8) {
    case 0:
      break;
    case 1:
      file.content = random_content(random, 1 + random() % 20000);  // long: lists
      break;
    case 2: {  // sparse
      file.content = random_content(random, 500 + random() % 500);
      file.content.resize(file.content.size() + random() % 4000);
      const Bytes tail = random_content(random, 1 + random() % 100);
      file.content.insert(file.content.end(), tail.begin(), tail.end());
      break;
    }
    default:
      file.content = random_content(random, 1 + random() % 200);
  }
  return file;
}

// A directory of about `entries` entries, nested.
inline SampleEntry random_tree(std::mt19937_64& random, std::size_t entries, int depth = 0) {
  SampleEntry tree = sample_directory();
  tree.mtime_ns = static_cast<std::int64_t>(random() >> 2);
  while (entries > 0) {
    const std::string name = random_name(random);
    if (depth < 6 && random() % 4 == 0) {
      const std::size_t below = random() % (entries + 1);
      tree.children[name] = random_tree(random, below, depth + 1);
      entries -= std::min(entries, below + 1);
      continue;
    }
    tree.children[name] = random_file(random);
    if (random() % 8 == 0) {
      tree.children[name] = {.kind = model::EntryKind::symlink, .mode = 0, .mtime_ns = 5, .target = "../" + name};
    }
    --entries;
  }
  return tree;
}

// Changes, adds and removes some entries here and there.
inline void mutate_tree(std::mt19937_64& random, SampleEntry& tree, int one_in) {
  const auto hit = [&] { return static_cast<int>(random() % static_cast<unsigned>(one_in)) == 0; };
  for (auto entry = tree.children.begin(); entry != tree.children.end();) {
    if (hit()) {
      entry = tree.children.erase(entry);
      continue;
    }
    SampleEntry& it = entry->second;
    if (hit()) it.mtime_ns += 1;
    if (hit() && it.kind == model::EntryKind::directory) it = random_file(random);
    if (hit() && it.kind == model::EntryKind::file) it = random_tree(random, random() % 5, 6);
    if (hit() && it.kind == model::EntryKind::file && !it.content.empty())
      it.content[random() % it.content.size()] ^= 1;
    if (hit() && it.kind == model::EntryKind::file) it.content.insert(it.content.begin(), 7);
    if (it.kind == model::EntryKind::directory) mutate_tree(random, it, one_in);
    ++entry;
  }
  if (hit()) tree.children[random_name(random)] = random_file(random);
}

// A default ACL that lets one more user in, in the kernel's form: a version, then tag, permissions and id of each
// entry.
inline model::Attribute sample_default_acl(std::uint8_t uid) {
  constexpr std::uint8_t none = 255;
  Bytes value{2, 0, 0, 0};
  const auto entry = [&](std::uint8_t tag, std::uint8_t permissions, std::uint8_t id) {
    const std::uint8_t rest = id == none ? none : 0;
    value.insert(value.end(), {tag, 0, permissions, 0, id, rest, rest, rest});
  };
  entry(1, 7, none);
  entry(2, 7, uid);
  entry(4, 5, none);
  entry(16, 7, none);
  entry(32, 5, none);
  return {"system.posix_acl_default", value};
}

// Gives and takes attributes of directories here and there, default ACLs among them.
inline void decorate_tree(std::mt19937_64& random, SampleEntry& tree) {
  if (random() % 3 == 0) {
    tree.attributes.clear();
    if (random() % 2 == 0) tree.attributes.push_back(sample_default_acl(static_cast<std::uint8_t>(random() % 100)));
    if (random() % 2 == 0) tree.attributes.push_back({"user.note", {static_cast<std::uint8_t>(random() % 256)}});
  }
  for (auto& [name, child] : tree.children) {
    if (child.kind == model::EntryKind::directory) decorate_tree(random, child);
  }
}

// Puts chunks into frames and packs, and the packs into a store.
class SamplePacks {
 public:
  SamplePacks(store::ObjectStore* store, model::SetName set, SampleCut cut)
      : store_(store), set_(std::move(set)), cut_(cut) {}

  void add(const Hash256& hash, ByteView bytes) {
    if (index_.find(hash) || !waiting_.emplace(hash, raw_.size()).second) return;
    raw_.insert(raw_.end(), bytes.begin(), bytes.end());
    if (raw_.size() >= cut_.frame_bytes) close_frame();
  }
  // Everything added so far has a place after this.
  pack::ChunkIndex& finish() {
    if (!raw_.empty()) close_frame();
    if (!frames_.empty()) close_pack();
    return index_;
  }
  [[nodiscard]] const std::vector<Hash256>& packs() const { return packs_; }

 private:
  struct Waiting {
    model::Frame frame;
    std::map<Hash256, std::uint64_t> chunks;
  };
  void close_frame() {
    Bytes stored;
    model::Frame frame;
    frame.codec = encoder_.encode(raw_, stored);
    frame.raw_bytes = raw_.size();
    frame.stored_bytes = stored.size();
    frame.offset_bytes = pack_.size();
    pack_.insert(pack_.end(), stored.begin(), stored.end());
    frames_.push_back({frame, std::move(waiting_)});
    waiting_.clear();
    raw_.clear();
    if (pack_.size() >= cut_.pack_bytes) close_pack();
  }
  void close_pack() {
    const Hash256 hash = sha256(pack_);
    const std::uint32_t number = index_.add_pack(hash);
    packs_.push_back(hash);
    for (Waiting& waiting : frames_) {
      waiting.frame.pack = number;
      const std::uint32_t frame = index_.add_frame(waiting.frame);
      for (const auto& [chunk, at] : waiting.chunks) index_.add(chunk, {frame, static_cast<std::uint32_t>(at)});
    }
    if (store_ != nullptr) must(store::put_all(*store_, {}, store::Key(model::pack_key(set_, hash)), pack_, {}));
    frames_.clear();
    pack_.clear();
  }

  store::ObjectStore* store_;
  model::SetName set_;
  SampleCut cut_;
  pack::FrameEncoder encoder_{pack::Effort::fast};
  pack::ChunkIndex index_;
  std::map<Hash256, std::uint64_t> waiting_;
  Bytes raw_, pack_;
  std::vector<Waiting> frames_;
  std::vector<Hash256> packs_;
};

// Turns a tree in memory into nodes.
class SampleNodes {
 public:
  SampleNodes(release::TreeSpool& spool, SamplePacks& packs, SampleCut cut) : spool_(spool), packs_(packs), cut_(cut) {}

  // The top node's hash; `stats` are those of the whole tree.
  Hash256 add(const SampleEntry& directory, model::TreeStats& stats) {
    std::vector<model::Node> runs(1);
    for (const auto& [name, child] : directory.children) {
      if (runs.back().entries.size() == cut_.run_entries) runs.emplace_back();
      runs.back().entries.push_back(entry(name, child));
    }
    if (runs.size() == 1) return put(runs.front(), stats);
    model::Node fan;
    for (const model::Node& run : runs) {
      model::Entry entry;
      entry.kind = model::EntryKind::run;
      entry.name = run.entries.front().name;
      entry.node = put(run, entry.stats);
      fan.entries.push_back(std::move(entry));
    }
    return put(fan, stats);
  }

 private:
  Hash256 put(const model::Node& node, model::TreeStats& stats) {
    Bytes encoded;
    model::encode_node(node, encoded);
    stats = model::stats_of(node);
    return must(spool_.add(encoded));
  }

  model::Entry entry(const std::string& name, const SampleEntry& from) {
    model::Entry entry;
    entry.kind = from.kind;
    entry.name = name;
    entry.mode = from.mode;
    entry.mtime_ns = from.mtime_ns;
    entry.target = from.target;
    entry.attributes = from.attributes;
    if (from.kind == model::EntryKind::directory) entry.node = add(from, entry.stats);
    if (from.kind == model::EntryKind::file) file(from.content, entry);
    return entry;
  }

  void file(const Bytes& content, model::Entry& entry) {
    entry.size_bytes = content.size();
    entry.content = sha256(content);
    if (content.size() <= cut_.chunk_bytes) {
      if (!content.empty()) packs_.add(entry.content, content);
      return;
    }
    std::vector<model::Chunk> chunks;
    for (std::size_t at = 0; at < content.size(); at += cut_.chunk_bytes) {
      const ByteView piece = ByteView(content).subspan(at, std::min(cut_.chunk_bytes, content.size() - at));
      const bool zeros = std::all_of(piece.begin(), piece.end(), [](std::uint8_t byte) { return byte == 0; });
      if (zeros && !chunks.empty() && chunks.back().is_hole()) {
        chunks.back().length_bytes += piece.size();
        continue;
      }
      chunks.push_back({zeros ? Hash256{} : sha256(piece), piece.size()});
      if (!zeros) packs_.add(chunks.back().hash, piece);
    }
    if (chunks.size() <= model::max_inline_chunks) {
      entry.chunks = std::move(chunks);
      return;
    }
    for (std::size_t at = 0; at < chunks.size(); at += cut_.list_chunks) {
      const auto first = chunks.begin() + static_cast<std::ptrdiff_t>(at);
      const std::vector<model::Chunk> list(
          first, first + static_cast<std::ptrdiff_t>(std::min(cut_.list_chunks, chunks.size() - at)));
      Bytes encoded;
      model::encode_list(list, encoded);
      model::ListRef ref{must(spool_.add(encoded)), list.size(), 0};
      for (const model::Chunk& chunk : list) ref.bytes += chunk.length_bytes;
      entry.lists.push_back(ref);
    }
  }

  release::TreeSpool& spool_;
  SamplePacks& packs_;
  SampleCut cut_;
};

// A release of a tree: `object` is its manifest in `directory`, and in `store` where one is given.
struct SampleRelease {
  model::Release release;
  std::string envelope;
  release::ManifestIndex index;
  Bytes object;
};

enum class SamplePlaces : std::uint8_t { no, yes };

class SamplePublisher {
 public:
  SamplePublisher(disk::Directory& scratch, const Signer& signer, store::ObjectStore* store = nullptr,
                  SampleCut cut = {}, const std::string& set = "sample")
      : scratch_(scratch),
        signer_(signer),
        store_(store),
        cut_(cut),
        set_(must(model::SetName::parse(set))),
        packs_(store, set_, cut) {}

  [[nodiscard]] const model::SetName& set() const { return set_; }
  [[nodiscard]] SamplePacks& packs() { return packs_; }

  SampleRelease publish(const SampleEntry& tree, SamplePlaces places = SamplePlaces::yes) {
    release::TreeSpool spool(new_file("spool"));
    SampleRelease made;
    SampleNodes nodes(spool, packs_, cut_);
    made.release.realm = "default";
    made.release.set = set_.text();
    made.release.number = ++number_;
    made.release.published = WallTime{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}};
    made.release.tree = nodes.add(tree, made.release.stats);
    made.release.top_attributes = tree.attributes;
    made.envelope = must(model::seal(model::encode_release(made.release), signer_));
    const pack::ChunkIndex& chunks = packs_.finish();
    const auto out = new_file("manifest");
    made.index =
        must(spool.write({}, made.release, made.envelope, places == SamplePlaces::yes ? &chunks : nullptr, *out));
    made.object.resize(must(out->stat()).size_bytes);
    must(out->read_at(0, made.object));
    if (store_ != nullptr) {
      must(store::put_all(*store_, {}, store::Key(model::release_key(set_, made.index.id)), made.object, {}));
    }
    return made;
  }

  // The bytes as a file that nothing else names.
  std::unique_ptr<disk::File> file_of(ByteView bytes) {
    auto file = new_file("object");
    must(file->write_at(0, bytes));
    return file;
  }

  std::unique_ptr<disk::File> new_file(const std::string& name) {
    must(scratch_.remove_file(name, disk::Missing::is_absent));
    return must(scratch_.create(name, 0600));
  }

 private:
  disk::Directory& scratch_;
  const Signer& signer_;
  store::ObjectStore* store_;
  SampleCut cut_;
  model::SetName set_;
  SamplePacks packs_;
  model::ReleaseNumber number_ = 0;
};

}  // namespace duskline::testing
