// Directories below a top, kept open for the files that follow in them.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "disk/filesystem.h"

namespace duskline::sync {

class FolderHandles {
 public:
  FolderHandles(disk::Filesystem& disk, std::string path, std::uint32_t mode)
      : disk_(disk), path_(std::move(path)), mode_(mode) {}

  // The top itself; Code::not_found as long as it is absent.
  Result<std::shared_ptr<disk::Directory>> top();
  // "" is the top. Code::not_found where it is absent.
  Result<std::shared_ptr<disk::Directory>> get(std::string_view path);
  // Makes it, and what is missing above it, the top too. in_the_way() where a file stands in its place.
  Result<std::shared_ptr<disk::Directory>> get_or_make(std::string_view path, std::uint32_t mode);
  // Forgets the handle of a directory that was removed.
  void forget(std::string_view path);

 private:
  struct Kept {
    std::string path;
    std::shared_ptr<disk::Directory> directory;
  };
  std::shared_ptr<disk::Directory> find(std::string_view path);
  void keep(std::string_view path, std::shared_ptr<disk::Directory> directory);
  Status make(std::string_view path, std::uint32_t mode);

  Result<std::shared_ptr<disk::Directory>> make_top();

  disk::Filesystem& disk_;
  const std::string path_;
  const std::uint32_t mode_;  // of the top, where it is made
  std::mutex mutex_;          // of what follows
  std::shared_ptr<disk::Directory> top_;
  std::list<Kept> kept_;  // last used first
};

// `path` without its last name: "a/b" of "a/b/c" and of "a/b/c/", "" of "c".
[[nodiscard]] std::string_view parent_of(std::string_view path);
[[nodiscard]] std::string_view last_name_of(std::string_view path);

}  // namespace duskline::sync
