#include "release/content.h"

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <utility>

#include "base/units.h"
#include "pack/frame.h"
#include "release/broken.h"

namespace duskline::release {
namespace {

constexpr std::uint64_t batch_bytes = 8 << 20;  // decoded, worked on at a time
constexpr std::size_t batch_chunks = 4096;
constexpr std::uint64_t max_gap_bytes = 64 << 10;  // cheaper to fetch than another request
constexpr std::uint64_t max_request_bytes = 16 << 20;

struct FrameKey {
  std::uint32_t pack = 0;
  std::uint64_t offset = 0;
  auto operator<=>(const FrameKey&) const = default;
};
FrameKey key_of(const model::Frame& frame) { return {frame.pack, frame.offset_bytes}; }

using FrameBytes = std::shared_ptr<const Bytes>;

// Decoded frames, the last used first.
class FrameCache {
 public:
  explicit FrameCache(std::uint64_t limit) : limit_(limit) {}
  FrameBytes find(const FrameKey& key) {
    const auto at = where_.find(key);
    if (at == where_.end()) return nullptr;
    order_.splice(order_.begin(), order_, at->second);
    return at->second->second;
  }
  void add(const FrameKey& key, FrameBytes bytes) {
    held_ += bytes->size();
    order_.emplace_front(key, std::move(bytes));
    where_.insert_or_assign(key, order_.begin());
    while (held_ > limit_ && order_.size() > 1) {
      held_ -= order_.back().second->size();
      where_.erase(order_.back().first);
      order_.pop_back();
    }
  }

 private:
  std::uint64_t limit_, held_ = 0;
  std::list<std::pair<FrameKey, FrameBytes>> order_;
  std::map<FrameKey, std::list<std::pair<FrameKey, FrameBytes>>::iterator> where_;
};

// A chunk of the range that is read, or a hole.
struct Want {
  model::Chunk chunk;
  std::uint64_t offset = 0;  // in the file
  FrameKey frame;
  std::uint32_t at = 0;  // in the frame
};

Status write_zeros(Sink& sink, std::uint64_t count) {
  static constexpr std::array<std::uint8_t, 64 << 10> zeros{};
  while (count > 0) {
    const std::uint64_t piece = std::min<std::uint64_t>(count, zeros.size());
    DL_TRY(sink.write(ByteView(zeros).first(piece)));
    count -= piece;
  }
  return {};
}

}  // namespace

struct ContentReader::State {
  State(store::ObjectStore& from, model::SetName name, Manifest& of, std::uint64_t cache_bytes)
      : store(from), set(std::move(name)), manifest(of), cache(cache_bytes) {}

  store::ObjectStore& store;
  model::SetName set;
  Manifest& manifest;
  FrameCache cache;
  pack::FrameDecoder decoder;
  std::uint64_t from = 0, to = 0;  // of the file that is read
  // The batch in hand.
  std::vector<Want> wants;
  std::map<FrameKey, model::Frame> missing;
  std::map<FrameKey, FrameBytes> have;
  std::uint64_t held = 0;

  Status add(const Op& op, const model::Chunk& chunk, std::uint64_t offset, std::uint64_t node, std::uint32_t place) {
    if (chunk.is_hole()) {
      wants.push_back({chunk, offset, {}, 0});
      return {};
    }
    DL_ASSIGN(const NodePlaces places, manifest.places(op, node));
    if (place >= places.places.size()) return broken_manifest("a node has more chunks than places");
    const model::Place& where = places.places[place];
    const model::Frame& frame = places.table->frames[where.frame];
    if (chunk.length_bytes > frame.raw_bytes - where.offset_bytes) {
      return broken_manifest("a chunk reaches beyond the frame that it lies in");
    }
    const FrameKey key = key_of(frame);
    wants.push_back({chunk, offset, key, where.offset_bytes});
    if (have.count(key) != 0 || missing.count(key) != 0) return {};
    held += frame.raw_bytes;
    if (FrameBytes bytes = cache.find(key)) {
      have.emplace(key, std::move(bytes));
    } else {
      missing.emplace(key, frame);
    }
    return {};
  }

