#include "release/manifest.h"

#include <algorithm>
#include <list>
#include <unordered_map>
#include <utility>

#include "release/broken.h"
#include "release/squeeze.h"

namespace duskline::release {
namespace {

constexpr std::uint64_t cache_bytes = 8 << 20;
constexpr std::size_t least_chunk_bytes = 32;  // in a node: its hash

class FileSegments final : public SegmentSource {
 public:
  explicit FileSegments(std::unique_ptr<disk::File> file) : file_(std::move(file)) {}
  Status read(const Op& op, std::uint64_t offset, std::uint64_t length, Bytes& out) override {
    DL_TRY(op.check());
    out.resize(length);
    DL_ASSIGN(const std::size_t got, file_->read_at(offset, out));
    if (got != length) return Error{Code::corrupt, "a manifest's file is shorter than its index says"};
    return {};
  }

 private:
  std::unique_ptr<disk::File> file_;
};

}  // namespace

std::unique_ptr<SegmentSource> file_segments(std::unique_ptr<disk::File> file) {
  return std::make_unique<FileSegments>(std::move(file));
}

struct Manifest::Segment {
  std::size_t number = 0;
  Bytes nodes;                       // raw
  std::vector<std::uint32_t> begin;  // of each node in `nodes`
  std::vector<std::uint32_t> end;
  std::vector<Hash256> verified;  // what each node was found to hash to; zero: not hashed yet
  bool has_places = false;
  model::FrameTable table;
  std::vector<model::Place> places;
  std::vector<std::uint32_t> place_begin;  // of each node in `places`, and one more

