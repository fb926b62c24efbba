// Files and directories below a root that nothing can lead out of. The real disk is disk/real_disk.h; the
// simulated one (testing/sim_disk.h) loses what was not synced.
//
// Paths are relative to a Directory, use '/', hold any bytes but NUL, and are resolved without following any
// symlink, last component included, and without "..": a path that meets one fails with Code::refused, as does
// something of another kind than the method is for. Code::invalid: names that no disk has (empty, ".", NUL, more
// than 255 bytes). Code::not_found: nothing there, or a part of the path is a file. Code::unsupported: across file
// systems, or beyond what this one can. Paths longer than PATH_MAX work. Errors name the path. All methods may be
// called from several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/tree.h"

namespace duskline::disk {

enum class FileKind : std::uint8_t { file, directory, symlink, fifo, socket, character_device, block_device };

struct Stat {
  FileKind kind = FileKind::file;
  std::uint32_t mode = 0;  // 07777
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t links = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t stored_bytes = 0;  // blocks in use; less than size for a sparse file
  std::int64_t mtime_ns = 0, ctime_ns = 0;
  std::uint64_t device = 0, inode = 0, mount = 0;  // mount: the kernel's mount id, 0 where unknown
};

struct DirectoryEntry {
  std::string name;
  Stat stat;
};

using SeeEntry = std::function<Status(std::string_view name, const Stat& stat)>;

struct Segment {
  std::uint64_t offset_bytes = 0, length_bytes = 0;
};  // data between holes

enum class Missing : std::uint8_t { is_error, is_absent };

class File {
 public:
  virtual ~File() = default;
  // Bytes read, fewer than asked only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, ByteSpan into) = 0;
  virtual Status write_at(std::uint64_t offset, ByteView bytes) = 0;  // all of it; Code::no_space when full
  virtual Status resize(std::uint64_t size_bytes) = 0;                // growing makes a hole
  virtual Result<Stat> stat() = 0;
  // The next run of data at or after `offset`, or nothing. A disk that cannot tell gives the rest of the file.
  virtual Result<std::optional<Segment>> next_data(std::uint64_t offset) = 0;
  // Shares `length` bytes of `from` (reflink). Code::unsupported where the file systems cannot.
  virtual Status clone_from(File& from, std::uint64_t from_offset, std::uint64_t length, std::uint64_t to_offset) = 0;
  virtual Status set_mode(std::uint32_t mode) = 0;
  virtual Status set_mtime(std::int64_t mtime_ns) = 0;
  virtual Status set_owner(model::Owner owner) = 0;
  // Extended attributes that are content, sorted by name: user.*, trusted.* and security.* as far as permitted, POSIX
  // ACLs; not the labels that a machine's own policy gives (SELinux, Smack, AppArmor, IMA, EVM).
  virtual Result<std::vector<model::Attribute>> attributes() = 0;
  virtual Status set_attributes(const std::vector<model::Attribute>& attributes) = 0;  // exactly these
  virtual Status sync() = 0;    // content and size survive a power cut after this
  virtual void drop_cache() {}  // advise the kernel that the pages are not needed again
};

// An advisory lock, held until destruction.
class Lock {
 public:
  virtual ~Lock() = default;
};

class Directory {
 public:
  virtual ~Directory() = default;

  // Every entry but "." and "..", with its Stat, in no order.
  virtual Result<std::vector<DirectoryEntry>> list() = 0;
  // The same one by one, so that a directory of a million entries need not be held; ends at the first error of `see`,
  // which must not list or visit anything itself.
  virtual Status visit(const SeeEntry& see);
  virtual Result<Stat> stat() = 0;                                      // of this directory
  virtual Result<std::optional<Stat>> stat(std::string_view path) = 0;  // nothing where absent
  virtual Result<std::string> read_link(std::string_view path) = 0;

