// Large files that a run has begun and not ended, so that the next one can go on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "disk/filesystem.h"
#include "sync/stamp.h"

namespace duskline::sync {

struct UnfinishedFile {
  std::string path;
  Stamp source;  // the version that was on its way
  std::uint64_t piece_bytes = 0;
  std::string token;
  std::vector<bool> done;  // by piece
};

class Unfinished {
 public:
  // In the pair's folder. `boot` names this start of the machine: what was written before another one may be lost.
  Unfinished(disk::Directory& folder, std::string boot) : folder_(folder), boot_(std::move(boot)) {}

  // All that are readable.
  [[nodiscard]] std::vector<UnfinishedFile> all() const;
  [[nodiscard]] std::optional<UnfinishedFile> find(const std::string& path, std::size_t pieces) const;

  // Notes pieces as they are done.
  class Note {
   public:
    Note(std::unique_ptr<disk::File> file, std::uint64_t end) : file_(std::move(file)), end_(end) {}
    Status done(std::size_t piece);

   private:
    std::unique_ptr<disk::File> file_;
    std::uint64_t end_;
  };
  Result<std::unique_ptr<Note>> begin(const UnfinishedFile& file);
  Status end(const std::string& path);

 private:
  [[nodiscard]] std::optional<UnfinishedFile> read(const std::string& name, std::size_t most_pieces) const;
  disk::Directory& folder_;
  const std::string boot_;
};

// Of this start of the machine.
[[nodiscard]] std::string boot_id();

}  // namespace duskline::sync
