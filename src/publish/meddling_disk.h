// A disk whose files change while they are read, and whose volumes are what a test says: for tests of publishing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "disk/filesystem.h"

namespace duskline::publish {

// Passes everything on to a real file, telling the test before each read.
class MeddlingFile final : public disk::File {
 public:
  using BeforeRead = std::function<void(std::uint64_t offset)>;
  MeddlingFile(std::unique_ptr<disk::File> real, BeforeRead hook) : real_(std::move(real)), hook_(std::move(hook)) {}
  Result<std::size_t> read_at(std::uint64_t offset, ByteSpan into) override {
    hook_(offset);
    return real_->read_at(offset, into);
  }
  Status write_at(std::uint64_t offset, ByteView bytes) override { return real_->write_at(offset, bytes); }
  Status resize(std::uint64_t size_bytes) override { return real_->resize(size_bytes); }
  Result<disk::Stat> stat() override { return real_->stat(); }
  Result<std::optional<disk::Segment>> next_data(std::uint64_t offset) override { return real_->next_data(offset); }
  Status clone_from(disk::File& from, std::uint64_t from_offset, std::uint64_t length,
                    std::uint64_t to_offset) override {
    return real_->clone_from(from, from_offset, length, to_offset);
  }
  Status set_mode(std::uint32_t mode) override { return real_->set_mode(mode); }
  Status set_mtime(std::int64_t mtime_ns) override { return real_->set_mtime(mtime_ns); }
  Status set_owner(model::Owner owner) override { return real_->set_owner(owner); }
  Result<std::vector<model::Attribute>> attributes() override { return real_->attributes(); }
  Status set_attributes(const std::vector<model::Attribute>& attributes) override {
    return real_->set_attributes(attributes);
  }
  Status sync() override { return real_->sync(); }

 private:
  std::unique_ptr<disk::File> real_;
  BeforeRead hook_;
};

struct Meddling {
  std::function<void(const std::string& name, std::uint64_t offset)> before_read = [](const auto&, auto) {};
  std::function<void(disk::VolumeInfo&)> volume = [](auto&) {};
  std::function<void(std::vector<disk::DirectoryEntry>&)> listed = [](auto&) {};
  std::function<void(std::vector<model::Attribute>&)> attributes = [](auto&) {};  // of a directory
};

class MeddlingDirectory final : public disk::Directory {
 public:
  MeddlingDirectory(std::unique_ptr<disk::Directory> real, const Meddling& how) : real_(std::move(real)), how_(how) {}
  [[nodiscard]] disk::Directory& real() { return *real_; }

  Result<std::vector<disk::DirectoryEntry>> list() override {
    auto entries = real_->list();
    if (entries) how_.listed(*entries);
    return entries;
  }
  Result<disk::Stat> stat() override { return real_->stat(); }
  Result<std::optional<disk::Stat>> stat(std::string_view path) override { return real_->stat(path); }
  Result<std::string> read_link(std::string_view path) override { return real_->read_link(path); }
  Result<std::unique_ptr<disk::Directory>> open_directory(std::string_view path) override {
    DL_ASSIGN(auto opened, real_->open_directory(path));
    return std::make_unique<MeddlingDirectory>(std::move(opened), how_);
  }
  Result<std::unique_ptr<disk::File>> open_read(std::string_view path) override {
    DL_ASSIGN(auto opened, real_->open_read(path));
    return std::make_unique<MeddlingFile>(
        std::move(opened), [this, name = std::string(path)](std::uint64_t offset) { how_.before_read(name, offset); });
  }
  Result<std::unique_ptr<disk::File>> open_write(std::string_view path) override { return real_->open_write(path); }
  Result<std::unique_ptr<disk::File>> create(std::string_view path, std::uint32_t mode) override {
    return real_->create(path, mode);
  }
  Status make_directory(std::string_view path, std::uint32_t mode) override {
    return real_->make_directory(path, mode);
  }
  Status make_symlink(std::string_view target, std::string_view path) override {
    return real_->make_symlink(target, path);
  }
  Status make_hard_link(std::string_view existing, disk::Directory& to, std::string_view path) override {
    return real_->make_hard_link(existing, to, path);
  }
  Status rename(std::string_view from, disk::Directory& to, std::string_view path) override {
    return real_->rename(from, to, path);
  }
  Status remove_file(std::string_view path, disk::Missing missing) override {
    return real_->remove_file(path, missing);
  }
  Status remove_directory(std::string_view path, disk::Missing missing) override {
    return real_->remove_directory(path, missing);
  }
  Status remove_tree(std::string_view path, disk::Missing missing) override {
    return real_->remove_tree(path, missing);
  }
  Status set_mode(std::string_view path, std::uint32_t mode) override { return real_->set_mode(path, mode); }
  Status set_mtime(std::string_view path, std::int64_t mtime_ns) override { return real_->set_mtime(path, mtime_ns); }
  Status set_owner(std::string_view path, model::Owner owner) override { return real_->set_owner(path, owner); }
  Result<std::vector<model::Attribute>> attributes() override {
    auto attributes = real_->attributes();
    if (attributes) how_.attributes(*attributes);
    return attributes;
  }
  Status set_attributes(const std::vector<model::Attribute>& attributes) override {
    return real_->set_attributes(attributes);
  }
  Status sync() override { return real_->sync(); }
  Status sync_filesystem() override { return real_->sync_filesystem(); }
  Result<std::unique_ptr<disk::Lock>> try_lock(std::string_view path) override { return real_->try_lock(path); }
  Status replace(std::string_view path, ByteView bytes, std::uint32_t mode) override {
    return real_->replace(path, bytes, mode);
  }
  Result<std::optional<Bytes>> read_all(std::string_view path, std::uint64_t limit) override {
    return real_->read_all(path, limit);
  }
  [[nodiscard]] const std::string& display_path() const override { return real_->display_path(); }

 private:
  std::unique_ptr<disk::Directory> real_;
  const Meddling& how_;
};

class MeddlingDisk final : public disk::Filesystem {
 public:
  explicit MeddlingDisk(disk::Filesystem& real) : real_(real) {}
  Meddling how;

  Result<std::unique_ptr<disk::Directory>> open(const std::string& path) override {
    DL_ASSIGN(auto opened, real_.open(path));
    return std::make_unique<MeddlingDirectory>(std::move(opened), how);
  }
  Result<std::unique_ptr<disk::Directory>> open_or_create(const std::string& path, std::uint32_t mode) override {
    return real_.open_or_create(path, mode);
  }
  Result<disk::VolumeInfo> volume(disk::Directory& directory) override {
    DL_ASSIGN(disk::VolumeInfo info, real_.volume(static_cast<MeddlingDirectory&>(directory).real()));
    how.volume(info);
    return info;
  }
  Result<disk::VolumeInfo> probe(disk::Directory& directory) override { return volume(directory); }

 private:
  disk::Filesystem& real_;
};

}  // namespace duskline::publish
