#include <algorithm>
#include <cerrno>

#include "base/units.h"
#include "disk/compose.h"
#include "disk/path.h"
#include "disk/system.h"
#include "testing/sim_handles.h"

namespace duskline::testing::sim {
namespace {

using disk::FileKind;
using disk::Missing;

class SimLock final : public disk::Lock {
 public:
  explicit SimLock(Handle handle) : handle_(std::move(handle)) {}
  ~SimLock() override {
    const std::lock_guard lock(handle_.state->mutex);
    if (handle_.generation == handle_.state->generation) handle_.inode->is_locked = false;
  }

 private:
  Handle handle_;
};

// Whether `inode` is `above` or lies below it.
bool lies_below(InodePtr inode, const InodePtr& above) {
  for (; inode; inode = inode->parent.lock()) {
    if (inode == above) return true;
  }
  return false;
}

}  // namespace

template <typename Body>
auto SimDirectory::run(Effect effect, const char* verb, std::string_view path, Body&& body) -> decltype(body()) {
  return handle_.state->run(
      effect, handle_.generation, [&] { return std::string(verb) + ' ' + display(path); }, std::forward<Body>(body));
}

std::string SimDirectory::display(std::string_view path) const { return disk::display_of(handle_.display, path); }

Error SimDirectory::fail(const char* verb, std::string_view path, int err) const {
  return disk::path_error(verb, display(path), err);
}

// Where the directory was reached and only the last name is wrong.
Error SimDirectory::fail_last(const char* verb, std::string_view path, int err) const {
  if (err == ENOTDIR) return {Code::refused, std::string(verb) + ' ' + display(path) + ": not a directory"};
  return fail(verb, path, err);
}

Result<Found> SimDirectory::locate(const char* verb, std::string_view path) const {
  if (path.empty()) return Found{nullptr, {}, handle_.inode, 0};
  Found found = walk(*handle_.state, handle_.inode, path);
  if (found.error != 0) return fail(verb, path, found.error);
  return found;
}

Result<Found> SimDirectory::locate_existing(const char* verb, std::string_view path) const {
  DL_ASSIGN(Found found, locate(verb, path));
  if (!found.inode) return fail(verb, path, ENOENT);
  return found;
}

Result<Found> SimDirectory::locate_free(const char* verb, std::string_view path) const {
  DL_ASSIGN(Found found, locate(verb, path));
  if (found.inode) return fail(verb, path, EEXIST);
  if (found.holder->links == 0) return fail(verb, path, ENOENT);  // the directory itself was removed
  return found;
}

Handle SimDirectory::handle_of(InodePtr inode, std::string_view path) const {
  return {handle_.state, std::move(inode), handle_.generation, display(path)};
}

InodePtr SimDirectory::add(const Found& place, FileKind kind, std::uint32_t mode) {
  InodePtr inode = handle_.state->make_inode(kind, mode & 07777U, place.holder->device);
  inode->meta.attributes = inherited(place.holder->meta, kind);
  handle_.state->add_names({{{place.holder, place.name, inode}}, false});
  return inode;
}

Result<std::vector<disk::DirectoryEntry>> SimDirectory::list() {
  return run(Effect::none, "list", {}, [&]() -> Result<std::vector<disk::DirectoryEntry>> {
    std::vector<disk::DirectoryEntry> entries;
    for (const auto& [name, inode] : handle_.inode->entries) entries.push_back({name, inode->stat()});
    std::shuffle(entries.begin(), entries.end(), handle_.state->random);
    return entries;
  });
}

Result<disk::Stat> SimDirectory::stat() {
  return run(Effect::none, "inspect", {}, [&]() -> Result<disk::Stat> { return handle_.inode->stat(); });
}

Result<std::optional<disk::Stat>> SimDirectory::stat(std::string_view path) {
  if (!path.empty()) DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::none, "inspect", path, [&]() -> Result<std::optional<disk::Stat>> {
    const auto found = locate("inspect", path);
    if (!found && found.error().code != Code::not_found) return found.error();
    if (!found || !found->inode) return std::optional<disk::Stat>();
    return std::optional(found->inode->stat());
  });
}

Result<std::string> SimDirectory::read_link(std::string_view path) {
  constexpr const char* verb = "read the symbolic link";
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::none, verb, path, [&]() -> Result<std::string> {
    DL_ASSIGN(const Found found, locate_existing(verb, path));
    if (found.inode->kind == FileKind::symlink) return found.inode->target;
    return disk::kind_error(verb, display(path), found.inode->kind, "a symbolic link");
  });
}

