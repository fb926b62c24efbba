#include "site/steps.h"

#include <algorithm>
#include <utility>

#include "site/folders.h"

namespace duskline::site {
namespace {

constexpr int max_folders = 1000;

bool names_other_than_pending(const State& state, const model::ReleaseId& id) {
  return (state.current && state.current->id == id) ||
         std::ranges::find(state.kept, id, &InstalledRelease::id) != state.kept.end();
}

// Moves a file back to the staging folder where nothing has taken its place there.
Status move_back(disk::Directory& own, const std::string& from, std::string_view to) {
  DL_ASSIGN(const std::optional<disk::Stat> there, own.stat(from));
  if (!there) return {};
  DL_TRY(folders::ensure(own, folders::staging));
  DL_ASSIGN(const std::optional<disk::Stat> taken, own.stat(to));
  if (taken) return own.remove_file(from, disk::Missing::is_absent);
  return own.rename(from, own, to);
}

}  // namespace

Status sync_folder(disk::Directory& in, std::string_view path) {
  DL_ASSIGN(const auto directory, in.open_directory(path));
  return directory->sync();
}

Result<std::string> free_folder(const Target& target, const model::ReleaseId& id) {
  const State& state = target.state();
  for (int n = 0; n < max_folders; ++n) {
    std::string folder = id.hex();
    if (n > 0) folder += "." + std::to_string(n);
    if (state.current && state.current->folder == folder) continue;
    if (std::ranges::find(state.kept, folder, &InstalledRelease::folder) != state.kept.end()) continue;
    return folder;
  }
  return Error{Code::too_large, "release " + id.short_hex() + " is kept too often; let a pull drop old releases"};
}

Status begin(Target& target, const Pending& pending) {
  disk::Directory& own = target.private_folder();
  DL_TRY(folders::ensure(own, folders::trees));
  DL_TRY(folders::ensure(own, folders::files));
  target.state().pending = pending;
  DL_TRY(target.save_state());
  DL_TRY(own.rename(folders::staged_record, own, folders::tree(pending.release.id)));
  DL_TRY(own.rename(folders::staged_stamps, own, folders::stamps(pending.release.folder)));
  DL_TRY(sync_folder(own, folders::trees));
  DL_TRY(sync_folder(own, folders::files));
  return sync_folder(own, folders::staging);
}

Status undo_begin(Target& target) {
  State& state = target.state();
  if (!state.pending) return {};
  disk::Directory& own = target.private_folder();
  const InstalledRelease release = state.pending->release;
  if (!names_other_than_pending(state, release.id)) {
    DL_TRY(move_back(own, folders::tree(release.id), folders::staged_record));
  }
  DL_TRY(move_back(own, folders::stamps(release.folder), folders::staged_stamps));
  state.pending.reset();
  return target.save_state();
}

void set_current(State& state, std::optional<InstalledRelease> release, WallTime now) {
  if (release) {
    std::erase_if(state.kept, [&](const InstalledRelease& r) { return r.folder == release->folder; });
    release->activated = now;
  }
  if (state.layout.mode == Mode::in_place) {  // none has content that would tell it from another of its id
    const auto is_named_again = [&](const InstalledRelease& r) {
      return (release && r.id == release->id) || (state.current && r.id == state.current->id);
    };
    std::erase_if(state.kept, is_named_again);
  }
  if (state.current) state.kept.insert(state.kept.begin(), *std::move(state.current));
  state.current = std::move(release);
  if (state.current) state.layout = state.current->layout;
  if (state.current && state.rejected == state.current->id) state.rejected.reset();
  state.unchecked.reset();
  state.after_due.reset();
}

Status finish(Target& target) {
  State& state = target.state();
  const Pending pending = *std::exchange(state.pending, std::nullopt);
  set_current(state, pending.release, target.clock().now());
  if (pending.check == Check::follows) state.unchecked = pending.release.id;
  return target.save_state();
}

const InstalledRelease* release_before(const State& state) {
  const auto found =
      std::ranges::find_if(state.kept, [&](const InstalledRelease& release) { return state.rejected != release.id; });
  return found == state.kept.end() ? nullptr : &*found;
}

InstalledRelease installed_from(const Target& target, const Staged& staged, std::string folder) {
  return {.id = staged.id,
          .number = staged.release.number,
          .published = staged.release.published,
          .activated = {},
          .folder = std::move(folder),
          .layout = staged.layout.value_or(target.state().layout)};
}

Status accept(Target& target) {
  if (target.state().unchecked) {
    target.state().unchecked.reset();
    DL_TRY(target.save_state());
  }
  return target.state().layout.mode == Mode::in_place ? drop_replaced(target) : Status();
}

Status take_back(Target& target, Verdict verdict, Reporter& reporter) {
  State& state = target.state();
  const InstalledRelease* before = release_before(state);
  // The same release laid down in another way: it is the way that failed, not the release.
  const bool is_same = before != nullptr && before->id == state.current->id;
  if (verdict == Verdict::rejected && !is_same) {
    state.rejected = state.current->id;
    DL_TRY(target.save_state());
  }
  if (state.layout.mode == Mode::switched) return take_back_switched(target, reporter);
  return take_back_in_place(target, reporter);
}

}  // namespace duskline::site
