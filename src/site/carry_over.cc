#include "site/carry_over.h"

#include <optional>
#include <string>

#include "base/units.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Missing;

constexpr std::uint32_t owner_all = 0700;

std::string join(const std::string& path, const std::string& name) { return path.empty() ? name : path + "/" + name; }

// Removes what matches, and goes on below what does not.
Status purge(const Op& op, disk::Directory& directory, const std::string& path, const Patterns& keep) {
  DL_TRY(op.check());
  DL_ASSIGN(const auto entries, directory.list());
  for (const auto& entry : entries) {
    const bool is_directory = entry.stat.kind == FileKind::directory;
    const std::string below = join(path, entry.name);
    if (keep.matches_here(below, is_directory)) {
      DL_TRY(is_directory ? directory.remove_tree(entry.name, Missing::is_absent)
                          : directory.remove_file(entry.name, Missing::is_absent));
    } else if (is_directory) {
      DL_ASSIGN(const auto inner, directory.open_directory(entry.name));
      DL_TRY(purge(op, *inner, below, keep));
    }
  }
  return {};
}

class Carrier {
 public:
  Carrier(const Op& op, disk::Directory& from, disk::Directory& to, const Patterns& keep, Reporter& reporter)
      : op_(op), from_(from), to_(to), keep_(keep), reporter_(reporter) {}

  Result<std::uint64_t> run() {
    DL_ASSIGN(const disk::Stat top, from_.stat());
    mount_ = top.mount;
    device_ = top.device;
    DL_TRY(search(from_, ""));
    return files_;
  }

 private:
  [[nodiscard]] bool is_elsewhere(const disk::Stat& stat) const {
    return stat.mount != mount_ || stat.device != device_;
  }

  Status search(disk::Directory& directory, const std::string& path) {
    DL_TRY(op_.check());
    DL_ASSIGN(const auto entries, directory.list());
    for (const auto& entry : entries) {
      const std::string below = join(path, entry.name);
      const bool is_directory = entry.stat.kind == FileKind::directory;
      if (keep_.matches_here(below, is_directory)) {
        DL_TRY(make_above(below));
        DL_TRY(carry(below, entry.stat));
      } else if (is_directory && !is_elsewhere(entry.stat)) {
        DL_ASSIGN(const auto inner, directory.open_directory(entry.name));
        DL_TRY(search(*inner, below));
      }
    }
    return {};
  }

  Status make_above(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      const std::string above = path.substr(0, slash);
      DL_ASSIGN(const auto there, to_.stat(above));
      if (there && there->kind == FileKind::directory) continue;
      DL_ASSIGN(const auto old, from_.stat(above));
      DL_TRY(to_.make_directory(above, (old ? old->mode : 0) | owner_all));
    }
    return {};
  }

  Status carry(const std::string& path, const disk::Stat& stat) {
    switch (stat.kind) {
      case FileKind::directory:
        return carry_directory(path, stat);
      case FileKind::file:
        ++files_;
        reporter_.record({path, "keep", stat.size_bytes, "local", "it matches a pattern of --keep"});
        return carry_file(path, stat);
      case FileKind::symlink: {
        DL_ASSIGN(const std::string target, from_.read_link(path));
        reporter_.record({path, "keep", 0, "local", "it matches a pattern of --keep"});
        DL_TRY(to_.make_symlink(target, path));
        return to_.set_mtime(path, stat.mtime_ns);
      }
      default:
        reporter_.record({path, "skip", 0, "", "a socket, device or FIFO cannot be brought into the next tree"});
        return {};
    }
  }

  Status carry_directory(const std::string& path, const disk::Stat& stat) {
    if (is_elsewhere(stat)) {
      return Error{Code::refused,
                   "\"" + printable(path) +
                       "\" is kept (--keep) and another file system is mounted on it, which cannot be in "
                       "two trees at once; pull in place (--mode in-place), or put a symlink there"};
    }
    DL_TRY(to_.make_directory(path, stat.mode | owner_all));
    DL_ASSIGN(const auto directory, from_.open_directory(path));
    DL_ASSIGN(const auto entries, directory->list());
    for (const auto& entry : entries) DL_TRY(carry(join(path, entry.name), entry.stat));
    if ((stat.mode & owner_all) != owner_all) DL_TRY(to_.set_mode(path, stat.mode));
    return to_.set_mtime(path, stat.mtime_ns);
  }

  Status carry_file(const std::string& path, const disk::Stat& stat) {
    if (from_.make_hard_link(path, to_, path)) return {};
    DL_ASSIGN(const auto old, from_.open_read(path));
    DL_ASSIGN(const auto made, to_.create(path, stat.mode));
    constexpr std::size_t step = 1 << 20;
    Bytes buffer(step);
    for (std::uint64_t at = 0;;) {
      DL_TRY(op_.check());
      DL_ASSIGN(const std::size_t got, old->read_at(at, buffer));
      DL_TRY(made->write_at(at, ByteView(buffer).first(got)));
      at += got;
      if (got < buffer.size()) break;
    }
    return made->set_mtime(stat.mtime_ns);
  }

  const Op& op_;
  disk::Directory& from_;
  disk::Directory& to_;
  const Patterns& keep_;
  Reporter& reporter_;
  std::uint64_t mount_ = 0, device_ = 0, files_ = 0;
};

}  // namespace

Result<std::uint64_t> carry_over(const Op& op, disk::Directory& from, disk::Directory& to, const Patterns& keep,
                                 Reporter& reporter) {
  if (keep.empty()) return std::uint64_t{0};
  DL_TRY(purge(op, to, "", keep));
  return Carrier(op, from, to, keep, reporter).run();
}

}  // namespace duskline::site
