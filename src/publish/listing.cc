#include "publish/listing.h"

#include <algorithm>

namespace duskline::publish {
namespace {

// The first bytes of a name, such that comparing two of them as numbers compares the names.
std::uint64_t sort_key(std::string_view name) {
  std::uint64_t key = 0;
  const std::size_t count = std::min(name.size(), sizeof key);
  for (std::size_t i = 0; i < count; ++i) {
    key |= std::uint64_t{static_cast<unsigned char>(name[i])} << (8 * (sizeof key - 1 - i));
  }
  return key;
}

}  // namespace

Result<Listing> Listing::read(disk::Directory& directory) {
  Listing listing;
  DL_TRY(directory.visit([&](std::string_view name, const disk::Stat& stat) { return listing.add(name, stat); }));
  listing.sort();
  return listing;
}

Status Listing::add(std::string_view name, const disk::Stat& stat) {
  if (entries_.size() >= UINT32_MAX || name.size() > UINT16_MAX) {
    return Error{Code::too_large, "a directory of more than 4,294,967,295 entries"};
  }
  const std::uint32_t common = find_common({stat.uid, stat.gid, stat.device, stat.mount});
  entries_.push_back({.name_offset = names_.size(),
                      .size_bytes = stat.size_bytes,
                      .mtime_ns = stat.mtime_ns,
                      .ctime_ns = stat.ctime_ns,
                      .inode = stat.inode,
                      .links = stat.links,
                      .common = common,
                      .mode = static_cast<std::uint16_t>(stat.mode),
                      .name_bytes = static_cast<std::uint16_t>(name.size()),
                      .kind = stat.kind,
                      .is_sparse = stat.stored_bytes < stat.size_bytes});
  names_ += name;
  return {};
}

// Only the last few are looked at: they nearly always fit, and one too many costs little.
std::uint32_t Listing::find_common(const Common& common) {
  constexpr std::size_t tries = 16;
  for (std::size_t i = common_.size(); i > 0 && i + tries > common_.size(); --i) {
    if (common_[i - 1] == common) return static_cast<std::uint32_t>(i - 1);
  }
  common_.push_back(common);
  return static_cast<std::uint32_t>(common_.size() - 1);
}

void Listing::sort() {
  struct Keyed {
    std::uint64_t key = 0;
    std::uint32_t index = 0;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    keyed.push_back({sort_key(name_of(entry)), static_cast<std::uint32_t>(keyed.size())});
  }
  std::sort(keyed.begin(), keyed.end(), [this](const Keyed& a, const Keyed& b) {
    return a.key != b.key ? a.key < b.key : name_of(entries_[a.index]) < name_of(entries_[b.index]);
  });
  order_.reserve(keyed.size());
  for (const Keyed& entry : keyed) order_.push_back(entry.index);
}

disk::Stat Listing::stat(std::size_t place) const {
  const Entry& entry = entries_[order_[place]];
  const Common& common = common_[entry.common];
  disk::Stat stat;
  stat.kind = entry.kind;
  stat.mode = entry.mode;
  stat.uid = common.uid;
  stat.gid = common.gid;
  stat.links = entry.links;
  stat.size_bytes = entry.size_bytes;
  stat.stored_bytes = entry.is_sparse ? 0 : entry.size_bytes;
  stat.mtime_ns = entry.mtime_ns;
  stat.ctime_ns = entry.ctime_ns;
  stat.device = common.device;
  stat.inode = entry.inode;
  stat.mount = common.mount;
  return stat;
}

std::optional<disk::FileKind> Listing::kind_of(std::string_view name) const {
  const auto found = std::lower_bound(
      order_.begin(), order_.end(), name,
      [this](std::uint32_t index, std::string_view wanted) { return name_of(entries_[index]) < wanted; });
  if (found == order_.end() || name_of(entries_[*found]) != name) return std::nullopt;
  return entries_[*found].kind;
}

}  // namespace duskline::publish
