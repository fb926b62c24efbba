// Switched activation: whole trees side by side, and one symlink that says which is shown.
#include <algorithm>
#include <utility>

#include "base/units.h"
#include "site/carry_over.h"
#include "site/folders.h"
#include "site/steps.h"

namespace duskline::site {
namespace {

using disk::FileKind;
using disk::Missing;

constexpr std::string_view new_link = "current.new";

// What TARGET/current says.
struct Shown {
  enum class Kind : std::uint8_t { nothing, release, foreign } kind = Kind::nothing;
  std::string text;  // the folder of a release; what a foreign one is, for messages
};

Result<Shown> read_shown(Target& target) {
  DL_ASSIGN(const auto stat, target.root().stat(folders::current));
  if (!stat) return Shown{};
  if (stat->kind != FileKind::symlink) return Shown{Shown::Kind::foreign, "not a symlink"};
  DL_ASSIGN(std::string link, target.root().read_link(folders::current));
  const std::string prefix = std::string(folders::releases) + "/";
  if (link.starts_with(prefix) && folder_id(std::string_view(link).substr(prefix.size()))) {
    return Shown{Shown::Kind::release, link.substr(prefix.size())};
  }
  return Shown{Shown::Kind::foreign, "a symlink to \"" + printable(link) + "\""};
}

Status refuse_foreign(Target& target) {
  DL_ASSIGN(const Shown shown, read_shown(target));
  if (shown.kind != Shown::Kind::foreign) return {};
  return Error{Code::refused, "\"" + target.root().display_path() + "/current\" is " + shown.text +
                                  ", which Duskline did not make; remove it, or use another target"};
}

Result<bool> holds(Target& target, const InstalledRelease& release) {
  DL_ASSIGN(const auto stat, target.root().stat(folders::release(release.folder)));
  return stat && stat->kind == FileKind::directory;
}

Status move_in(Target& target, const std::string& folder) {
  disk::Directory& root = target.root();
  disk::Directory& own = target.private_folder();
  DL_TRY(folders::ensure(root, folders::releases));
  DL_TRY(folders::move_directory(own, folders::staged_tree, root, folders::release(folder)));
  DL_TRY(sync_folder(root, folders::releases));
  DL_TRY(root.sync());
  return sync_folder(own, folders::staging);
}

// The release was not shown yet: what belongs to it is staged again, or thrown away where that is not possible.
Status move_out(Target& target, const std::string& folder) {
  disk::Directory& own = target.private_folder();
  DL_ASSIGN(const auto there, target.root().stat(folders::release(folder)));
  if (!there) return {};
  DL_TRY(folders::ensure(own, folders::staging));
  DL_ASSIGN(const auto taken, own.stat(folders::staged_tree));
  if (taken) return folders::throw_away(target, folder);
  return folders::move_directory(target.root(), folders::release(folder), own, folders::staged_tree);
}

Status give_up(Target& target, Status failed) {
  if (!target.state().pending) return failed;  // not even begun
  const std::string folder = target.state().pending->release.folder;
  Status undone = move_out(target, folder);
  if (undone) undone = undo_begin(target);
  if (!undone) return wrap(std::move(undone).error(), "take back the beginning of an activation that failed");
  return failed;
}

// A release that the state does not know, as after the state file was lost, told by its record.
Result<InstalledRelease> adopt(Target& target, const std::string& folder) {
  const model::ReleaseId id = *folder_id(folder);
  InstalledRelease release{
      .id = id, .number = 0, .published = {}, .activated = {}, .folder = folder, .layout = target.state().layout};
  DL_ASSIGN(const bool is_there, holds(target, release));
  if (!is_there) return Error{Code::not_found, "its folder is gone"};
  DL_ASSIGN(const auto tree, target.tree(id));
  release.number = tree->index().release.number;
  release.published = tree->index().release.published;
  State& state = target.state();
  if (state.set.empty()) {
    state.set = tree->index().release.set;
    state.realm = tree->index().release.realm;
  }
  return release;
}

Status settle_pending(Target& target, const Shown& shown) {
  if (!target.state().pending) return {};
  const std::string folder = target.state().pending->release.folder;
  if (shown.kind == Shown::Kind::release && shown.text == folder) return finish(target);
  DL_TRY(move_out(target, folder));
  return undo_begin(target);
}

// Makes the state say what is shown. True where it had to be changed.
Result<bool> fit_current(Target& target, const Shown& shown, Reporter& reporter) {
  State& state = target.state();
  const std::string name = "\"" + target.root().display_path() + "/current\"";
  std::optional<InstalledRelease> found;
  if (shown.kind == Shown::Kind::release) {
    if (state.current && state.current->folder == shown.text) found = state.current;
    const auto kept = std::ranges::find(state.kept, shown.text, &InstalledRelease::folder);
    if (!found && kept != state.kept.end()) found = *kept;
    if (!found) {
      auto adopted = adopt(target, shown.text);
      if (adopted) {
        found = std::move(*adopted);
        reporter.note(Severity::warning,
                      "it is not known how release " + found->id.short_hex() + " was laid down in \"" +
                          printable(target.path()) +
                          "\"; say --keep, --only, --owner and --mode-mask again, where they were used");
      }
    }
    if (found) {
      DL_ASSIGN(const bool is_there, holds(target, *found));
      if (!is_there) found.reset();
    }
  }
  if (found == state.current) return false;
  if (found) {
    reporter.note(Severity::warning, name + " shows release " + found->id.short_hex() + ", as it was set meanwhile");
  } else {
    reporter.note(Severity::warning, name + " does not show the release that it should, nor any other of this target");
  }
  set_current(state, std::move(found), target.clock().now());
  return true;
}

}  // namespace

Status show(Target& target, std::optional<std::string> folder) {
  disk::Directory& root = target.root();
  disk::Directory& own = target.private_folder();
  if (folder) {
    DL_TRY(own.remove_file(new_link, Missing::is_absent));
    DL_TRY(own.make_symlink(folders::release(*folder), new_link));
    DL_TRY(own.rename(new_link, root, folders::current));
  } else {
    DL_TRY(root.remove_file(folders::current, Missing::is_absent));
  }
  return root.sync();
}

Status activate_switched(const Op& op, Target& target, const Staged& staged, Reporter& reporter) {
  DL_TRY(refuse_foreign(target));
  DL_ASSIGN(const auto tree, target.private_folder().stat(folders::staged_tree));
  if (!tree || tree->kind != FileKind::directory) {
    return Error{Code::corrupt, "there is no staged tree to activate; pull again"};
  }
  DL_TRY(op.check());
  if (staged.sync == Sync::yes) DL_TRY(target.root().sync_filesystem());
  DL_ASSIGN(const std::string folder, free_folder(target, staged.id));
  DL_TRY(folders::throw_away(target, folder));  // what no state names is a leftover
  const InstalledRelease release = installed_from(target, staged, folder);
  Status done = begin(target, {release, staged.check});
  if (done) done = move_in(target, folder);
  // What the site has written since the tree was staged, as the command before the activation may have.
  if (done) done = bring_along(op, target, folder, release.layout.keep, reporter);
  if (done) done = op.check();
  if (!done) return give_up(target, std::move(done));
  DL_TRY(show(target, folder));
  return finish(target);
}

std::vector<std::string> united_keep(std::vector<std::string> keep, const std::vector<std::string>& more) {
  for (const std::string& pattern : more) {
    if (std::ranges::find(keep, pattern) == keep.end()) keep.push_back(pattern);
  }
  return keep;
}

Status take_back_switched(Target& target, Reporter& reporter) {
  State& state = target.state();
  const InstalledRelease* before = release_before(state);
  std::optional<InstalledRelease> release;
  if (before != nullptr) release = *before;
  if (release && state.current) {
    const auto keep = united_keep(release->layout.keep, state.layout.keep);
    // Also where the run was stopped; and a release that failed its check must not stay for it.
    if (const Status brought = bring_along({}, target, release->folder, keep, reporter); !brought) {
      reporter.note(Severity::error, "what the site has written since (--keep) cannot be brought back to release " +
                                         release->id.short_hex() + ", and stays in \"" + target.root().display_path() +
                                         "/" + folders::release(state.current->folder) +
                                         "\": " + brought.error().describe());
    }
  }
  DL_TRY(show(target, release ? std::optional(release->folder) : std::nullopt));
  set_current(state, std::move(release), target.clock().now());
  return target.save_state();
}

Status recover_switched(const Op&, Target& target, Reporter& reporter) {
  State& state = target.state();
  DL_ASSIGN(const Shown shown, read_shown(target));
  DL_TRY(settle_pending(target, shown));
  DL_ASSIGN(bool is_changed, fit_current(target, shown, reporter));
  std::vector<InstalledRelease> kept;
  for (const InstalledRelease& release : state.kept) {
    DL_ASSIGN(const bool is_there, holds(target, release));
    if (is_there) kept.push_back(release);
  }
  is_changed = is_changed || kept.size() != state.kept.size();
  state.kept = std::move(kept);
  if (is_changed) DL_TRY(target.save_state());
  if (!state.current || state.rejected != state.current->id) return {};
  reporter.note(Severity::warning, "the check of what is shown had failed; going back to the release before");
  return take_back_switched(target, reporter);
}

}  // namespace duskline::site
