// A file of the real disk.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "disk/system.h"

namespace duskline::disk {

// What the handles of one disk share.
class DiskState {
 public:
  explicit DiskState(PathResolution how, Durability durability = Durability::synced);

  PathResolution how;
  Durability durability;
  int umask;  // of this process, or -1 where it cannot be read without changing it

  // Network file systems report some failed writes only at close(), where a destructor cannot return them: they are
  // kept here for the next sync_filesystem().
  void keep_late_error(Error error);
  [[nodiscard]] Status take_late_error();

 private:
  std::mutex mutex_;
  Status late_;
};

// Where a file was opened, put together only when a message needs it.
struct FileName {
  std::shared_ptr<const std::string> directory;
  std::string path;
  [[nodiscard]] std::string display() const;
};

enum class Access : std::uint8_t { read, read_write };

class RealFile final : public File {
 public:
  RealFile(UniqueFd fd, Access access, FileName name, std::shared_ptr<DiskState> state)
      : fd_(std::move(fd)), access_(access), name_(std::move(name)), state_(std::move(state)) {}
  ~RealFile() override;

  Result<std::size_t> read_at(std::uint64_t offset, ByteSpan into) override;
  Status write_at(std::uint64_t offset, ByteView bytes) override;
  Status resize(std::uint64_t size_bytes) override;
  Result<Stat> stat() override;
  Result<std::optional<Segment>> next_data(std::uint64_t offset) override;
  Status clone_from(File& from, std::uint64_t from_offset, std::uint64_t length, std::uint64_t to_offset) override;
  Status set_mode(std::uint32_t mode) override;
  Status set_mtime(std::int64_t mtime_ns) override;
  Status set_owner(model::Owner owner) override;
  Result<std::vector<model::Attribute>> attributes() override;
  Status set_attributes(const std::vector<model::Attribute>& attributes) override;
  Status sync() override;
  void drop_cache() override;

 private:
  [[nodiscard]] Status outcome(int error, std::string_view verb) const;
  [[nodiscard]] Result<std::optional<Segment>> rest_from(std::uint64_t offset);

  UniqueFd fd_;
  Access access_;
  FileName name_;
  std::shared_ptr<DiskState> state_;
};

}  // namespace duskline::disk
