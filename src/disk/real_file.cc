#include "disk/real_file.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <limits>

#include "disk/attributes.h"
#include "disk/path.h"

namespace duskline::disk {
namespace {

constexpr std::uint64_t max_offset = std::numeric_limits<off_t>::max();

// The process's umask, which umask(2) could only read by changing it for every thread.
int read_umask() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> status(std::fopen("/proc/self/status", "re"), std::fclose);
  if (status == nullptr) return -1;
  char line[256];
  while (std::fgets(line, sizeof line, status.get()) != nullptr) {
    unsigned mask = 0;
    if (std::sscanf(line, "Umask: %o", &mask) == 1) return static_cast<int>(mask);
  }
  return -1;
}

}  // namespace

DiskState::DiskState(PathResolution wanted, Durability wanted_durability)
    : how(wanted == PathResolution::automatic && !have_openat2() ? PathResolution::by_component : wanted),
      durability(wanted_durability),
      umask(read_umask()) {}

void DiskState::keep_late_error(Error error) {
  const std::lock_guard lock(mutex_);
  if (late_) late_ = std::move(error);
}

Status DiskState::take_late_error() {
  const std::lock_guard lock(mutex_);
  return std::exchange(late_, Status());
}

std::string FileName::display() const { return display_of(*directory, path); }

RealFile::~RealFile() {
  const int error = fd_.close_now();
  if (error != 0 && access_ == Access::read_write) {
    state_->keep_late_error(path_error("write", name_.display(), error));
  }
}

Status RealFile::outcome(int error, std::string_view verb) const {
  if (error == 0) return {};
  return path_error(verb, name_.display(), error);
}

Result<std::size_t> RealFile::read_at(std::uint64_t offset, ByteSpan into) {
  std::size_t filled = 0;
  while (filled < into.size() && offset + filled <= max_offset) {
    const ssize_t got = retry([&] {
      return pread(fd_.get(), into.data() + filled, into.size() - filled, static_cast<off_t>(offset + filled));
    });
    if (got == -1) return path_error("read", name_.display(), errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Status RealFile::write_at(std::uint64_t offset, ByteView bytes) {
  if (offset > max_offset || bytes.size() > max_offset - offset) return outcome(EFBIG, "write");
  while (!bytes.empty()) {
    const ssize_t put =
        retry([&] { return pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (put == -1) return outcome(errno, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status RealFile::resize(std::uint64_t size_bytes) {
  if (size_bytes > max_offset) return outcome(EFBIG, "resize");
  return outcome(error_of([&] { return ftruncate(fd_.get(), static_cast<off_t>(size_bytes)); }), "resize");
}

Result<Stat> RealFile::stat() {
  Stat stat;
  DL_TRY(outcome(stat_at(fd_.get(), "", stat), "inspect"));
  return stat;
}

Result<std::optional<Segment>> RealFile::rest_from(std::uint64_t offset) {
  DL_ASSIGN(const Stat now, stat());
  if (offset >= now.size_bytes) return std::optional<Segment>();
  return std::optional(Segment{offset, now.size_bytes - offset});
}

Result<std::optional<Segment>> RealFile::next_data(std::uint64_t offset) {
  if (offset > max_offset) return std::optional<Segment>();
  const off_t data = retry([&] { return lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA); });
  if (data == -1 && errno == ENXIO) return std::optional<Segment>();  // only a hole, or the end, is left
  if (data == -1 && errno == EINVAL) return rest_from(offset);
  if (data == -1) return path_error("find the holes of", name_.display(), errno);
  const off_t hole = retry([&] { return lseek(fd_.get(), data, SEEK_HOLE); });
  if (hole == -1 && errno == ENXIO) return std::optional<Segment>();  // cut short between the two calls
  if (hole == -1) return path_error("find the holes of", name_.display(), errno);
  return std::optional(Segment{static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole - data)});
}

Status RealFile::clone_from(File& from, std::uint64_t from_offset, std::uint64_t length, std::uint64_t to_offset) {
  const auto* source = dynamic_cast<RealFile*>(&from);
  if (source == nullptr) return outcome(EOPNOTSUPP, "share blocks with");
  if (length == 0) return {};  // to the kernel 0 means "all the rest"
  file_clone_range range{};
  range.src_fd = source->fd_.get();
  range.src_offset = from_offset;
  range.src_length = length;
  range.dest_offset = to_offset;
  const int error = error_of([&] { return ioctl(fd_.get(), FICLONERANGE, &range); });
  if (error == EOPNOTSUPP || error == EXDEV || error == EINVAL || error == ENOTTY) {
    return outcome(EOPNOTSUPP, "share blocks with");
  }
  return outcome(error, "share blocks with");
}

Status RealFile::set_mode(std::uint32_t mode) {
  return outcome(error_of([&] { return fchmod(fd_.get(), mode); }), "set the mode of");
}

Status RealFile::set_mtime(std::int64_t mtime_ns) {
  const timespec times[2] = {{0, UTIME_OMIT}, timespec_of(mtime_ns)};
  return outcome(error_of([&] { return futimens(fd_.get(), times); }), "set the time of");
}

Status RealFile::set_owner(model::Owner owner) {
  return outcome(error_of([&] { return fchown(fd_.get(), owner.uid, owner.gid); }), "set the owner of");
}

Result<std::vector<model::Attribute>> RealFile::attributes() { return read_attributes(fd_.get(), name_); }

Status RealFile::set_attributes(const std::vector<model::Attribute>& attributes) {
  return write_attributes(fd_.get(), name_, attributes);
}

Status RealFile::sync() {
  if (state_->durability == Durability::left_to_system) return {};
  return outcome(error_of([&] { return fsync(fd_.get()); }), "sync");
}

void RealFile::drop_cache() {
  // Advice only: that it could not be taken changes nothing.
  (void)posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace duskline::disk
