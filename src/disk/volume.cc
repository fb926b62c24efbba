#include "disk/volume.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "disk/real_directory.h"

namespace duskline::disk {
namespace {

// From <linux/fs.h> of Linux 6.9.
struct KernelUuid {
  std::uint8_t length;
  std::uint8_t bytes[16];
};
constexpr unsigned long get_uuid = _IOR(0x15, 0, KernelUuid);

std::string format_uuid(ByteView bytes) {
  std::string text = to_hex(bytes);
  if (bytes.size() != 16) return text;
  for (const std::size_t dash : {20U, 16U, 12U, 8U}) text.insert(dash, 1, '-');
  return text;
}

std::optional<std::string> uuid_from_kernel(int fd) {
  KernelUuid uuid{};
  if (ioctl(fd, get_uuid, &uuid) == -1 || uuid.length > sizeof uuid.bytes) return std::nullopt;
  const ByteView bytes(uuid.bytes, uuid.length);
  const bool is_set = std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != 0; });
  if (!is_set) return std::nullopt;
  return "uuid:" + format_uuid(bytes);
}

std::optional<MountLine> find_mount(std::uint64_t mount) {
  std::ifstream lines("/proc/self/mountinfo");
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = parse_mount_line(line);
    if (parsed && parsed->mount == mount) return parsed;
  }
  return std::nullopt;
}

// The name in /dev/disk/by-uuid that leads to the block device `source`.
std::optional<std::string> uuid_from_links(const std::string& source) {
  struct stat device{};
  if (::stat(source.c_str(), &device) == -1 || !S_ISBLK(device.st_mode)) return std::nullopt;
  const auto links = open_real_disk()->open("/dev/disk/by-uuid");
  if (!links) return std::nullopt;
  const auto entries = (*links)->list();
  if (!entries) return std::nullopt;
  for (const DirectoryEntry& entry : *entries) {
    struct stat target{};
    const std::string path = "/dev/disk/by-uuid/" + entry.name;
    if (::stat(path.c_str(), &target) == 0 && target.st_rdev == device.st_rdev) return "uuid:" + entry.name;
  }
  return std::nullopt;
}

std::optional<std::string> id_from_statfs(const struct statfs& info) {
  std::array<unsigned, 2> id{};
  static_assert(sizeof id == sizeof info.f_fsid);
  std::memcpy(id.data(), &info.f_fsid, sizeof id);
  if (id[0] == 0 && id[1] == 0) return std::nullopt;
  char text[64];
  std::snprintf(text, sizeof text, "fsid:%lx:%08x%08x", static_cast<unsigned long>(info.f_type), id[0], id[1]);
  return text;
}

std::string identify(int fd, const Stat& stat, const struct statfs& info) {
  if (auto uuid = uuid_from_kernel(fd)) return *uuid;
  const auto mount = find_mount(stat.mount);
  std::string source = mount ? "source:" + mount->type + ":" + mount->source : "unknown";
  if (mount && mount->source.starts_with('/')) {
    if (auto uuid = uuid_from_links(mount->source)) return *uuid;
  }
  // The ids of network file systems ("server:/export") do not outlive a mount.
  if (mount && mount->source.find(':') != std::string::npos) return source;
  return id_from_statfs(info).value_or(source);
}

bool is_mount_root(int fd) {
  struct statx raw{};
  if (statx(fd, "", AT_EMPTY_PATH, stat_mask, &raw) == -1) return false;
  if ((raw.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) return (raw.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  Stat own, above;
  if (stat_at(fd, "", own) != 0 || stat_at(fd, "..", above) != 0) return false;
  const bool is_root = own.inode == above.inode && own.device == above.device;
  return is_root || own.device != above.device || own.mount != above.mount;
}

bool folds_case_by_kind(int fd, const struct statfs& info) {
  constexpr long exfat_magic = 0x2011BAB0, ntfs_magic = 0x5346544e, ntfs3_magic = 0x7366746e;
  constexpr long cifs_magic = 0xff534d42, smb2_magic = 0xfe534d42;
  for (const long magic : {long{MSDOS_SUPER_MAGIC}, exfat_magic, ntfs_magic, ntfs3_magic, cifs_magic, smb2_magic}) {
    if (info.f_type == magic) return true;
  }
  int flags = 0;
  return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_CASEFOLD_FL) != 0;
}

}  // namespace

std::optional<MountLine> parse_mount_line(std::string_view line) {
  // id parent major:minor root mount-point options [optional fields] - type source super-options
  const std::size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  MountLine result;
  std::istringstream front{std::string(line.substr(0, dash))};
  std::istringstream back{std::string(line.substr(dash + 3))};
  std::string escaped;
  if (!(front >> result.mount) || !(back >> result.type >> escaped)) return std::nullopt;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    unsigned code = 0;
    if (escaped[i] == '\\' && std::sscanf(escaped.substr(i + 1, 3).c_str(), "%3o", &code) == 1) {
      result.source += static_cast<char>(code);
      i += 3;
    } else {
      result.source += escaped[i];
    }
  }
  return result;
}

Result<VolumeInfo> volume_of(Directory& directory) {
  const auto* real = dynamic_cast<RealDirectory*>(&directory);
  if (real == nullptr) return path_error("inspect the file system of", directory.display_path(), EXDEV);
  DL_ASSIGN(const Stat stat, directory.stat());
  struct statfs info{};
  struct statvfs space{};
  int error = error_of([&] { return fstatfs(real->fd(), &info); });
  if (error == 0) error = error_of([&] { return fstatvfs(real->fd(), &space); });
  if (error != 0) return path_error("inspect the file system of", directory.display_path(), error);
  VolumeInfo result;
  result.filesystem_id = identify(real->fd(), stat, info);
  result.is_mount_point = is_mount_root(real->fd());
  result.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  result.folds_case = folds_case_by_kind(real->fd(), info);
  return result;
}

}  // namespace duskline::disk
