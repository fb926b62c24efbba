// Open segments and data files for reading: bounded, the least recently used goes first; and what of them was checked
// against its hash since it was opened.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/server.h"
#include "objects/files.h"
#include "objects/record.h"
#include "objects/types.h"

namespace duskline::objects {

// A whole body in the log, or a run of a data file.
class OpenFile final : public http::SharedFile {
 public:
  OpenFile(Files& files, std::string path, std::uint64_t store, std::uint64_t file, disk::UniqueFd fd,
           std::uint64_t length_bytes)
      : files_(files), path_(std::move(path)), store_(store), file_(file), fd_(std::move(fd)), length_(length_bytes) {}
  [[nodiscard]] int descriptor() const override { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  // `cached`: from page cache alone. `past_cache`: for reading all there is, which shall not crowd out what is used.
  enum class Reads : std::uint8_t { any, cached, past_cache };
  // Checks the blocks of a data file that the run touches and that were not checked yet. False: with Reads::cached,
  // more than page cache would be needed. Code::corrupt.
  Result<bool> check_run(std::uint64_t offset, std::uint64_t length, Reads reads);
  // Reads the body of a record in the log that begins at `offset` and checks it.
  Result<bool> read_body(std::uint64_t offset, std::uint64_t length, Reads reads, Bytes& head_and_body);

 private:
  Result<bool> check_block(std::uint64_t block, Reads reads);
  Result<std::size_t> read(std::uint64_t offset, ByteSpan into, Reads reads);
  [[nodiscard]] Error rotten(std::uint64_t offset) const;

  Files& files_;
  const std::string path_;
  const std::uint64_t store_, file_;
  const disk::UniqueFd fd_;
  const std::uint64_t length_;  // of a data file's body
  std::mutex mutex_;
  std::vector<bool> checked_;  // by block
};

class OpenFiles {
 public:
  OpenFiles(Files& files, std::string directory, std::uint64_t store, std::size_t limit)
      : files_(files), directory_(std::move(directory)), store_(store), limit_(limit) {}
  // Code::not_found where the file is gone.
  Result<std::shared_ptr<OpenFile>> get(std::uint64_t file);
  // Opens a file apart from the others, with nothing remembered.
  Result<std::shared_ptr<OpenFile>> open_anew(std::uint64_t file);
  void drop(std::uint64_t file);  // it is about to be removed; whoever has it open keeps it

 private:
  Files& files_;
  const std::string directory_;
  const std::uint64_t store_;
  const std::size_t limit_;
  std::mutex mutex_;
  using Order = std::list<std::pair<std::uint64_t, std::shared_ptr<OpenFile>>>;
  Order order_;  // the latest used first
  std::unordered_map<std::uint64_t, Order::iterator> places_;
};

}  // namespace duskline::objects
