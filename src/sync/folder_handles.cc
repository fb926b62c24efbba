#include "sync/folder_handles.h"

#include <algorithm>

#include "base/units.h"
#include "sync/place.h"

namespace duskline::sync {
namespace {

constexpr std::size_t max_kept = 64;

}  // namespace

std::string_view parent_of(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view last_name_of(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

std::shared_ptr<disk::Directory> FolderHandles::find(std::string_view path) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(kept_, path, &Kept::path);
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return found->directory;
}

void FolderHandles::keep(std::string_view path, std::shared_ptr<disk::Directory> directory) {
  const std::lock_guard lock(mutex_);
  kept_.push_front({std::string(path), std::move(directory)});
  if (kept_.size() > max_kept) kept_.pop_back();
}

void FolderHandles::forget(std::string_view path) {
  const std::lock_guard lock(mutex_);
  kept_.remove_if([&](const Kept& kept) { return kept.path == path; });
}

Result<std::shared_ptr<disk::Directory>> FolderHandles::top() {
  const std::lock_guard lock(mutex_);
  if (top_ == nullptr) {
    DL_ASSIGN(top_, disk_.open(path_));
  }
  return top_;
}

Result<std::shared_ptr<disk::Directory>> FolderHandles::make_top() {
  const std::lock_guard lock(mutex_);
  if (top_ == nullptr) {
    DL_ASSIGN(top_, disk_.open_or_create(path_, mode_));
  }
  return top_;
}

Result<std::shared_ptr<disk::Directory>> FolderHandles::get(std::string_view path) {
  if (path.empty()) return top();
  if (auto known = find(path)) return known;
  DL_ASSIGN(const auto above, top());
  DL_ASSIGN(auto opened, above->open_directory(path));
  std::shared_ptr<disk::Directory> directory = std::move(opened);
  keep(path, directory);
  return directory;
}

Status FolderHandles::make(std::string_view path, std::uint32_t mode) {
  DL_ASSIGN(const auto parent, get_or_make(parent_of(path), mode));
  auto made = parent->make_directory(last_name_of(path), mode);
  if (made || made.error().code != Code::already_exists) return made;
  DL_ASSIGN(const auto there, parent->stat(last_name_of(path)));
  if (!there || there->kind == disk::FileKind::directory) return {};
  const std::string name = "\"" + printable(path) + "\"";
  if (there->kind == disk::FileKind::file)
    return in_the_way("the file " + name + " stands where a directory is needed");
  return Error{Code::refused, name +
                                  " is in the way: it is neither a file nor a directory (a symbolic link is not "
                                  "followed); remove it, or leave it out by --exclude"};
}

Result<std::shared_ptr<disk::Directory>> FolderHandles::get_or_make(std::string_view path, std::uint32_t mode) {
  if (path.empty()) return make_top();
  auto there = get(path);
  const bool may_be_made = !there && (there.error().code == Code::not_found || there.error().code == Code::refused);
  if (!may_be_made) return there;
  DL_TRY(make(path, mode));
  return get(path);
}

}  // namespace duskline::sync
