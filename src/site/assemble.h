// Puts files together below a staging directory from pieces that arrive in any order, from several threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "disk/filesystem.h"
#include "model/tree.h"
#include "site/extended.h"
#include "site/handle_cache.h"

namespace duskline::site {

// Where the bytes of a file came from.
enum class Origin : std::uint8_t { none = 0, staged = 1, local = 2, seed = 4, delta = 8, pack = 16 };

class FolderTree;

// A directory by its path, opened when needed. Any thread.
class Folder {
 public:
  Folder(FolderTree& tree, std::string path) : tree_(tree), path_(std::move(path)) {}
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }  // "" is the tree's root
  [[nodiscard]] std::string path_of(std::string_view name) const;
  Result<std::shared_ptr<disk::Directory>> open();

 private:
  FolderTree& tree_;
  std::string path_;
  HandleCache<disk::Directory>::Slot slot_;
};

// Directories below one root, a limited number of them open. Outlives its Folders.
class FolderTree {
 public:
  FolderTree(std::shared_ptr<disk::Directory> root, std::size_t max_open) : root_(std::move(root)), open_(max_open) {}
  [[nodiscard]] disk::Directory& root() { return *root_; }
  [[nodiscard]] std::shared_ptr<Folder> at(std::string path) {
    return std::make_shared<Folder>(*this, std::move(path));
  }

 private:
  friend class Folder;
  std::shared_ptr<disk::Directory> root_;
  HandleCache<disk::Directory> open_;
};

// A staged file's name and what it shall be like when complete.
struct FilePlan {
  std::shared_ptr<Folder> folder;
  std::string name;
  std::uint64_t size_bytes = 0;
  std::uint32_t mode = 0;
  std::int64_t mtime_ns = 0;
  std::optional<model::Owner> owner;
  std::vector<model::Attribute> attributes;
  bool one_piece = false;           // all its bytes come in one write
  bool exists = false;              // left by an earlier run, to be completed
  std::string_view action = "add";  // for the record; "": an unchanged file, which has none
  [[nodiscard]] std::string path() const { return folder->path_of(name); }
};

// A file that is being put together.
class OutFile {
 public:
  OutFile(FilePlan plan, HandleCache<disk::File>& open) : plan_(std::move(plan)), created_(plan_.exists), open_(open) {}
  ~OutFile() { open_.drop(slot_); }
  OutFile(const OutFile&) = delete;
  OutFile& operator=(const OutFile&) = delete;
  [[nodiscard]] const FilePlan& plan() const { return plan_; }
  // One more piece is to come. The maker of the file holds one of its own until it has planned all.
  void expect_piece() { left_.fetch_add(1, std::memory_order_relaxed); }

 private:
  friend class Assembler;
  const FilePlan plan_;
  std::atomic<std::uint64_t> left_{1};
  std::atomic<std::uint8_t> origins_{0};
  std::mutex mutex_;  // creation and opening
  bool created_;
  HandleCache<disk::File>& open_;
  HandleCache<disk::File>::Slot slot_;
};

// An owner that the user asked for must be given; one that the release recorded is given where this user may.
enum class OwnerRule : std::uint8_t { where_allowed, required };

class Assembler {
 public:
  Assembler(std::shared_ptr<disk::Directory> tree, unsigned max_files_open, OwnerRule owner_rule, Reporter& reporter);

  [[nodiscard]] FolderTree& tree() { return tree_; }
  // A file to be put together. Outlived by the Assembler.
  [[nodiscard]] std::shared_ptr<OutFile> begin(FilePlan plan) {
    return std::make_shared<OutFile>(std::move(plan), files_);
  }
  // The file itself, created where it is not there yet.
  Result<std::shared_ptr<disk::File>> open(OutFile& file);
  // Writes verified bytes. Safe from several threads for one file.
  Status write(OutFile& file, std::uint64_t offset, ByteView bytes, Origin origin);
  // A piece that expect_piece() announced is written, or the maker has planned all. The last call gives the file its
  // attributes, closes it and reports it.
  Status done(OutFile& file);
  // The same for `pieces` pieces at once.
  Status done(OutFile& file, std::uint64_t pieces);

  // Gives a directory, symlink or file its owner by the same rule; `path` is for messages.
  Status give_owner(disk::Directory& in, std::string_view name, const std::optional<model::Owner>& owner,
                    std::string_view path);

  [[nodiscard]] AttributeGiver& attributes() { return attributes_; }

  [[nodiscard]] std::uint64_t files_completed() const { return completed_.load(std::memory_order_relaxed); }

 private:
  Status complete(OutFile& file);
  Status finish(disk::File& handle, const FilePlan& plan, std::uint32_t mode_now);
  Result<bool> judge_owner(Status given, const std::string& path);
  FolderTree tree_;
  HandleCache<disk::File> files_;
  const OwnerRule owner_rule_;
  Reporter& reporter_;
  AttributeGiver attributes_;
  std::atomic<std::uint64_t> completed_{0};
  std::atomic<bool> owner_refused_{false};
};

// The word for a record: where most of the work was.
[[nodiscard]] std::string_view name_of_origins(std::uint8_t origins);

}  // namespace duskline::site
