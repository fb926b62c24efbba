#include "testing/sim_disk.h"

#include <cerrno>

#include "base/units.h"
#include "disk/compose.h"
#include "disk/system.h"
#include "testing/sim_handles.h"

namespace duskline::testing {
namespace {

using disk::path_error;
using sim::Effect;
using sim::InodePtr;
using sim::SimDirectory;
using sim::State;

constexpr int max_links_followed = 40;

// The directory at a path that the user named: symlinks are followed. 0 or an errno value in `error`.
InodePtr follow(const State& state, std::string_view path, int& error) {
  std::string rest(path);
  InodePtr at = state.root;
  for (int followed = 0; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    const std::string name = rest.substr(0, slash);
    rest.erase(0, slash == std::string::npos ? slash : slash + 1);
    if (name.empty() || name == ".") continue;
    if (!at->is_directory()) break;
    if (name == "..") {
      if (const InodePtr parent = at->parent.lock()) at = parent;
      continue;
    }
    const auto entry = state.find(*at, name);
    if (entry == at->entries.end()) {
      error = ENOENT;
      return nullptr;
    }
    if (entry->second->kind != disk::FileKind::symlink) {
      at = entry->second;
      continue;
    }
    if (++followed > max_links_followed) {
      error = ELOOP;
      return nullptr;
    }
    rest.insert(0, entry->second->target + "/");
    if (rest.front() == '/') at = state.root;
  }
  error = at->is_directory() ? 0 : ENOTDIR;
  return at;
}

}  // namespace

SimDisk::SimDisk(Clock& clock, SimDiskOptions options) : state_(std::make_shared<State>(clock, options)) {}

SimDisk::~SimDisk() = default;

Result<std::unique_ptr<disk::Directory>> SimDisk::open(const std::string& path) {
  if (path.empty()) return Error{Code::usage, "open \"\": the path of a directory is empty"};
  const auto what = [&] { return "open " + printable(path); };
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(state_->mutex);
    generation = state_->generation;
  }
  return state_->run(Effect::none, generation, what, [&]() -> Result<std::unique_ptr<disk::Directory>> {
    int error = 0;
    InodePtr inode = follow(*state_, path, error);
    if (error == ENOTDIR)
      return Error{Code::refused, what() + ": it is, or leads through, something else than a directory"};
    if (error != 0) return path_error("open", printable(path), error);
    return std::unique_ptr<disk::Directory>(
        std::make_unique<SimDirectory>(sim::Handle{state_, std::move(inode), generation, printable(path)}));
  });
}

Result<std::unique_ptr<disk::Directory>> SimDisk::open_or_create(const std::string& path, std::uint32_t mode) {
  return disk::open_or_make(*this, path, mode);
}

Result<disk::VolumeInfo> SimDisk::volume(disk::Directory& directory) {
  const auto* simulated = dynamic_cast<SimDirectory*>(&directory);
  if (simulated == nullptr) return path_error("inspect the file system of", directory.display_path(), EXDEV);
  const sim::Handle& handle = simulated->handle();
  const auto what = [&] { return "inspect the file system of " + handle.display; };
  return state_->run(Effect::none, handle.generation, what, [&]() -> Result<disk::VolumeInfo> {
    disk::VolumeInfo info;
    info.filesystem_id =
        "simulated:" + std::to_string(state_->options.seed) + ":" + std::to_string(handle.inode->device);
    info.is_mount_point = handle.inode->is_mount_root;
    info.free_bytes = state_->ledger->free_bytes();
    info.folds_case = state_->options.names == SimDiskOptions::Names::folded;
    return info;
  });
}

Result<disk::VolumeInfo> SimDisk::probe(disk::Directory& directory) { return disk::probe_with_files(*this, directory); }

std::uint64_t SimDisk::operations() const {
  const std::lock_guard lock(state_->mutex);
  return state_->operations;
}

std::uint64_t SimDisk::changes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->changes;
}

void SimDisk::cut_power_at_change(std::uint64_t change) {
  const std::lock_guard lock(state_->mutex);
  state_->cut_at = change;
}

void SimDisk::fail_at_operation(std::uint64_t operation, Code code) {
  const std::lock_guard lock(state_->mutex);
  state_->faults[operation] = code;
}

void SimDisk::set_free_bytes(std::uint64_t bytes) { state_->ledger->set_free(bytes); }

void SimDisk::make_read_only() {
  const std::lock_guard lock(state_->mutex);
  state_->read_only = true;
}

void SimDisk::make_writable() {
  const std::lock_guard lock(state_->mutex);
  state_->read_only = false;
}

void SimDisk::crash() {
  const std::lock_guard lock(state_->mutex);
  state_->crash();
}

void SimDisk::restart() {
  const std::lock_guard lock(state_->mutex);
  state_->restart();
}

namespace {

// Runs `call` on the directory that holds the last name of `path`.
template <typename Call>
Status in_holder(SimDisk& disk, const std::string& path, Call&& call) {
  const auto [holder, name] = disk::split_path(path);
  auto opened = disk.open(holder.empty() ? "/" : std::string(holder));
  if (!opened) return std::move(opened).error();
  return call(static_cast<SimDirectory&>(**opened), name);
}

}  // namespace

Status SimDisk::flip_byte(const std::string& path, std::uint64_t offset) {
  return in_holder(*this, path, [&](SimDirectory& in, std::string_view name) { return in.flip_byte(name, offset); });
}

Status SimDisk::make_fifo(const std::string& path) {
  return in_holder(*this, path, [](SimDirectory& in, std::string_view name) { return in.make_fifo(name); });
}

Status SimDisk::make_mount_point(const std::string& path) {
  return in_holder(*this, path, [](SimDirectory& in, std::string_view name) { return in.make_mount_point(name); });
}

}  // namespace duskline::testing