  // "" is another handle of this directory.
  virtual Result<std::unique_ptr<Directory>> open_directory(std::string_view path) = 0;
  virtual Result<std::unique_ptr<File>> open_read(std::string_view path) = 0;   // regular files only, never blocks
  virtual Result<std::unique_ptr<File>> open_write(std::string_view path) = 0;  // an existing regular file, read-write
  virtual Result<std::unique_ptr<File>> create(std::string_view path,
                                               std::uint32_t mode) = 0;  // must not exist; umask ignored; read-write

  virtual Status make_directory(std::string_view path,
                                std::uint32_t mode) = 0;  // as create(); Code::already_exists if any entry does
  virtual Status make_symlink(std::string_view target, std::string_view path) = 0;
  virtual Status make_hard_link(std::string_view existing, Directory& to, std::string_view path) = 0;
  // Atomic; replaces a file or symlink (or empty directory by a directory) at the destination. Where both are names of
  // one file, nothing happens and both stay. Code::already_exists for a directory that is not empty.
  virtual Status rename(std::string_view from, Directory& to, std::string_view path) = 0;
  virtual Status remove_file(std::string_view path, Missing missing) = 0;       // files, symlinks, special files
  virtual Status remove_directory(std::string_view path, Missing missing) = 0;  // must be empty
  virtual Status remove_tree(std::string_view path, Missing missing) = 0;       // never crosses a mount point

  // Of a directory, file or symlink at `path` ("" is this directory), symlinks not followed.
  virtual Status set_mode(std::string_view path, std::uint32_t mode) = 0;
  virtual Status set_mtime(std::string_view path, std::int64_t mtime_ns) = 0;
  virtual Status set_owner(std::string_view path, model::Owner owner) = 0;

  // Extended attributes of this directory, as of a file. A default ACL (system.posix_acl_default) is handed down to
  // what is made here from then on, by whatever handle; modes are as asked for all the same.
  virtual Result<std::vector<model::Attribute>> attributes() = 0;
  virtual Status set_attributes(const std::vector<model::Attribute>& attributes) = 0;  // exactly these

  virtual Status sync() = 0;             // names in this directory survive a power cut after this
  virtual Status sync_filesystem() = 0;  // everything written before on the file system does
  virtual Result<std::unique_ptr<Lock>> try_lock(std::string_view path) = 0;  // creates the file; Code::locked

  // Writes `bytes` as `path` so that after a crash it holds either the old or the new bytes:
  // temp, sync, rename, sync directory.
  virtual Status replace(std::string_view path, ByteView bytes, std::uint32_t mode) = 0;
  // All of a file of at most `limit` bytes (Code::too_large), or nothing where absent.
  virtual Result<std::optional<Bytes>> read_all(std::string_view path, std::uint64_t limit) = 0;

  [[nodiscard]] virtual const std::string& display_path() const = 0;  // for messages
};

struct VolumeInfo {
  std::string
      filesystem_id;  // stable across reboots where it can be known (UUID or fsid), for "same mount as last time"
  bool is_mount_point = false;   // the root of a mounted file system
  std::uint64_t free_bytes = 0;  // for this user
  bool folds_case = false;
  bool can_reflink = false;  // tried, not guessed, when asked by probe()
};

class Filesystem {
 public:
  virtual ~Filesystem() = default;
  // An absolute or working-directory path, symlinks in it followed (the user named it).
  virtual Result<std::unique_ptr<Directory>> open(const std::string& path) = 0;
  // Missing parents get mode 0755; the new names are synced.
  virtual Result<std::unique_ptr<Directory>> open_or_create(const std::string& path, std::uint32_t mode) = 0;
  virtual Result<VolumeInfo> volume(Directory& directory) = 0;
  // The same with the questions that need a write below `directory` (case folding, reflink).
  virtual Result<VolumeInfo> probe(Directory& directory) = 0;
};

// How the names of files begin that replace() and the like leave behind at a crash, and only then.
inline constexpr std::string_view temporary_prefix = ".duskline-tmp-";

// `path` split at its last '/': ("a/b", "c"), ("", "c").
[[nodiscard]] std::pair<std::string_view, std::string_view> split_path(std::string_view path);

}  // namespace duskline::disk