Result<std::unique_ptr<disk::Directory>> SimDirectory::open_directory(std::string_view path) {
  if (!path.empty()) DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::none, "open", path, [&]() -> Result<std::unique_ptr<disk::Directory>> {
    DL_ASSIGN(const Found found, locate_existing("open", path));
    if (!found.inode->is_directory()) {
      return disk::kind_error("open", display(path), found.inode->kind, "a directory");
    }
    return std::unique_ptr<disk::Directory>(std::make_unique<SimDirectory>(handle_of(found.inode, path)));
  });
}

Result<std::unique_ptr<disk::File>> SimDirectory::open_file(std::string_view path, Access access) {
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::none, "open", path, [&]() -> Result<std::unique_ptr<disk::File>> {
    DL_ASSIGN(const Found found, locate_existing("open", path));
    if (found.inode->kind == FileKind::symlink) return fail("open", path, ELOOP);
    if (found.inode->kind != FileKind::file) {
      return disk::kind_error("open", display(path), found.inode->kind, "a regular file");
    }
    if (access == Access::read_write && handle_.state->read_only) return fail("open", path, EROFS);
    return std::unique_ptr<disk::File>(std::make_unique<SimFile>(handle_of(found.inode, path), access));
  });
}

Result<std::unique_ptr<disk::File>> SimDirectory::open_read(std::string_view path) {
  return open_file(path, Access::read);
}

Result<std::unique_ptr<disk::File>> SimDirectory::open_write(std::string_view path) {
  return open_file(path, Access::read_write);
}

Result<std::unique_ptr<disk::File>> SimDirectory::create(std::string_view path, std::uint32_t mode) {
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::change, "create", path, [&]() -> Result<std::unique_ptr<disk::File>> {
    DL_ASSIGN(const Found place, locate_free("create", path));
    const InodePtr inode = add(place, FileKind::file, mode);
    return std::unique_ptr<disk::File>(std::make_unique<SimFile>(handle_of(inode, path), Access::read_write));
  });
}

Status SimDirectory::make_directory(std::string_view path, std::uint32_t mode) {
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::change, "create the directory", path, [&]() -> Status {
    DL_ASSIGN(const Found place, locate_free("create the directory", path));
    (void)add(place, FileKind::directory, mode);
    return {};
  });
}

Status SimDirectory::make_symlink(std::string_view target, std::string_view path) {
  constexpr const char* verb = "create the symbolic link";
  DL_TRY(disk::check_path(path, handle_.display));
  DL_TRY(disk::check_link_target(target, display(path)));
  return run(Effect::change, verb, path, [&]() -> Status {
    DL_ASSIGN(const Found place, locate_free(verb, path));
    constexpr std::uint32_t symlink_mode = 0777;
    add(place, FileKind::symlink, symlink_mode)->target = target;
    return {};
  });
}

Status SimDirectory::make_hard_link(std::string_view existing, Directory& to, std::string_view path) {
  DL_TRY(disk::check_path(existing, handle_.display));
  DL_TRY(disk::check_path(path, to.display_path()));
  return run(Effect::change, "link", existing, [&]() -> Status {
    const auto* other = dynamic_cast<SimDirectory*>(&to);
    if (other == nullptr || other->handle_.state != handle_.state) return fail("link", existing, EXDEV);
    DL_ASSIGN(const Found found, locate_existing("link", existing));
    DL_ASSIGN(const Found place, other->locate_free("create the link", path));
    if (found.inode->device != place.holder->device) return fail("link", existing, EXDEV);
    if (found.inode->is_directory()) return fail("link", existing, EPERM);
    handle_.state->add_names({{{place.holder, place.name, found.inode}}, false});
    return {};
  });
}

