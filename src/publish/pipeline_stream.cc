// Files too long to be read at once: one thread reads, hashes and cuts, workers do the rest piece by piece.

#include <algorithm>
#include <utility>

#include "publish/pipeline.h"
#include "publish/scan.h"

namespace duskline::publish {
namespace {

constexpr std::uint64_t piece_bytes = 4 << 20;
// Holes shorter than this are read as the zeros they are: a chunk of their own would cost more.
constexpr std::uint64_t least_hole_bytes = 32 << 10;
constexpr std::size_t zeros_bytes = 256 << 10;

const Bytes& zeros() {
  static const Bytes bytes(zeros_bytes);
  return bytes;
}

// The next run of data at or after `offset`, short holes in it included; an empty one at `end` where there is none.
Result<disk::Segment> next_run(disk::File& file, std::uint64_t offset, std::uint64_t end) {
  disk::Segment run{end, 0};
  for (std::uint64_t at = offset; at < end;) {
    DL_ASSIGN(const auto segment, file.next_data(at));
    if (!segment || segment->length_bytes == 0 || segment->offset_bytes >= end) break;
    const std::uint64_t begin = std::max(segment->offset_bytes, at);
    if (run.length_bytes == 0) {
      run.offset_bytes = begin - offset < least_hole_bytes ? offset : begin;
    } else if (begin - (run.offset_bytes + run.length_bytes) >= least_hole_bytes) {
      break;
    }
    at = std::min(end, segment->offset_bytes + segment->length_bytes);
    run.length_bytes = at - run.offset_bytes;
  }
  const std::uint64_t after = run.offset_bytes + run.length_bytes;
  if (run.length_bytes > 0 && end - after < least_hole_bytes) run.length_bytes = end - run.offset_bytes;
  return run;
}

}  // namespace

struct Pipeline::LongFile {
  std::shared_ptr<ChunkList> chunks = std::make_shared<ChunkList>();
  Sha256 hasher;
  pack::ChunkSizes sizes{};
};

Status Pipeline::stream(SourceFile file, std::uint32_t depth, std::shared_ptr<Link> link) {
  if (group_) DL_TRY(submit_group());  // keeps small files from waiting for a long one
  std::shared_ptr<ChunkList> chunks;
  Hash256 content;
  std::vector<model::Attribute> attributes;
  const auto read = [&](disk::File& opened, const disk::Stat& before) -> Status {
    LongFile into;
    into.sizes = pack::chunk_sizes_for(before.size_bytes);
    DL_TRY(stream_content(opened, before, into, file.path));
    if (options_.attributes == PublishOptions::Record::yes) {
      DL_ASSIGN(attributes, opened.attributes());
      DL_TRY(check_attributes(attributes, file.path));
    }
    chunks = into.chunks;
    content = into.hasher.finish();
    return {};
  };
  DL_ASSIGN(const disk::Stat stat, read_stable(op_, file, parts_.clock, read));
  if (link && stat.inode != file.listed.inode) {
    return changed_while_read(file.path, "was replaced while it was read; it has other names (hard links)");
  }
  Waiting step;
  step.what = Waiting::What::long_file;
  step.depth = depth;
  step.entry = entry_of(model::EntryKind::file, file.name, stat, options_);
  step.entry.content = content;
  step.entry.attributes = std::move(attributes);
  step.stat = stat;
  step.chunks = std::move(chunks);
  step.link = std::move(link);
  return add(std::move(step));
}

Status Pipeline::stream_content(disk::File& file, const disk::Stat& before, LongFile& into, std::string_view path) {
  const std::uint64_t end = before.size_bytes;
  if (before.stored_bytes >= end) return stream_data(file, 0, end, into, path);
  for (std::uint64_t at = 0; at < end;) {
    DL_ASSIGN(const disk::Segment run, next_run(file, at, end));
    if (run.offset_bytes > at) DL_TRY(add_hole(run.offset_bytes - at, into));
    at = run.offset_bytes + run.length_bytes;
    if (run.length_bytes > 0) DL_TRY(stream_data(file, run.offset_bytes, at, into, path));
  }
  return {};
}

Status Pipeline::add_hole(std::uint64_t length, LongFile& into) {
  for (std::uint64_t left = length; left > 0;) {
    const std::uint64_t count = std::min<std::uint64_t>(left, zeros_bytes);
    into.hasher.update(ByteView(zeros()).first(static_cast<std::size_t>(count)));
    left -= count;
  }
  auto piece = std::make_shared<PieceJob>(parts_.chunks);
  piece->chunks.push_back({{}, length});
  piece->is_submitted = piece->is_done = true;
  return add_piece(std::move(piece), into);
}

Status Pipeline::add_piece(std::shared_ptr<PieceJob> piece, const LongFile& into) {
  Waiting step;
  step.what = Waiting::What::piece;
  step.job = std::move(piece);
  step.chunks = into.chunks;
  return add(std::move(step));
}

Status Pipeline::stream_data(disk::File& file, std::uint64_t begin, std::uint64_t end, LongFile& into,
                             std::string_view path) {
  const std::uint64_t capacity = std::max<std::uint64_t>(piece_bytes, 2 * std::uint64_t{into.sizes.max_bytes});
  Bytes rest;  // read, but not cut: the next chunk may go on
  while (begin < end || !rest.empty()) {
    DL_TRY(op_.check());
    DL_TRY(make_room(capacity));
    const auto size = static_cast<std::size_t>(std::min(capacity, rest.size() + (end - begin)));
    auto piece = std::make_shared<PieceJob>(parts_.chunks);
    piece->data = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    piece->weight_bytes = size;
    const ByteSpan data(piece->data.get(), size);
    std::ranges::copy(rest, data.begin());
    const ByteSpan fresh = data.subspan(rest.size());
    DL_TRY(read_exactly(file, begin, fresh, path));
    into.hasher.update(fresh);
    begin += fresh.size();
    bytes_read_ += fresh.size();

    std::size_t at = 0;
    while (at < size && (begin == end || size - at >= into.sizes.max_bytes)) {
      const std::size_t length = pack::next_chunk(data.subspan(at), into.sizes);
      piece->chunks.push_back({{}, length});
      at += length;
    }
    rest.assign(data.begin() + static_cast<std::ptrdiff_t>(at), data.end());
    DL_TRY(submit(piece));
    DL_TRY(add_piece(std::move(piece), into));
    report();
  }
  return {};
}

}  // namespace duskline::publish
