// What changed between two versions, and where files came from: no input may break the rules of their results.
#include <algorithm>

#include "fuzz.h"
#include "pack/delta.h"

namespace {

using duskline::model::Chunk;

std::vector<Chunk> take_chunks(duskline::ByteReader& read) {
  std::vector<Chunk> chunks(std::min<std::size_t>(read.u8(), read.left()));
  for (Chunk& chunk : chunks) {
    const std::uint8_t byte = read.u8();
    chunk.hash.bytes[0] = byte & 0x0f;  // 0 is a hole
    chunk.length_bytes = 1 + (byte >> 4);
  }
  return chunks;
}

std::uint64_t bytes_of(const std::vector<Chunk>& chunks) {
  std::uint64_t bytes = 0;
  for (const Chunk& chunk : chunks) bytes += chunk.length_bytes;
  return bytes;
}

std::vector<duskline::pack::NamedSize> take_files(duskline::ByteReader& read) {
  std::vector<duskline::pack::NamedSize> files(read.u8() & 0x0fU);
  for (auto& file : files) {
    file.path = read.text(100);
    file.size_bytes = read.u8();
  }
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace duskline;
  ByteReader read(fuzz::view(data, size));
  const std::uint64_t limit = 16 + read.u8();
  const std::vector<Chunk> before = take_chunks(read), after = take_chunks(read);
  std::size_t last = 0;
  for (const pack::Run& run : pack::changed_runs(before, after, limit)) {
    fuzz::require(run.first >= last && run.first < run.last && run.last <= after.size(), "runs are in order");
    fuzz::require(run.length_bytes <= limit && run.base_length_bytes <= limit, "runs and bases are bounded");
    fuzz::require(run.base_offset_bytes + run.base_length_bytes <= bytes_of(before), "a base lies in the old file");
    for (std::size_t i = run.first; i < run.last; ++i) fuzz::require(!after[i].is_hole(), "a run has no hole");
    last = run.last;
  }
  const auto removed = take_files(read), added = take_files(read);
  fuzz::require(pack::likely_origins(removed, added).size() == added.size(), "each new file has an answer");
  return 0;
}
