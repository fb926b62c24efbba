#include "disk/real_disk.h"

#include <climits>

#include "base/units.h"
#include "disk/compose.h"
#include "disk/real_directory.h"
#include "disk/volume.h"

namespace duskline::disk {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

Error bad_root(const std::string& path, std::string_view why) {
  std::string message = "open \"" + printable(path) + "\": ";
  return {Code::usage, message.append(why)};
}

// Opens a path that the user named: symlinks are followed, any length.
Opened open_named(std::string_view path) {
  UniqueFd held;
  for (int at = AT_FDCWD;;) {
    const bool last = path.size() < PATH_MAX;
    const std::size_t cut = last ? path.size() : path.rfind('/', PATH_MAX - 2) + 1;
    if (cut == 0) return {UniqueFd(), ENAMETOOLONG};
    const std::string piece(path.substr(0, cut));
    const int flags = last ? directory_flags : O_PATH | O_DIRECTORY | O_CLOEXEC;
    UniqueFd fd(retry([&] { return openat(at, piece.c_str(), flags); }));
    if (fd.get() == -1) return {UniqueFd(), errno};
    if (last) return {std::move(fd), 0};
    held = std::move(fd);
    at = held.get();
    path.remove_prefix(std::min(path.find_first_not_of('/', cut), path.size()));
    if (path.empty()) path = ".";
  }
}

class RealDisk final : public Filesystem {
 public:
  RealDisk(PathResolution how, Durability durability) : state_(std::make_shared<DiskState>(how, durability)) {}

  Result<std::unique_ptr<Directory>> open(const std::string& path) override {
    DL_TRY(check(path));
    Opened opened = open_named(path);
    if (opened.error == ENOTDIR) {
      return Error{Code::refused,
                   "open " + printable(path) + ": it is, or leads through, something else than a directory"};
    }
    if (opened.error != 0) return path_error("open", printable(path), opened.error);
    return std::unique_ptr<Directory>(std::make_unique<RealDirectory>(std::move(opened.fd), printable(path), state_));
  }

  Result<std::unique_ptr<Directory>> open_or_create(const std::string& path, std::uint32_t mode) override {
    return open_or_make(*this, path, mode);
  }

  Result<VolumeInfo> volume(Directory& directory) override { return volume_of(directory); }

  Result<VolumeInfo> probe(Directory& directory) override { return probe_with_files(*this, directory); }

 private:
  static Status check(const std::string& path) {
    if (path.empty()) return bad_root(path, "the path of a directory is empty");
    if (path.find('\0') != std::string::npos) return bad_root(path, "the path holds a NUL byte");
    return {};
  }

  std::shared_ptr<DiskState> state_;
};

}  // namespace

std::unique_ptr<Filesystem> open_real_disk(PathResolution how, Durability durability) {
  return std::make_unique<RealDisk>(how, durability);
}

}  // namespace duskline::disk
