// A directory of the real disk, and what its files share.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "disk/real_file.h"

namespace duskline::disk {

class RealDirectory final : public Directory {
 public:
  RealDirectory(UniqueFd fd, std::string display, std::shared_ptr<DiskState> state)
      : fd_(std::move(fd)),
        display_(std::make_shared<const std::string>(std::move(display))),
        state_(std::move(state)) {}

  Result<std::vector<DirectoryEntry>> list() override;  // walk.cc
  Status visit(const SeeEntry& see) override;           // walk.cc
  Result<Stat> stat() override;
  Result<std::optional<Stat>> stat(std::string_view path) override;
  Result<std::string> read_link(std::string_view path) override;
  Result<std::unique_ptr<Directory>> open_directory(std::string_view path) override;
  Result<std::unique_ptr<File>> open_read(std::string_view path) override;
  Result<std::unique_ptr<File>> open_write(std::string_view path) override;
  Result<std::unique_ptr<File>> create(std::string_view path, std::uint32_t mode) override;
  Status make_directory(std::string_view path, std::uint32_t mode) override;
  Status make_symlink(std::string_view target, std::string_view path) override;
  Status make_hard_link(std::string_view existing, Directory& to, std::string_view path) override;
  Status rename(std::string_view from, Directory& to, std::string_view path) override;
  Status remove_file(std::string_view path, Missing missing) override;
  Status remove_directory(std::string_view path, Missing missing) override;
  Status remove_tree(std::string_view path, Missing missing) override;
  Status set_mode(std::string_view path, std::uint32_t mode) override;
  Status set_mtime(std::string_view path, std::int64_t mtime_ns) override;
  Status set_owner(std::string_view path, model::Owner owner) override;
  Result<std::vector<model::Attribute>> attributes() override;
  Status set_attributes(const std::vector<model::Attribute>& attributes) override;
  Status sync() override;
  Status sync_filesystem() override;
  Result<std::unique_ptr<Lock>> try_lock(std::string_view path) override;
  Status replace(std::string_view path, ByteView bytes, std::uint32_t mode) override;
  Result<std::optional<Bytes>> read_all(std::string_view path, std::uint64_t limit) override;
  [[nodiscard]] const std::string& display_path() const override { return *display_; }

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  // How far a new entry's mode can differ from the one asked for, beyond the umask.
  enum class Inheritance : std::uint8_t { unknown, none, some };

  [[nodiscard]] std::string display(std::string_view path) const;
  [[nodiscard]] Error fail(std::string_view verb, std::string_view path, int err) const;
  [[nodiscard]] Status outcome(int error, std::string_view verb, std::string_view path) const;
  [[nodiscard]] Result<Place> locate(std::string_view verb, std::string_view path) const;
  [[nodiscard]] Opened open_leased(std::string_view path, int flags) const;
  [[nodiscard]] Result<UniqueFd> open_checked(std::string_view verb, std::string_view path, int flags) const;
  [[nodiscard]] Result<std::unique_ptr<File>> open_file(std::string_view path, Access access);
  [[nodiscard]] bool gets_exact_mode(std::string_view path, std::uint32_t mode);
  [[nodiscard]] Status remove(std::string_view path, Missing missing, int flags);

  UniqueFd fd_;
  std::shared_ptr<const std::string> display_;
  std::shared_ptr<DiskState> state_;
  std::atomic<Inheritance> inheritance_{Inheritance::unknown};
  std::mutex list_mutex_;  // the descriptor has one position for all threads
};

// chmod that follows no symlink, of `name` in the directory `fd`. 0 or an errno value.
[[nodiscard]] int chmod_at(PathResolution how, int fd, const char* name, std::uint32_t mode);

// Removes the directory `name` in `parent` with all below it (remove_tree.cc). `display` names it in messages.
[[nodiscard]] Status remove_directory_tree(PathResolution how, int parent, const char* name,
                                           const std::string& display);

}  // namespace duskline::disk
