#include "publish/delta.h"

#include <malloc.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/units.h"
#include "pack/delta.h"
#include "publish/delta_batch.h"
#include "publish/file_body.h"

namespace duskline::publish {
namespace {

constexpr std::string_view patches_file = "delta.patches", object_file = "delta.new";
constexpr std::uint64_t batch_bytes = 24 << 20;
constexpr std::size_t batch_chunks = 16384;
constexpr std::uint64_t old_content_cache_bytes = 16 << 20;
constexpr std::size_t max_renames = 200'000;  // files looked through for the origin of a new name

// What bounds the time and memory that patches take.
struct PatchLimits {
  std::uint64_t whole_bytes;     // old and new file together: patched as a whole up to this
  std::uint64_t run_bytes;       // longest part of a longer file
  std::uint64_t thorough_bytes;  // new content of one release patched at a high level; the rest at a low one
};
PatchLimits limits_for(pack::Effort effort) {
  switch (effort) {
    case pack::Effort::fast:
      return {2 << 20, 1 << 20, 0};
    case pack::Effort::normal:
      return {24 << 20, 4 << 20, 512 << 20};
    case pack::Effort::high:
      return {96 << 20, 16 << 20, UINT64_MAX};
  }
  return {};
}

bool is_file(const release::DirectoryCursor::Item* item) {
  return item != nullptr && item->entry->kind == model::EntryKind::file;
}

// The names that went and came, to find out which new file was which old one.
class Renames final : public release::TreeDiffVisitor {
 public:
  Status differs(const release::Sided& entry) override {
    if (entry.after == nullptr && is_file(entry.before)) note(removed_, entry, *entry.before);
    if (entry.before == nullptr && is_file(entry.after)) note(added_, entry, *entry.after);
    return {};
  }
  [[nodiscard]] std::map<std::string, std::string> find() {
    std::map<std::string, std::string> origins;
    if (is_too_much_ || removed_.empty()) return origins;
    std::ranges::sort(removed_, {}, &pack::NamedSize::path);
    std::ranges::sort(added_, {}, &pack::NamedSize::path);
    const auto found = pack::likely_origins(removed_, added_);
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!found[i].empty()) origins.emplace(added_[i].path, found[i]);
    }
    return origins;
  }

 private:
  void note(std::vector<pack::NamedSize>& into, const release::Sided& entry,
            const release::DirectoryCursor::Item& item) {
    is_too_much_ = is_too_much_ || into.size() >= max_renames;
    if (!is_too_much_) into.push_back({std::string(entry.path), item.entry->size_bytes});
  }
  std::vector<pack::NamedSize> removed_, added_;
  bool is_too_much_ = false;
};

// Makes one delta.
class DeltaMaker final : public release::TreeDiffVisitor {
 public:
  DeltaMaker(const Op& op, const DeltaParts& parts, release::Manifest& from, PatchWorkers& workers, PatchCache& cache,
             release::DeltaWriter& writer)
      : op_(op),
        parts_(parts),
        from_(from),
        limits_(limits_for(parts.options.effort)),
        reader_(parts.publish.store, parts.options.set, from, old_content_cache_bytes),
        batch_({parts.source, reader_, workers, cache}, writer) {}

  Status run();
  [[nodiscard]] std::uint64_t saved_bytes() const { return static_cast<std::uint64_t>(batch_.saved_bytes()); }
  Status differs(const release::Sided& entry) override;

 private:
  struct FileChunk {
    model::Chunk chunk;
    std::uint64_t offset = 0, node = 0;
    std::uint32_t place = 0;
  };
  // The old version of a file, if there is one.
  struct Old {
    std::string path;
    release::FoundEntry entry;
  };
  Result<std::optional<Old>> old_of(const release::Sided& entry);
  Status add_file(std::string_view path, const release::DirectoryCursor::Item& file, const std::optional<Old>& old);
  Result<std::vector<FileChunk>> chunks_of(release::Manifest& of, const release::DirectoryCursor::Item& file) const;
  Status add_runs(const std::vector<FileChunk>& chunks, const Old& old);
  Status add_chunk(const FileChunk& chunk);
  Status finish_when_full();
  [[nodiscard]] pack::Effort effort_for(std::size_t first);