  Status flush(const Op& op, Sink& sink) {
    DL_TRY(fetch(op));
    for (const Want& want : wants) {
      const std::uint64_t skip = from > want.offset ? from - want.offset : 0;
      const std::uint64_t end = std::min(want.chunk.length_bytes, to - want.offset);
      if (want.chunk.is_hole()) {
        DL_TRY(write_zeros(sink, end - skip));
        continue;
      }
      const Bytes& frame = *have.at(want.frame);
      // Two segments may tell different sizes of one frame.
      if (frame.size() < want.at + want.chunk.length_bytes) return damaged(want.chunk);
      const ByteView bytes = ByteView(frame).subspan(want.at, want.chunk.length_bytes);
      if (sha256(bytes) != want.chunk.hash) return damaged(want.chunk);
      DL_TRY(sink.write(bytes.subspan(skip, end - skip)));
    }
    drop();
    return {};
  }

  [[nodiscard]] bool is_full() const { return held >= batch_bytes || wants.size() >= batch_chunks; }

  void drop() {
    wants.clear();
    have.clear();
    missing.clear();
    held = 0;
  }

  [[nodiscard]] Error damaged(const model::Chunk& chunk) const {
    return {Code::corrupt, "chunk " + chunk.hash.short_hex() + " of release " + manifest.index().id.short_hex() +
                               " is damaged in " + store.describe() +
                               ": the pack that should hold it was altered or cut short"};
  }

  // Neighbours in a pack by one request.
  Status fetch(const Op& op) {
    for (auto first = missing.begin(); first != missing.end();) {
      std::uint64_t end = first->second.offset_bytes + first->second.stored_bytes;
      auto last = std::next(first);
      while (last != missing.end() && last->first.pack == first->first.pack &&
             last->second.offset_bytes <= end + max_gap_bytes &&
             last->second.offset_bytes + last->second.stored_bytes - first->second.offset_bytes <= max_request_bytes) {
        end = std::max(end, last->second.offset_bytes + last->second.stored_bytes);
        ++last;
      }
      DL_TRY(fetch_run(op, first, last, end));
      first = last;
    }
    return {};
  }

  using FrameIterator = std::map<FrameKey, model::Frame>::const_iterator;
  Status fetch_run(const Op& op, FrameIterator first, FrameIterator last, std::uint64_t end) {
    const store::Key key(model::pack_key(set, manifest.index().packs[first->first.pack]));
    const std::uint64_t begin = first->first.offset;
    store::GetOptions options;
    options.range = store::ByteRange{begin, end - begin};
    auto stored = store::get_all(store, op, key, end - begin, options);
    if (!stored) return wrap(std::move(stored).error(), "read content from " + key.text());
    if (stored->size() != end - begin) {
      return Error{Code::corrupt, key.text() + " in " + store.describe() + " is shorter than its manifest says"};
    }
    for (auto frame = first; frame != last; ++frame) {
      const model::Frame& how = frame->second;
      auto raw = std::make_shared<Bytes>();
      const ByteView part = ByteView(*stored).subspan(how.offset_bytes - begin, how.stored_bytes);
      const Status decoded = decoder.decode(how.codec, part, how.raw_bytes, {}, *raw);
      if (!decoded) return wrap(decoded.error(), "read content from " + key.text());
      cache.add(frame->first, raw);
      have.emplace(frame->first, std::move(raw));
    }
    return {};
  }
};

ContentReader::ContentReader(store::ObjectStore& store, model::SetName set, Manifest& manifest,
                             std::uint64_t cache_bytes)
    : state_(std::make_unique<State>(store, std::move(set), manifest, cache_bytes)) {}

ContentReader::~ContentReader() = default;

Status ContentReader::read(const Op& op, const DirectoryCursor::Item& file, std::uint64_t offset, std::uint64_t length,
                           Sink& sink) {
  State& state = *state_;
  const std::uint64_t size = file.entry->size_bytes;
  state.from = std::min(offset, size);
  state.to = state.from + std::min(length, size - state.from);
  state.drop();
  DL_TRY(for_each_chunk_in(
      op, state.manifest, file, state.from, state.to - state.from,
      [&](const model::Chunk& chunk, std::uint64_t at, std::uint64_t node, std::uint32_t place) -> Status {
        if (state.is_full()) DL_TRY(state.flush(op, sink));
        return state.add(op, chunk, at, node, place);
      }));
  return state.flush(op, sink);
}

}  // namespace duskline::release
