// What a run has uploaded so far: if it is killed, the next one need not upload it again.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"
#include "disk/filesystem.h"
#include "model/place.h"

namespace duskline::publish {

// A pack and the chunks in it.
struct PackContents {
  struct ChunkAt {
    Hash256 chunk;
    std::uint32_t frame = 0;  // index into frames
    std::uint32_t offset_bytes = 0;
    bool operator==(const ChunkAt&) const = default;
  };
  Hash256 pack;
  std::uint64_t size_bytes = 0;
  std::vector<model::Frame> frames;  // their `pack` means nothing
  std::vector<ChunkAt> chunks;
  bool operator==(const PackContents&) const = default;
};

// A local file that grows by one record a pack. Each record carries a checksum, so a torn end is left out; not synced,
// since what is lost is uploaded again.
class PackJournal {
 public:
  // What earlier runs left, and a journal to go on with. A file that cannot be read is begun anew.
  [[nodiscard]] static Result<std::unique_ptr<PackJournal>> open(disk::Directory& folder, std::string_view name);
  [[nodiscard]] const std::vector<PackContents>& earlier() const { return earlier_; }
  void forget_earlier() { earlier_ = std::vector<PackContents>(); }  // "= {}" would keep the memory
  Status append(const PackContents& contents);

 private:
  PackJournal() = default;
  std::unique_ptr<disk::File> file_;
  std::uint64_t end_ = 0;
  std::vector<PackContents> earlier_;
};

}  // namespace duskline::publish
