#include "disk/compose.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "base/units.h"
#include "disk/path.h"
#include "disk/system.h"

namespace duskline::disk {
namespace {

Status write_new(Directory& directory, const std::string& name, ByteView bytes, std::uint32_t mode) {
  DL_ASSIGN(const auto file, directory.create(name, mode));
  DL_TRY(file->write_at(0, bytes));
  return file->sync();
}

Error over_limit(Directory& directory, std::string_view path, std::uint64_t limit) {
  return {Code::too_large, "read " + display_of(directory.display_path(), path) +
                               ": the file is larger than the limit of " + format_bytes(limit)};
}

Result<bool> try_case_folding(Directory& directory, std::string name) {
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  DL_ASSIGN(const std::optional<Stat> found, directory.stat(name));
  return found.has_value();
}

Result<bool> try_reflink(Directory& directory, File& from, const std::string& name) {
  constexpr std::size_t sample_bytes = 64 << 10;  // a whole block wherever blocks can be shared
  const Bytes sample(sample_bytes, 1);
  DL_TRY(from.write_at(0, sample));
  DL_ASSIGN(const auto to, directory.create(name, 0600));
  return to->clone_from(from, 0, sample_bytes, 0).has_value();
}

}  // namespace

Status replace_in(Directory& directory, std::string_view name, ByteView bytes, std::uint32_t mode,
                  const std::string& temporary) {
  Status done = write_new(directory, temporary, bytes, mode);
  if (done) done = directory.rename(temporary, directory, name);
  if (done) return directory.sync();
  // The first failure is what matters; a temporary file that cannot be removed either is only litter.
  if (done.error().code != Code::already_exists) {
    (void)directory.remove_file(temporary, Missing::is_absent).has_value();
  }
  return wrap(std::move(done).error(), "replace " + display_of(directory.display_path(), name));
}

Result<std::optional<Bytes>> read_whole(Directory& directory, std::string_view path, std::uint64_t limit) {
  auto file = directory.open_read(path);
  if (!file) {
    if (file.error().code == Code::not_found) return std::optional<Bytes>();
    return std::move(file).error();
  }
  DL_ASSIGN(const Stat stat, (*file)->stat());
  if (stat.size_bytes > limit) return over_limit(directory, path, limit);
  limit = std::min(limit, std::numeric_limits<std::uint64_t>::max() - 1);
  // One byte more than the size: a short read is then the end of the file, and a file that grows is noticed.
  Bytes bytes(stat.size_bytes + 1);
  std::size_t filled = 0;
  for (;;) {
    DL_ASSIGN(const std::size_t got, (*file)->read_at(filled, ByteSpan(bytes).subspan(filled)));
    filled += got;
    if (filled > limit) return over_limit(directory, path, limit);
    if (filled < bytes.size()) break;
    bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size() * std::uint64_t{2}, limit + 1)));
  }
  bytes.resize(filled);
  return std::optional<Bytes>(std::move(bytes));
}

Result<std::unique_ptr<Directory>> open_or_make(Filesystem& disk, const std::string& path, std::uint32_t mode) {
  auto found = disk.open(path);
  if (found || found.error().code != Code::not_found) return found;
  const std::size_t end = path.find_last_not_of('/');
  const auto [parent, name] = split_path(std::string_view(path).substr(0, end + 1));
  const bool in_root = parent.empty() && path.front() == '/';
  const std::string holder_path = in_root ? "/" : parent.empty() ? "." : std::string(parent);
  constexpr std::uint32_t parent_mode = 0755;
  DL_ASSIGN(const auto holder, open_or_make(disk, holder_path, parent_mode));
  const Status made = holder->make_directory(name, mode);
  if (!made && made.error().code != Code::already_exists) return made.error();
  DL_TRY(holder->sync());
  return disk.open(path);
}

Result<VolumeInfo> probe_with_files(Filesystem& disk, Directory& directory) {
  DL_ASSIGN(VolumeInfo result, disk.volume(directory));
  const std::string name = temporary_name(), other = temporary_name();
  DL_ASSIGN(auto file, directory.create(name, 0600));
  const Result<bool> folds = try_case_folding(directory, name);
  const Result<bool> reflink = try_reflink(directory, *file, other);
  file.reset();
  const Status removed = directory.remove_file(name, Missing::is_absent);
  const Status removed_other = directory.remove_file(other, Missing::is_absent);
  for (const Status* status : {&removed, &removed_other}) {
    if (!*status) return status->error();
  }
  for (const Result<bool>* answer : {&folds, &reflink}) {
    if (!*answer) return answer->error();
  }
  result.folds_case = *folds;
  result.can_reflink = *reflink;
  return result;
}

std::string temporary_name() {
  std::array<std::uint8_t, 8> random{};
  (void)retry([&] { return getrandom(random.data(), random.size(), 0); });
  return std::string(temporary_prefix) + to_hex(random);
}

}  // namespace duskline::disk
