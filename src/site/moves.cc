#include "site/moves.h"

#include <algorithm>
#include <string>

#include "base/units.h"
#include "site/extended.h"
#include "site/folders.h"

namespace duskline::site {
namespace {

constexpr std::size_t copy_bytes = 256 << 10;
constexpr int max_folders = 1000;

Status copy_data(const Op& op, disk::File& from, std::uint64_t size, disk::File& to) {
  Bytes buffer(copy_bytes);
  DL_TRY(to.resize(size));
  for (std::uint64_t at = 0; at < size;) {
    DL_ASSIGN(const auto data, from.next_data(at));
    if (!data) break;
    at = data->offset_bytes;
    const std::uint64_t end = data->offset_bytes + data->length_bytes;
    while (at < end) {
      DL_TRY(op.check());
      const ByteSpan part(buffer.data(), std::min<std::uint64_t>(buffer.size(), end - at));
      DL_ASSIGN(const std::size_t got, from.read_at(at, part));
      if (got == 0) return {};  // cut short meanwhile
      DL_TRY(to.write_at(at, part.first(got)));
      at += got;
    }
  }
  return {};
}

Status copy(const Op& op, disk::Directory& from, std::string_view path, disk::Directory& to,
            std::string_view new_path) {
  DL_ASSIGN(const auto source, from.open_read(path));
  DL_ASSIGN(const disk::Stat stat, source->stat());
  DL_ASSIGN(const auto target, to.create(new_path, 0600));
  DL_TRY(copy_data(op, *source, stat.size_bytes, *target));
  const Status owned = target->set_owner({stat.uid, stat.gid});
  if (!owned && owned.error().code != Code::denied && owned.error().code != Code::unsupported) return owned;
  if (const auto attributes = source->attributes(); attributes && !attributes->empty()) {
    const Status given = AttributeGiver().give(*target, *attributes, std::string(new_path));
    if (!given && given.error().code != Code::denied) return given;
  }
  DL_TRY(target->set_mode(stat.mode));
  return target->set_mtime(stat.mtime_ns);
}

bool can_copy_instead(Code code) {
  return code == Code::unsupported || code == Code::denied || code == Code::io;  // EMLINK, EXDEV, protected_hardlinks
}

bool is_same(const disk::Stat& a, const disk::Stat& b) { return a.inode == b.inode && a.device == b.device; }

Status keep_name(disk::Directory& root, disk::Directory& own, std::string_view path, const disk::Stat& stat,
                 const std::string& place) {
  if (stat.kind == disk::FileKind::file) return link_or_copy({}, root, path, own, place);
  DL_ASSIGN(const std::string link, root.read_link(path));
  return own.make_symlink(link, place);
}

}  // namespace

Status link_or_copy(const Op& op, disk::Directory& from, std::string_view path, disk::Directory& to,
                    std::string_view new_path) {
  DL_TRY(folders::ensure_above(to, new_path));
  DL_TRY(to.remove_file(new_path, disk::Missing::is_absent));
  Status linked = from.make_hard_link(path, to, new_path);
  if (linked || !can_copy_instead(linked.error().code)) return linked;
  return copy(op, from, path, to, new_path);
}

Status set_aside(disk::Directory& root, disk::Directory& own, std::string_view path, const disk::Stat& stat,
                 Place place, std::string_view why, Reporter& reporter) {
  std::string into;
  for (int n = 0;; ++n) {
    if (n == max_folders) {
      return Error{Code::refused, "there are too many folders of files that were set aside; look through \"" +
                                      own.display_path() + "/set-aside*\", and remove them"};
    }
    into = std::string(folders::set_aside) + (n == 0 ? "" : "." + std::to_string(n)) + "/" + std::string(path);
    const Status above = folders::ensure_above(own, into);
    if (!above && above.error().code == Code::refused) continue;  // a file of that name was set aside before
    DL_TRY(above);
    DL_ASSIGN(const std::optional<disk::Stat> there, own.stat(into));
    if (there && is_same(*there, stat) && place == Place::stays) return {};  // done before a crash
    if (!there) break;
  }
  const bool is_named = stat.kind == disk::FileKind::file || stat.kind == disk::FileKind::symlink;
  const bool stays = place == Place::stays && is_named;
  if (stays) DL_TRY(keep_name(root, own, path, stat, into));
  if (place != Place::leaves)
    DL_TRY(own.sync_filesystem());  // before anything takes its place, or it moves into directories made just now
  if (!stays && stat.kind == disk::FileKind::directory) {
    DL_TRY(folders::move_directory(root, path, own, into));
  } else if (!stays) {
    DL_TRY(root.rename(path, own, into));
  }
  reporter.note(Severity::warning, "\"" + printable(path) + "\" " + std::string(why) + "; what stood there is now \"" +
                                       own.display_path() + "/" + printable(into) + "\"");
  reporter.record({path, "set-aside", stat.size_bytes, "", why});
  return {};
}

}  // namespace duskline::site
