#include "sync/folder_walk.h"

#include <algorithm>

#include "base/units.h"
#include "sync/names.h"

namespace duskline::sync {
namespace {

using disk::FileKind;

constexpr std::size_t max_depth = 1024;
constexpr std::size_t max_listing_name_bytes = std::size_t{1} << 31;

std::string_view why_skipped(FileKind kind, bool follows_links) {
  switch (kind) {
    case FileKind::fifo:
      return "a FIFO";
    case FileKind::socket:
      return "a socket";
    case FileKind::character_device:
    case FileKind::block_device:
      return "a device";
    default:
      return follows_links ? "a symbolic link that leads nowhere"
                           : "a symbolic link; --copy-links copies what it leads to";
  }
}

Stamp stamp_of(const Listing::Child& child) {
  return {.size_bytes = child.size_bytes,
          .mtime_ns = child.mtime_ns,
          .ctime_ns = child.ctime_ns,
          .inode = child.inode,
          .mode = child.mode};
}

// As the paths compare that will come of the two: a directory's go on with '/'.
bool comes_before(const Listing& listing, const Listing::Child& a, const Listing::Child& b) {
  const std::string_view left = listing.name_of(a), right = listing.name_of(b);
  const std::size_t common = std::min(left.size(), right.size());
  const int order = left.substr(0, common).compare(right.substr(0, common));
  if (order != 0) return order < 0;
  const auto next = [common](std::string_view name, const Listing::Child& child) {
    if (name.size() > common) return static_cast<unsigned char>(name[common]) + 0;
    return child.kind == FileKind::directory ? '/' + 0 : -1;
  };
  return next(left, a) < next(right, b);
}

}  // namespace

Result<Listing> read_listing(disk::Directory& directory, const std::string& path, const Rules& rules,
                             const FollowLink& follow) {
  Listing listing;
  std::string full = path.empty() ? "" : path + "/";
  const std::size_t above = full.size();
  DL_ASSIGN(const disk::Stat own, directory.stat());
  listing.device = own.device;
  listing.inode = own.inode;
  listing.mode = own.mode;
  DL_TRY(directory.visit([&](std::string_view name, disk::Stat stat) -> Status {
    full.resize(above);
    full += name;
    if (follow && stat.kind == FileKind::symlink) stat = follow(full).value_or(stat);
    if (!rules.empty()) {
      const auto kind = stat.kind == FileKind::directory ? Pattern::Kind::directory : Pattern::Kind::file;
      const Rule* rule = rules.deciding(full, kind);
      if (rule != nullptr && rule->verdict == Rule::Verdict::exclude) return {};
    }
    if (listing.names.size() + name.size() > max_listing_name_bytes) {
      return Error{Code::too_large, directory.display_path() + " holds more names than can be sorted"};
    }
    listing.children.push_back({static_cast<std::uint32_t>(listing.names.size()),
                                static_cast<std::uint32_t>(name.size()), stat.kind, stat.mode, stat.size_bytes,
                                stat.inode, stat.mtime_ns, stat.ctime_ns});
    listing.names += name;
    return {};
  }));
  std::ranges::sort(listing.children, [&](const auto& a, const auto& b) { return comes_before(listing, a, b); });
  return listing;
}

FolderWalk::FolderWalk(const Op& op, Reporter& reporter, ReadAhead::Read read, unsigned threads, Settings settings)
    : op_(op), reporter_(reporter), settings_(std::move(settings)), listings_(std::move(read), threads) {}

void FolderWalk::skip(std::string_view reason) {
  reporter_.record({.path = path_, .action = "skip", .reason = reason});
}

// A link that leads to a directory above itself would never end.
bool FolderWalk::is_loop(const Listing& listing) const {
  return settings_.follows_links && std::ranges::any_of(frames_, [&](const Frame& frame) {
           return frame.listing.device == listing.device && frame.listing.inode == listing.inode;
         });
}

// `path_` is the directory's, without '/'.
Status FolderWalk::enter() {
  DL_TRY(op_.check());
  if (frames_.size() > max_depth) {
    return Error{Code::refused, "\"" + printable(path_.substr(0, 200)) +
                                    "...\" lies deeper than 1,024 directories; leave it out by --exclude"};
  }
  auto listing = listings_.get(path_);
  if (!listing) {
    Error error = std::move(listing).error();
    if (frames_.empty()) return error;
    if (error.code == Code::not_found) {  // removed meanwhile
      skip("it was removed while the directory was read");
      return {};
    }
    if (error.code != Code::denied) return error;
    return Error{Code::refused,
                 "directory \"" + printable(path_) +
                     "\" may not be read, so what it holds cannot be known; leave it out by --exclude",
                 std::move(error)};
  }
  if (is_loop(*listing)) {
    skip("a symbolic link to a directory that it lies in");
    return {};
  }
  if (!path_.empty()) path_ += '/';
  frames_.push_back({std::move(*listing), 0, path_.size(), true});
  return {};
}

// True where the directory that ends here was empty, and is the next entry.
bool FolderWalk::leave() {
  const Frame frame = std::move(frames_.back());
  frames_.pop_back();
  path_.resize(frame.path_bytes);
  if (!frame.is_empty || frames_.empty() || !settings_.empty_folders) return false;
  entry_.path = path_;
  entry_.stamp = Stamp{.mode = frame.listing.mode};
  return true;
}

// True where `child`, whose path is in `path_`, is the next entry.
Result<bool> FolderWalk::take(const Frame& frame, const Listing::Child& child) {
  const std::string_view name = frame.listing.name_of(child);
  if (name.starts_with(reserved_prefix) && child.kind == FileKind::file) {
    if (settings_.found_unfinished) {
      settings_.found_unfinished(path_);
    } else {
      skip("an unfinished file of another run");
    }
    return false;
  }
  if (child.kind == FileKind::directory) {
    DL_TRY(enter());
    return false;
  }
  if (child.kind != FileKind::file) {
    skip(why_skipped(child.kind, settings_.follows_links));
    return false;
  }
  entry_.path = path_;
  entry_.stamp = stamp_of(child);
  return true;
}

Result<const Entry*> FolderWalk::next() {
  if (!started_) {
    started_ = true;
    DL_TRY(enter());
  }
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    bool found = false;
    if (frame.at == frame.listing.children.size()) {
      found = leave();
    } else {
      const Listing::Child child = frame.listing.children[frame.at++];
      path_.resize(frame.path_bytes);
      path_ += frame.listing.name_of(child);
      DL_ASSIGN(found, take(frame, child));  // `frame` may have moved
    }
    if (!found) continue;
    for (auto above = frames_.rbegin(); above != frames_.rend() && above->is_empty; ++above) above->is_empty = false;
    if (entry_.path > settings_.after) return &entry_;
  }
  return nullptr;
}

}  // namespace duskline::sync