Status SimDirectory::rename(std::string_view from, Directory& to, std::string_view path) {
  DL_TRY(disk::check_path(from, handle_.display));
  DL_TRY(disk::check_path(path, to.display_path()));
  return run(Effect::change, "rename", from, [&]() -> Status {
    const auto* other = dynamic_cast<SimDirectory*>(&to);
    if (other == nullptr || other->handle_.state != handle_.state) return fail("rename", from, EXDEV);
    DL_ASSIGN(const Found source, locate_existing("rename", from));
    DL_ASSIGN(const Found place, other->locate("rename to", path));
    if (place.holder->links == 0) return other->fail("rename to", path, ENOENT);
    if (source.inode->device != place.holder->device) return fail("rename", from, EXDEV);
    if (source.inode->is_mount_root) return fail("rename", from, EBUSY);
    const bool is_directory = source.inode->is_directory();
    if (is_directory && lies_below(place.holder, source.inode)) {
      return Error{Code::invalid, "rename " + display(from) + " to " + other->display(path) +
                                      ": it lies below the directory to be renamed"};
    }
    if (place.inode == source.inode && (place.holder != source.holder || place.name != source.name)) return {};
    if (place.inode && place.inode != source.inode) {
      if (is_directory && !place.inode->is_directory()) return other->fail_last("rename to", path, ENOTDIR);
      if (!is_directory && place.inode->is_directory()) return other->fail_last("rename to", path, EISDIR);
      if (place.inode->is_mount_root) return other->fail("rename to", path, EBUSY);
      if (!place.inode->entries.empty()) return other->fail("rename to", path, ENOTEMPTY);
    }
    if (place.inode == source.inode) return {};  // the name itself
    handle_.state->add_names(
        {{{source.holder, source.name, nullptr}, {place.holder, place.name, source.inode}}, is_directory});
    return {};
  });
}

Status SimDirectory::remove(std::string_view path, Missing missing, FileKind wanted) {
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::change, "remove", path, [&]() -> Status {
    const auto found = locate("remove", path);
    const bool is_missing = found ? !found->inode : found.error().code == Code::not_found;
    if (is_missing && missing == Missing::is_absent) return {};
    if (!found) return found.error();
    if (!found->inode) return fail("remove", path, ENOENT);
    const bool is_directory = found->inode->is_directory();
    if (wanted == FileKind::directory && !is_directory) return fail_last("remove", path, ENOTDIR);
    if (wanted != FileKind::directory && is_directory) return fail("remove", path, EISDIR);
    if (found->inode->is_mount_root) return fail("remove", path, EBUSY);
    if (!found->inode->entries.empty()) return fail("remove", path, ENOTEMPTY);
    handle_.state->add_names({{{found->holder, found->name, nullptr}}, false});
    return {};
  });
}

Status SimDirectory::remove_file(std::string_view path, Missing missing) {
  return remove(path, missing, FileKind::file);
}

Status SimDirectory::remove_directory(std::string_view path, Missing missing) {
  return remove(path, missing, FileKind::directory);
}

// Step by step, as a real disk does it: the power can go after any of them.
Status SimDirectory::remove_tree(std::string_view path, Missing missing) {
  DL_TRY(disk::check_path(path, handle_.display));
  DL_ASSIGN(const std::optional<disk::Stat> found, stat(path));
  if (!found && missing == Missing::is_absent) return {};
  if (!found) return fail("remove", path, ENOENT);
  if (found->kind != FileKind::directory) return remove_file(path, Missing::is_absent);
  DL_ASSIGN(const auto holder, open_directory(disk::split_path(path).first));
  DL_ASSIGN(const disk::Stat above, holder->stat());
  return remove_below(path, above.mount);
}

Status SimDirectory::remove_below(std::string_view path, std::uint64_t mount) {
  DL_ASSIGN(const auto directory, open_directory(path));
  DL_ASSIGN(const disk::Stat own, directory->stat());
  if (own.mount != mount) return fail("remove", path, EBUSY);
  DL_ASSIGN(const auto entries, directory->list());
  for (const disk::DirectoryEntry& entry : entries) {
    if (entry.stat.kind == FileKind::directory) {
      DL_TRY(static_cast<SimDirectory&>(*directory).remove_below(entry.name, mount));
    } else {
      DL_TRY(directory->remove_file(entry.name, Missing::is_absent));
    }
  }
  return remove_directory(path, Missing::is_absent);
}

template <typename Body>
Status SimDirectory::change_meta(const char* verb, std::string_view path, Body&& body) {
  if (!path.empty()) DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::change, verb, path, [&]() -> Status {
    DL_ASSIGN(const Found found, locate_existing(verb, path));
    DL_TRY(body(*found.inode));
    handle_.state->touch_meta(*found.inode);
    return {};
  });
}

Status SimDirectory::set_mode(std::string_view path, std::uint32_t mode) {
  return change_meta("set the mode of", path, [&](Inode& inode) -> Status {
    if (inode.kind == FileKind::symlink) return fail("set the mode of", path, ELOOP);
    inode.meta.mode = mode & 07777U;
    return {};
  });
}

Status SimDirectory::set_mtime(std::string_view path, std::int64_t mtime_ns) {
  return change_meta("set the time of", path, [&](Inode& inode) -> Status {
    inode.meta.mtime_ns = mtime_ns;
    return {};
  });
}

