// Files whose power can be cut: what was not synced then is lost, torn, or there, as a seed says; and which fail on
// order.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>

#include "objects/files.h"

namespace duskline::objects {

// Everything but the index, which SQLite writes, goes through here. One thread at a time.
class PowerFiles final : public Files {
 public:
  using Paths = std::map<std::string, std::uint64_t>;

  // What a power cut is decided from; it outlives the engine.
  struct State {
    std::uint64_t changes = 0;                    // calls so far that change or sync something
    std::uint64_t cut_at = ~std::uint64_t{0};     // this one, and all after it, fail
    std::map<std::string, std::uint64_t> synced;  // the size that each file written to had at its last sync
    std::set<std::string> new_names;              // not synced in their directory
    std::map<std::string, std::string> removed;   // names that may come back, and where they are kept
    std::function<void(const std::string&)> before_remove;
    std::uint64_t graves = 0;

    [[nodiscard]] bool is_cut() const { return changes >= cut_at; }
    // The disk as it is found when the power is back.
    void settle(std::mt19937_64& random) {
      for (const auto& [path, grave] : removed) {
        if (random() % 2 == 0 && !std::filesystem::exists(path)) std::filesystem::rename(grave, path);
      }
      for (const auto& [path, size] : synced) tear(path, size, random);
      for (const std::string& path : new_names) {
        if (random() % 2 == 0) std::filesystem::remove_all(path);
      }
      removed.clear();
      synced.clear();
      new_names.clear();
      changes = 0;
      cut_at = ~std::uint64_t{0};
    }

   private:
    static void tear(const std::string& path, std::uint64_t size, std::mt19937_64& random) {
      std::error_code error;
      const std::uint64_t now = std::filesystem::file_size(path, error);
      if (error || now <= size) return;
      const std::uint64_t dice = random() % 4;
      if (dice == 0) return;
      if (dice == 1) return std::filesystem::resize_file(path, size);
      if (dice == 2) return std::filesystem::resize_file(path, size + random() % (now - size));
      // Some sectors were written, others not.
      const disk::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
      const Bytes zeros(512);
      for (std::uint64_t at = size; at < now;) {
        const std::uint64_t end = std::min(now, (at / 512 + 1) * 512);
        if (random() % 2 == 0 && pwrite(fd.get(), zeros.data(), end - at, static_cast<off_t>(at)) < 0) return;
        at = end;
      }
    }
  };

  PowerFiles(std::shared_ptr<State> state, std::string graveyard)
      : state_(std::move(state)), graveyard_(std::move(graveyard)) {
    std::filesystem::create_directories(graveyard_);
  }

  Result<disk::UniqueFd> open(const std::string& path, int flags) override {
    if ((flags & O_CREAT) == 0) return Files::open(path, flags);
    DL_TRY(change());
    const bool is_new = !std::filesystem::exists(path);
    auto fd = Files::open(path, flags);
    if (fd && is_new) {
      state_->new_names.insert(path);
      state_->synced[path] = 0;
    }
    return fd;
  }
  Status write_at(int fd, const std::string& path, std::uint64_t offset, ByteView bytes) override {
    if (state_->synced.find(path) == state_->synced.end()) state_->synced[path] = size_now(path);
    if (Status allowed = change(); !allowed) {
      // The write at which the power goes may still have reached the disk in part.
      (void)Files::write_at(fd, path, offset, bytes.first(bytes.size() / 2));
      return allowed;
    }
    return Files::write_at(fd, path, offset, bytes);
  }
  Status sync(int, const std::string& path) override {
    DL_TRY(change());
    state_->synced[path] = size_now(path);
    return {};
  }
  Status truncate(int fd, const std::string& path, std::uint64_t size) override {
    DL_TRY(change());
    return Files::truncate(fd, path, size);
  }
  Status sync_directory(const std::string& path) override {
    DL_TRY(change());
    std::erase_if(state_->new_names, [&](const std::string& name) { return parent(name) == path; });
    std::erase_if(state_->removed, [&](const auto& entry) { return parent(entry.first) == path; });
    return {};
  }
  Status remove(const std::string& path) override {
    DL_TRY(change());
    if (!std::filesystem::exists(path)) return Files::remove(path);
    if (state_->before_remove) state_->before_remove(path);
    const std::string grave = graveyard_ + "/" + std::to_string(state_->graves++);
    std::filesystem::rename(path, grave);
    if (!state_->new_names.contains(path)) state_->removed[path] = grave;
    state_->new_names.erase(path);
    state_->synced.erase(path);
    return {};
  }
  Status rename(const std::string& from, const std::string& to) override {
    DL_TRY(change());
    return Files::rename(from, to);
  }
  Status make_directory(const std::string& path) override {
    DL_TRY(change());
    if (!std::filesystem::exists(path)) state_->new_names.insert(path);
    return Files::make_directory(path);
  }

 private:
  Status change() {
    if (++state_->changes < state_->cut_at) return {};
    return Error(Code::io, "the power is gone");
  }
  static std::uint64_t size_now(const std::string& path) {
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
  }
  static std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

  std::shared_ptr<State> state_;
  const std::string graveyard_;
};

}  // namespace duskline::objects
