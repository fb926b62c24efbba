// Data files: the bytes of one larger body from offset 0, then a hash of each block, then a footer. Written once.
// docs/formats/objects.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "objects/direct_buffers.h"
#include "objects/files.h"
#include "objects/record.h"

namespace duskline::objects {

inline constexpr std::uint64_t data_block_bytes = 128 << 10;
inline constexpr std::uint64_t data_files_per_directory = 4096;

[[nodiscard]] std::string data_directory(const std::string& directory, std::uint64_t number);
[[nodiscard]] std::string data_path(const std::string& directory, std::uint64_t number);
// Calls `see` for every data file that is there, in no order.
[[nodiscard]] Status visit_data_files(const std::string& directory, const std::function<Status(std::uint64_t)>& see);

// Hashes a body block by block as it comes.
class BlockHasher {
 public:
  BlockHasher(std::uint64_t store, std::uint64_t number);
  ~BlockHasher();
  BlockHasher(const BlockHasher&) = delete;
  BlockHasher& operator=(const BlockHasher&) = delete;
  void update(ByteView bytes);
  [[nodiscard]] const Bytes& finish();  // the table: 16 bytes for each block

 private:
  struct State;
  void end_block();
  std::uint64_t store_, number_, size_ = 0, in_block_ = 0;
  Bytes table_;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Hash128 block_hash(ByteView block, std::uint64_t store, std::uint64_t number, std::uint64_t index);

// A data file that is being written. Removed at destruction unless finished and kept.
class DataWriter {
 public:
  // The directory above is made where it is missing; its name is synced then.
  static Result<std::unique_ptr<DataWriter>> create(Files& files, const std::string& directory, std::uint64_t store,
                                                    std::uint64_t number);
  // Writes past the page cache from here on, as far as the file system can. Before the first write.
  void write_directly(DirectBuffers::Buffer buffer);
  ~DataWriter();
  DataWriter(const DataWriter&) = delete;
  DataWriter& operator=(const DataWriter&) = delete;
  Status write(ByteView bytes);
  Status finish();  // durable, name and all
  void keep() { kept_ = true; }
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_; }

 private:
  DataWriter(Files& files, std::string path, std::uint64_t store, std::uint64_t number, disk::UniqueFd fd);
  Status write_through_cache(ByteView bytes);
  Status write_directly(ByteView bytes);

  Files& files_;
  const std::string path_;
  const std::uint64_t number_;
  disk::UniqueFd fd_;
  disk::UniqueFd direct_fd_;
  DirectBuffers::Buffer buffer_;
  std::size_t buffered_ = 0;  // of size_, still in the buffer
  BlockHasher hasher_;
  std::uint64_t size_ = 0, written_back_ = 0;
  bool kept_ = false;
};

// Where things lie in a finished data file of which `file_bytes` is the size.
struct DataLayout {
  std::uint64_t length_bytes = 0;  // of the body
  std::uint64_t blocks = 0;
  [[nodiscard]] std::uint64_t table_at() const { return length_bytes; }
};
// Checks the footer, without reading the body. Code::corrupt.
[[nodiscard]] Result<DataLayout> read_data_layout(Files& files, int fd, const std::string& path, std::uint64_t number);

}  // namespace duskline::objects