Status SimDirectory::set_owner(std::string_view path, model::Owner owner) {
  return change_meta("set the owner of", path, [&](Inode& inode) -> Status {
    inode.meta.owner = owner;
    std::erase_if(inode.meta.attributes, [](const auto& a) { return a.name == "security.capability"; });
    return {};
  });
}

Result<std::vector<model::Attribute>> SimDirectory::attributes() {
  return run(Effect::none, "read the extended attributes of", {},
             [&]() -> Result<std::vector<model::Attribute>> { return handle_.inode->meta.attributes; });
}

Status SimDirectory::set_attributes(const std::vector<model::Attribute>& attributes) {
  constexpr const char* verb = "set the extended attributes of";
  return change_meta(verb, {}, [&](Inode& inode) -> Status {
    return sim::set_attributes(inode.meta, attributes) ? Status() : fail(verb, {}, EOPNOTSUPP);
  });
}

Status SimDirectory::sync() {
  return run(Effect::sync, "sync", {}, [&]() -> Status {
    handle_.state->sync(handle_.inode);
    return {};
  });
}

Status SimDirectory::sync_filesystem() {
  const Status done = run(Effect::sync, "sync the file system of", {}, [&]() -> Status {
    handle_.state->sync_device(handle_.inode->device);
    return {};
  });
  if (done) return done;
  const std::lock_guard lock(handle_.state->mutex);
  if (handle_.state->is_alive(handle_.generation)) handle_.state->lose_device(handle_.inode->device);
  return done;
}

Result<std::unique_ptr<disk::Lock>> SimDirectory::try_lock(std::string_view path) {
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::change, "lock", path, [&]() -> Result<std::unique_ptr<disk::Lock>> {
    DL_ASSIGN(const Found found, locate("lock", path));
    if (found.inode && found.inode->kind == FileKind::symlink) return fail("lock", path, ELOOP);
    if (found.inode && found.inode->kind != FileKind::file) {
      return disk::kind_error("lock", display(path), found.inode->kind, "a regular file");
    }
    constexpr std::uint32_t lock_mode = 0600;
    const InodePtr inode = found.inode ? found.inode : add(found, FileKind::file, lock_mode);
    if (inode->is_locked) return Error{Code::locked, "lock " + display(path) + ": another run holds it"};
    inode->is_locked = true;
    return std::unique_ptr<disk::Lock>(std::make_unique<SimLock>(handle_of(inode, path)));
  });
}

Status SimDirectory::replace(std::string_view path, ByteView bytes, std::uint32_t mode) {
  DL_TRY(disk::check_path(path, handle_.display));
  std::string temporary(disk::temporary_prefix);
  {
    const std::lock_guard lock(handle_.state->mutex);
    temporary += std::to_string(handle_.state->random());
  }
  const auto [parent, name] = disk::split_path(path);
  if (parent.empty()) return disk::replace_in(*this, name, bytes, mode, temporary);
  DL_ASSIGN(const auto directory, open_directory(parent));
  return disk::replace_in(*directory, name, bytes, mode, temporary);
}

Result<std::optional<Bytes>> SimDirectory::read_all(std::string_view path, std::uint64_t limit) {
  return disk::read_whole(*this, path, limit);
}

Status SimDirectory::make_fifo(std::string_view path) {
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::change, "create the FIFO", path, [&]() -> Status {
    DL_ASSIGN(const Found place, locate_free("create the FIFO", path));
    constexpr std::uint32_t fifo_mode = 0600;
    (void)add(place, FileKind::fifo, fifo_mode);
    return {};
  });
}

Status SimDirectory::make_mount_point(std::string_view path) {
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::none, "mount", path, [&]() -> Status {
    DL_ASSIGN(const Found found, locate_existing("mount", path));
    if (!found.inode->is_directory()) return fail_last("mount", path, ENOTDIR);
    if (!found.inode->entries.empty()) return fail("mount", path, ENOTEMPTY);
    found.inode->device = ++handle_.state->last_device;
    found.inode->is_mount_root = true;
    return {};
  });
}

Status SimDirectory::flip_byte(std::string_view path, std::uint64_t offset) {
  DL_TRY(disk::check_path(path, handle_.display));
  return run(Effect::none, "damage", path, [&]() -> Status {
    DL_ASSIGN(const Found found, locate_existing("damage", path));
    for (Content* content : {&found.inode->content, &found.inode->durable_content}) {
      std::uint8_t byte = 0;
      if (content->read(offset, ByteSpan(&byte, 1)) == 0) continue;
      byte = static_cast<std::uint8_t>(~byte);
      content->write(offset, ByteView(&byte, 1));
    }
    return {};
  });
}

}  // namespace duskline::testing::sim