  const Op& op_;
  const DeltaParts& parts_;
  release::Manifest& from_;
  const PatchLimits limits_;
  pack::ChunkIndex known_;  // chunks of the earlier release, and those dealt with
  std::map<std::string, std::string> origins_;
  release::ContentReader reader_;
  DeltaBatch batch_;
  std::uint64_t patched_bytes_ = 0;
  std::uint64_t files_done_ = 0, bytes_done_ = 0;
};

Status DeltaMaker::run() {
  DL_TRY(release::load_chunks(op_, from_, known_));
  Renames renames;
  DL_TRY(release::diff_trees(op_, &from_, from_.top(), &parts_.made, parts_.made.top(), renames));
  origins_ = renames.find();
  DL_TRY(release::diff_trees(op_, &from_, from_.top(), &parts_.made, parts_.made.top(), *this));
  return batch_.finish();
}

Status DeltaMaker::differs(const release::Sided& entry) {
  if (!is_file(entry.after)) return {};
  if (is_file(entry.before) && entry.before->entry->content == entry.after->entry->content) return {};
  DL_TRY(op_.check());
  DL_TRY(parts_.lease.refresh(op_));
  DL_ASSIGN(const auto old, old_of(entry));
  DL_TRY(add_file(entry.path, *entry.after, old));
  bytes_done_ += entry.after->entry->size_bytes;
  parts_.publish.reporter.progress({.phase = "patch", .files = ++files_done_, .bytes = bytes_done_});
  return {};
}

Result<std::optional<DeltaMaker::Old>> DeltaMaker::old_of(const release::Sided& entry) {
  if (is_file(entry.before)) {
    const release::DirectoryCursor::Item& item = *entry.before;
    return std::optional(
        Old{std::string(entry.path), {*item.entry, item.first_child, item.node, item.first_place, item.depth}});
  }
  const auto origin = origins_.find(std::string(entry.path));
  if (origin == origins_.end()) return std::optional<Old>();
  DL_ASSIGN(auto found, release::find_entry(op_, from_, from_.top(), origin->second));
  if (!found || found->entry.kind != model::EntryKind::file) return std::optional<Old>();
  return std::optional(Old{origin->second, std::move(*found)});
}

Result<std::vector<DeltaMaker::FileChunk>> DeltaMaker::chunks_of(release::Manifest& of,
                                                                 const release::DirectoryCursor::Item& file) const {
  std::vector<FileChunk> chunks;
  DL_TRY(release::for_each_chunk(
      op_, of, file,
      [&](const model::Chunk& chunk, std::uint64_t offset, std::uint64_t node, std::uint32_t place) -> Status {
        chunks.push_back({chunk, offset, node, place});
        return {};
      }));
  return chunks;
}

Status DeltaMaker::add_file(std::string_view path, const release::DirectoryCursor::Item& file,
                            const std::optional<Old>& old) {
  DL_ASSIGN(const auto chunks, chunks_of(parts_.made, file));
  batch_.begin_file(path);
  const std::uint64_t new_bytes = file.entry->size_bytes;
  const std::uint64_t old_bytes = old ? old->entry.entry.size_bytes : 0;
  const bool is_long =
      new_bytes + old_bytes > limits_.whole_bytes || std::max(new_bytes, old_bytes) > model::max_patch_raw_bytes;
  if (old && is_long) return add_runs(chunks, *old);
  const std::size_t first = batch_.size();
  for (const FileChunk& chunk : chunks) {
    DL_TRY(add_chunk(chunk));
    if (!old) DL_TRY(finish_when_full());
  }
  if (old) {
    DL_TRY(batch_.try_patch(op_, first, {old->path, 0, old_bytes}, old->entry.item(), effort_for(first)));
  }
  return finish_when_full();
}

// A file too long to be patched as a whole: what lies between chunks that both versions have.
Status DeltaMaker::add_runs(const std::vector<FileChunk>& chunks, const Old& old) {
  std::vector<model::Chunk> before, after;
  {
    DL_ASSIGN(const auto old_chunks, chunks_of(from_, old.entry.item()));
    for (const FileChunk& chunk : old_chunks) before.push_back(chunk.chunk);
  }
  for (const FileChunk& chunk : chunks) after.push_back(chunk.chunk);
  for (const pack::Run& run : pack::changed_runs(before, after, limits_.run_bytes)) {
    const std::size_t first = batch_.size();
    for (std::size_t i = run.first; i < run.last; ++i) DL_TRY(add_chunk(chunks[i]));
    const model::BaseRange base{old.path, run.base_offset_bytes, run.base_length_bytes};
    DL_TRY(batch_.try_patch(op_, first, base, old.entry.item(), effort_for(first)));
    DL_TRY(finish_when_full());
  }
  return {};
}

