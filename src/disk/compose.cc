#include "disk/compose.h"

#include <algorithm>

#include "base/units.h"
#include "disk/path.h"

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

}  // namespace duskline::disk