  [[nodiscard]] std::uint64_t held_bytes() const {
    return nodes.capacity() + 40 * begin.size() + table.frames.size() * sizeof(model::Frame) +
           places.size() * sizeof(model::Place) + 4 * place_begin.size();
  }
};

struct Manifest::State {
  ManifestIndex index;
  std::unique_ptr<SegmentSource> source;
  std::list<Segment> cache;  // the last used first
  Bytes stored, raw;         // scratch
};

Manifest::Manifest(ManifestIndex index, std::unique_ptr<SegmentSource> segments) : state_(std::make_unique<State>()) {
  state_->index = std::move(index);
  state_->source = std::move(segments);
}

Manifest::~Manifest() = default;

Result<std::unique_ptr<Manifest>> Manifest::open(std::unique_ptr<disk::File> file) {
  Bytes start(header_bytes);
  DL_ASSIGN(std::size_t got, file->read_at(0, start));
  start.resize(got);
  DL_ASSIGN(const std::uint64_t length, index_size(start));
  DL_ASSIGN(const disk::Stat stat, file->stat());
  if (stat.size_bytes < length) return broken_manifest("it ends within its index");
  start.resize(length);
  DL_ASSIGN(got, file->read_at(0, start));
  start.resize(got);
  DL_ASSIGN(ManifestIndex index, decode_index(start));
  if (stat.size_bytes != index.total_bytes) {
    return broken_manifest("its file has " + std::to_string(stat.size_bytes) + " bytes, but its index says " +
                           std::to_string(index.total_bytes));
  }
  return std::make_unique<Manifest>(std::move(index), file_segments(std::move(file)));
}

const ManifestIndex& Manifest::index() const { return state_->index; }

NodeRef Manifest::top() const { return {state_->index.release.tree, 0, state_->index.release.stats}; }

Result<Manifest::Segment*> Manifest::segment_of(const Op& op, std::uint64_t ordinal) {
  const auto& segments = state_->index.segments;
  const auto after = std::upper_bound(segments.begin(), segments.end(), ordinal,
                                      [](std::uint64_t n, const SegmentInfo& s) { return n < s.first_node; });
  if (after == segments.begin() || ordinal >= std::prev(after)->first_node + std::prev(after)->nodes) {
    return broken_tree("node " + std::to_string(ordinal) + " lies beyond the manifest's end");
  }
  const auto number = static_cast<std::size_t>(std::prev(after) - segments.begin());
  auto& cache = state_->cache;
  const auto found =
      std::find_if(cache.begin(), cache.end(), [&](const Segment& segment) { return segment.number == number; });
  if (found != cache.end()) {
    cache.splice(cache.begin(), cache, found);
    return &cache.front();
  }
  Segment segment;
  segment.number = number;
  DL_TRY(load_nodes(op, segment));
  cache.push_front(std::move(segment));
  evict();
  return &cache.front();
}

// Never the segment in use, which is the first.
void Manifest::evict() {
  std::uint64_t held = 0;
  for (const Segment& segment : state_->cache) held += segment.held_bytes();
  while (held > cache_bytes && state_->cache.size() > 1) {
    held -= state_->cache.back().held_bytes();
    state_->cache.pop_back();
  }
}

Status Manifest::load_nodes(const Op& op, Segment& segment) {
  const SegmentInfo& info = state_->index.segments[segment.number];
  DL_TRY(state_->source->read(op, info.offset_bytes, info.nodes_stored_bytes, state_->stored));
  DL_TRY(unsqueeze(state_->stored, info.nodes_raw_bytes, "a segment of the manifest", segment.nodes));
  ByteReader read(segment.nodes);
  segment.begin.reserve(info.nodes);
  segment.end.reserve(info.nodes);
  for (std::uint64_t i = 0; i < info.nodes; ++i) {
    const std::uint64_t length = read.varint();
    if (!read.ok() || length == 0 || length > model::max_node_bytes || length > read.left()) {
      return broken_manifest("a node is longer than its segment");
    }
    const std::size_t begin = segment.nodes.size() - read.left();
    segment.begin.push_back(static_cast<std::uint32_t>(begin));
    segment.end.push_back(static_cast<std::uint32_t>(begin + length));
    read.raw(length);
  }
  if (!read.at_end()) return broken_manifest("bytes are left over in a segment");
  segment.verified.resize(info.nodes);
  return {};
}

Result<ByteView> Manifest::node(const Op& op, std::uint64_t ordinal, const Hash256& expected) {
  DL_ASSIGN(Segment* const segment, segment_of(op, ordinal));
  const std::size_t at = ordinal - state_->index.segments[segment->number].first_node;
  const ByteView encoded = ByteView(segment->nodes).subspan(segment->begin[at], segment->end[at] - segment->begin[at]);
  Hash256& verified = segment->verified[at];
  if (verified.is_zero()) verified = sha256(encoded);
  if (verified != expected) {
    return Error{Code::corrupt, "the manifest of release " + state_->index.id.short_hex() + " is damaged: node " +
                                    std::to_string(ordinal) + " does not have the hash that its parent names"};
  }
  return encoded;
}

Status Manifest::load_places(const Op& op, Segment& segment) {
  const SegmentInfo& info = state_->index.segments[segment.number];
  DL_TRY(
      state_->source->read(op, info.offset_bytes + info.nodes_stored_bytes, info.places_stored_bytes, state_->stored));
  DL_TRY(unsqueeze(state_->stored, info.places_raw_bytes, "a segment's places in the manifest", state_->raw));
  ByteReader read(state_->raw);
  std::uint64_t sum = 0;
  segment.place_begin.clear();
  segment.place_begin.reserve(info.nodes + 1);
  segment.place_begin.push_back(0);
  for (std::uint64_t i = 0; i < info.nodes; ++i) {
    const std::uint64_t count = read.varint();
    if (!read.ok() || count > info.nodes_raw_bytes / least_chunk_bytes - sum) {
      return broken_manifest("a segment claims more places than its nodes can have chunks");
    }
    sum += count;
    segment.place_begin.push_back(static_cast<std::uint32_t>(sum));
  }
  const ByteView rest = ByteView(state_->raw).last(read.left());
  DL_TRY(model::decode_places(rest, static_cast<std::uint32_t>(state_->index.packs.size()), segment.table,
                              segment.places));
  if (!segment.table.bases.empty()) return broken_manifest("patches are not allowed in it");
  if (segment.places.size() != sum)
    return broken_manifest("a segment's places are not as many as its nodes' counts say");
  segment.has_places = true;
  return {};
}

Result<NodePlaces> Manifest::places(const Op& op, std::uint64_t ordinal) {
  if (!has_places()) {
    return Error{Code::internal, "a target's record of a release was asked where bytes lie; only manifests know"};
  }
  DL_ASSIGN(Segment* const segment, segment_of(op, ordinal));
  if (!segment->has_places) {
    DL_TRY(load_places(op, *segment));
    evict();
  }
  const std::size_t at = ordinal - state_->index.segments[segment->number].first_node;
  const std::uint32_t begin = segment->place_begin[at];
  return NodePlaces{&segment->table, std::span(segment->places).subspan(begin, segment->place_begin[at + 1] - begin),
                    segment->number};
}

namespace {

// Numbers a manifest's frames as `index` does, one entry for each frame however many segments name it.
class FrameNumbers {
 public:
  FrameNumbers(const ManifestIndex& manifest, pack::ChunkIndex& index) : manifest_(manifest), index_(index) {}
  std::uint32_t of(model::Frame frame) {
    frame.pack = index_.add_pack(manifest_.packs[frame.pack]);
    constexpr int offset_bits = 40;
    const std::uint64_t key = std::uint64_t{frame.pack} << offset_bits | frame.offset_bytes;
    const auto [at, is_new] = numbers_.try_emplace(key, 0);
    if (is_new) at->second = index_.add_frame(frame);
    return at->second;
  }

 private:
  const ManifestIndex& manifest_;
  pack::ChunkIndex& index_;
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
};

}  // namespace

Status load_chunks(const Op& op, Manifest& manifest, pack::ChunkIndex& index) {
  FrameNumbers numbers(manifest.index(), index);
  return for_each_node(op, manifest, manifest.top(), [&](const WalkedNode& node) -> Status {
    DL_ASSIGN(const NodePlaces at, manifest.places(op, node.ordinal));
    std::size_t used = 0;
    DL_TRY(for_each_place(node, [&](const model::Chunk& chunk) -> Status {
      if (used == at.places.size()) return broken_manifest("a node has more chunks than places");
      const model::Place& place = at.places[used++];
      if (index.find(chunk.hash)) return {};
      index.add(chunk.hash, {numbers.of(at.table->frames[place.frame]), place.offset_bytes});
      return {};
    }));
    if (used != at.places.size()) return broken_manifest("a node has more places than chunks");
    return {};
  });
}

}  // namespace duskline::release