Status DeltaMaker::add_chunk(const FileChunk& chunk) {
  if (chunk.chunk.is_hole() || !known_.add(chunk.chunk.hash, {})) return {};
  DL_ASSIGN(const release::NodePlaces places, parts_.made.places(op_, chunk.node));
  if (chunk.place >= places.places.size()) {
    return Error{Code::internal, "the new manifest lacks the place of a chunk"};
  }
  const model::Place& place = places.places[chunk.place];
  const model::Frame& frame = places.table->frames[place.frame];
  batch_.add({chunk.chunk, chunk.offset, parts_.made.index().packs[frame.pack], frame, place.offset_bytes});
  return {};
}

Status DeltaMaker::finish_when_full() {
  if (batch_.bytes() < batch_bytes && batch_.size() < batch_chunks) return {};
  return batch_.finish();
}

pack::Effort DeltaMaker::effort_for(std::size_t first) {
  patched_bytes_ += batch_.bytes_from(first);
  return patched_bytes_ <= limits_.thorough_bytes ? parts_.options.effort : pack::Effort::fast;
}

Result<std::unique_ptr<disk::File>> new_file(disk::Directory& cache, std::string_view name) {
  DL_TRY(cache.remove_file(name, disk::Missing::is_absent));
  return cache.create(name, 0600);
}

// The delta's object is in `object`; nothing where it would not save anything.
Result<std::optional<model::DeltaRef>> make_delta(const Op& op, const DeltaParts& parts, release::Manifest& from,
                                                  PatchWorkers& workers, PatchCache& cache, disk::File& object) {
  const release::ManifestIndex& to = parts.made.index();
  DL_ASSIGN(auto patches, new_file(parts.publish.cache, patches_file));
  release::DeltaWriter writer(from.index().id, to.id, to.envelope, std::move(patches));
  DL_TRY(release::write_delta_nodes(op, from, parts.made, writer));
  DeltaMaker maker(op, parts, from, workers, cache, writer);
  DL_TRY(maker.run());
  DL_ASSIGN(const model::DeltaRef delta, writer.finish(object));
  // Without it, a target would fetch the manifest, and from packs what the patches make.
  if (delta.total_bytes >= to.total_bytes + maker.saved_bytes()) return std::optional<model::DeltaRef>();
  return std::optional(delta);
}

}  // namespace

Result<std::vector<model::DeltaRef>> make_deltas(const Op& op, const DeltaParts& parts,
                                                 const std::vector<release::Manifest*>& bases) {
  disk::Directory& cache = parts.publish.cache;
  // What reading and packing have freed goes back to the system: patches need tables of other sizes, and both together
  // would be more than publish may hold.
  malloc_trim(0);
  PatchCache patches;
  PatchWorkers workers(op, parts.options.workers != 0 ? parts.options.workers : default_workers());
  std::vector<model::DeltaRef> deltas;
  for (release::Manifest* from : bases) {
    if (from == bases.back()) patches.close();
    DL_ASSIGN(auto object, new_file(cache, object_file));
    auto delta = make_delta(op, parts, *from, workers, patches, *object);
    DL_TRY(op.check());
    if (delta && *delta) {
      const store::Key key(model::delta_key(parts.options.set, (*delta)->from, parts.made.index().id));
      DL_TRY(put_file(parts.publish.store, op, key, *object, (*delta)->total_bytes));
      deltas.push_back(**delta);
    } else if (!delta) {
      parts.publish.reporter.note(
          Severity::warning, "no delta from release " + from->index().id.short_hex() + ": " + delta.error().describe());
    }
  }
  for (const std::string_view name : {patches_file, object_file})
    DL_TRY(cache.remove_file(name, disk::Missing::is_absent));
  return deltas;
}

}  // namespace duskline::publish
