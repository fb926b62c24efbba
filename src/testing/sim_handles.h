// Files and directories of a simulated disk.
#pragma once

#include <memory>
#include <string>

#include "testing/sim_state.h"

namespace duskline::testing::sim {

// What every handle knows.
struct Handle {
  std::shared_ptr<State> state;
  InodePtr inode;
  std::uint64_t generation = 0;
  std::string display;
};

enum class Access : std::uint8_t { read, read_write };

class SimFile final : public disk::File {
 public:
  SimFile(Handle handle, Access access) : handle_(std::move(handle)), access_(access) {}

  Result<std::size_t> read_at(std::uint64_t offset, ByteSpan into) override;
  Status write_at(std::uint64_t offset, ByteView bytes) override;
  Status resize(std::uint64_t size_bytes) override;
  Result<disk::Stat> stat() override;
  Result<std::optional<disk::Segment>> next_data(std::uint64_t offset) override;
  Status clone_from(disk::File& from, std::uint64_t from_offset, std::uint64_t length,
                    std::uint64_t to_offset) override;
  Status set_mode(std::uint32_t mode) override;
  Status set_mtime(std::int64_t mtime_ns) override;
  Status set_owner(model::Owner owner) override;
  Result<std::vector<model::Attribute>> attributes() override;
  Status set_attributes(const std::vector<model::Attribute>& attributes) override;
  Status sync() override;

 private:
  template <typename Body>
  auto run(Effect effect, const char* verb, Body&& body) -> decltype(body());
  [[nodiscard]] Error fail(const char* verb, int err) const;
  [[nodiscard]] Status put(std::uint64_t offset, ByteView bytes);

  Handle handle_;
  Access access_;
};

class SimDirectory final : public disk::Directory {
 public:
  explicit SimDirectory(Handle handle) : handle_(std::move(handle)) {}

  Result<std::vector<disk::DirectoryEntry>> list() override;
  Result<disk::Stat> stat() override;
  Result<std::optional<disk::Stat>> stat(std::string_view path) override;
  Result<std::string> read_link(std::string_view path) override;
  Result<std::unique_ptr<Directory>> open_directory(std::string_view path) override;
  Result<std::unique_ptr<disk::File>> open_read(std::string_view path) override;
  Result<std::unique_ptr<disk::File>> open_write(std::string_view path) override;
  Result<std::unique_ptr<disk::File>> create(std::string_view path, std::uint32_t mode) override;
  Status make_directory(std::string_view path, std::uint32_t mode) override;
  Status make_symlink(std::string_view target, std::string_view path) override;
  Status make_hard_link(std::string_view existing, Directory& to, std::string_view path) override;
  Status rename(std::string_view from, Directory& to, std::string_view path) override;
  Status remove_file(std::string_view path, disk::Missing missing) override;
  Status remove_directory(std::string_view path, disk::Missing missing) override;
  Status remove_tree(std::string_view path, disk::Missing missing) override;
  Status set_mode(std::string_view path, std::uint32_t mode) override;
  Status set_mtime(std::string_view path, std::int64_t mtime_ns) override;
  Status set_owner(std::string_view path, model::Owner owner) override;
  Result<std::vector<model::Attribute>> attributes() override;
  Status set_attributes(const std::vector<model::Attribute>& attributes) override;
  Status sync() override;
  Status sync_filesystem() override;
  Result<std::unique_ptr<disk::Lock>> try_lock(std::string_view path) override;
  Status replace(std::string_view path, ByteView bytes, std::uint32_t mode) override;
  Result<std::optional<Bytes>> read_all(std::string_view path, std::uint64_t limit) override;
  [[nodiscard]] const std::string& display_path() const override { return handle_.display; }

  Status make_fifo(std::string_view path);
  Status make_mount_point(std::string_view path);
  Status flip_byte(std::string_view path, std::uint64_t offset);
  [[nodiscard]] const Handle& handle() const { return handle_; }

 private:
  template <typename Body>
  auto run(Effect effect, const char* verb, std::string_view path, Body&& body) -> decltype(body());
  [[nodiscard]] std::string display(std::string_view path) const;
  [[nodiscard]] Error fail(const char* verb, std::string_view path, int err) const;
  [[nodiscard]] Error fail_last(const char* verb, std::string_view path, int err) const;
  // Under the lock: what `path` leads to, or the error why it cannot be walked; "" is this directory.
  [[nodiscard]] Result<Found> locate(const char* verb, std::string_view path) const;
  [[nodiscard]] Result<Found> locate_existing(const char* verb, std::string_view path) const;
  [[nodiscard]] Result<Found> locate_free(const char* verb, std::string_view path) const;
  [[nodiscard]] Handle handle_of(InodePtr inode, std::string_view path) const;
  [[nodiscard]] InodePtr add(const Found& place, disk::FileKind kind, std::uint32_t mode);
  [[nodiscard]] Result<std::unique_ptr<disk::File>> open_file(std::string_view path, Access access);
  [[nodiscard]] Status remove(std::string_view path, disk::Missing missing, disk::FileKind wanted);
  [[nodiscard]] Status remove_below(std::string_view path, std::uint64_t mount);
  template <typename Body>
  Status change_meta(const char* verb, std::string_view path, Body&& body);

  Handle handle_;
};

}  // namespace duskline::testing::sim
