// In-place activation: a durable journal, applied until it is done.
#include <utility>

#include "base/units.h"
#include "site/apply.h"
#include "site/change.h"
#include "site/folders.h"
#include "site/prepare.h"
#include "site/restamp.h"
#include "site/steps.h"

namespace duskline::site {
namespace {

using disk::Missing;

// Which changes a pass over the list applies.
enum class Pass : std::uint8_t { names, content };

bool is_of(Pass pass, Change::Kind kind) {
  const bool is_name = kind == Change::Kind::make_directory || kind == Change::Kind::remove_file ||
                       kind == Change::Kind::remove_directory;
  return is_name == (pass == Pass::names);
}

Status apply_all(ChangeList& list, ChangeApplier& applier, Direction direction, Pass pass, Reporter& reporter) {
  const bool is_forward = direction == Direction::forward;
  if (is_forward) {
    list.rewind();
  } else {
    list.rewind_end();
  }
  for (std::uint64_t done = 0;; ++done) {
    DL_ASSIGN(const Change* change, is_forward ? list.next() : list.previous());
    if (change == nullptr) return {};
    if (is_of(pass, change->kind)) DL_TRY(applier.apply(*change));
    if (pass == Pass::content) reporter.progress({.phase = "activate", .files = done, .files_total = list.count()});
  }
}

// Removals and directories, then what goes into them, then the attributes of directories, those that lie deeper first.
Status run(Target& target, ChangeList& list, Direction direction, Run attempt, Reporter& reporter) {
  ChangeApplier applier(target, direction, attempt, reporter);
  DL_TRY(apply_all(list, applier, direction, Pass::names, reporter));
  // A file that is moved into a directory which a power cut takes away again would be lost with it.
  if (applier.directories_made() > 0) DL_TRY(target.root().sync_filesystem());
  DL_TRY(apply_all(list, applier, direction, Pass::content, reporter));
  list.rewind_end();
  for (;;) {
    DL_ASSIGN(const Change* change, list.previous());
    if (change == nullptr) break;
    if (change->kind == Change::Kind::make_directory) DL_TRY(applier.finish_directory(*change));
  }
  applier.tell_left_out();
  return {};
}

Result<ChangeList> open_list(Target& target, std::string_view name) {
  DL_ASSIGN(auto file, target.private_folder().open_read(name));
  return ChangeList::open(std::move(file));
}

Result<ChangeList> open_journal(Target& target, std::string_view name) {
  auto list = open_list(target, name);
  if (list || list.error().code != Code::corrupt) return list;
  return wrap(std::move(list).error(), "the journal \"" + target.private_folder().display_path() + "/" +
                                           std::string(name) +
                                           "\" is damaged, so that what it began cannot be completed; remove it and "
                                           "pull again, which looks at every file");
}

Status drop_journal(Target& target, std::string_view name) {
  disk::Directory& own = target.private_folder();
  DL_TRY(own.remove_file(name, Missing::is_absent));
  return own.sync();
}

// What the journal did is on disk already when the state says so, and only then the journal goes.
Status complete(Target& target, Sync sync, Run attempt, Reporter& reporter) {
  DL_ASSIGN(ChangeList list, open_journal(target, folders::journal));
  DL_TRY(run(target, list, Direction::forward, attempt, reporter));
  if (sync == Sync::yes) DL_TRY(target.root().sync_filesystem());
  const std::optional<Pending> pending = target.state().pending;
  if (pending && pending->release.id == list.to()) {
    const Status stamped = restamp(Op{}, target, pending->release);
    if (!stamped) {
      reporter.note(Severity::debug, "the next pull reads changed files again: " + stamped.error().describe());
    }
    DL_TRY(finish(target));
  }
  DL_TRY(drop_journal(target, folders::journal));
  return target.private_folder().remove_tree(folders::staged_tree, Missing::is_absent);
}

Status complete_back(Target& target, Run attempt, Reporter& reporter) {
  DL_ASSIGN(ChangeList list, open_journal(target, folders::journal_back));
  DL_TRY(run(target, list, Direction::back, attempt, reporter));
  DL_TRY(target.root().sync_filesystem());
  State& state = target.state();
  std::optional<InstalledRelease> before;
  for (const InstalledRelease& release : state.kept) {
    if (release.id != list.to()) continue;
    before = release;
    break;
  }
  // Neither is so where a crash came after the state was saved.
  if (state.current && (before || list.to().hash.is_zero())) {
    const std::optional<WallTime> shown = before ? std::optional(before->activated) : std::nullopt;
    set_current(state, std::move(before), shown.value_or(WallTime{}));
    state.kept.erase(state.kept.begin());  // its content is gone
    DL_TRY(target.save_state());
  }
  DL_TRY(drop_journal(target, folders::journal_back));
  return drop_replaced(target);
}

Status undo_of_state(Target& target, Status failed) {
  const Status undone = undo_begin(target);
  if (!undone) return wrap(undone.error(), "take back the beginning of an activation that failed");
  return failed;
}

}  // namespace

Status drop_replaced(Target& target) {
  disk::Directory& own = target.private_folder();
  DL_TRY(own.remove_file(folders::undo, Missing::is_absent));
  return own.remove_tree(folders::previous, Missing::is_absent);
}

Status activate_in_place(const Op& op, Target& target, const Staged& staged, Reporter& reporter) {
  disk::Directory& own = target.private_folder();
  DL_ASSIGN(ChangeList list, open_list(target, folders::staged_changes));
  if (list.to() != staged.id) return Error{Code::corrupt, "the staged changes lead to another release; pull again"};
  const std::optional<InstalledRelease> current = target.state().current;
  DL_TRY(drop_replaced(target));
  DL_TRY(prepare_changes(op, target, list, staged.check, current ? current->id : model::ReleaseId{}));
  DL_TRY(op.check());
  if (staged.sync == Sync::yes) DL_TRY(target.root().sync_filesystem());
  DL_ASSIGN(const std::string folder, free_folder(target, staged.id));
  Status begun = begin(target, {installed_from(target, staged, folder), staged.check});
  if (begun) begun = own.rename(folders::staged_changes, own, folders::journal);
  if (!begun) return undo_of_state(target, std::move(begun));
  // From here on there is no way but forward, for this run or the next.
  DL_TRY(own.sync());
  Status completed = complete(target, staged.sync, Run::first, reporter);
  if (completed) return completed;
  return wrap(std::move(completed).error(),
              "the release is being put in place, and could not be completed; the next run goes on with it");
}

Status take_back_in_place(Target& target, Reporter& reporter) {
  disk::Directory& own = target.private_folder();
  DL_TRY(own.rename(folders::undo, own, folders::journal_back));
  DL_TRY(own.sync());
  return complete_back(target, Run::first, reporter);
}

Status recover_in_place(const Op&, Target& target, Reporter& reporter) {
  disk::Directory& own = target.private_folder();
  State& state = target.state();
  DL_ASSIGN(const auto back, own.stat(folders::journal_back));
  if (back) {
    reporter.note(Severity::warning, "going back to the release before was interrupted; completing it");
    DL_TRY(own.sync());
    return complete_back(target, Run::after_crash, reporter);
  }
  DL_ASSIGN(const auto forward, own.stat(folders::journal));
  if (forward) {
    reporter.note(Severity::warning, "an activation was interrupted; completing it");
    DL_TRY(own.sync());  // what was interrupted may have been just this, and nothing is changed before it
    DL_TRY(complete(target, Sync::yes, Run::after_crash, reporter));
  }
  DL_TRY(undo_begin(target));
  DL_ASSIGN(const auto undo, own.stat(folders::undo));
  if (!undo) return {};
  if (state.current && state.rejected == state.current->id) {
    reporter.note(Severity::warning, "the check of what is shown had failed; going back to what was there before");
    return take_back_in_place(target, reporter);
  }
  return state.unchecked ? Status() : drop_replaced(target);
}

}  // namespace duskline::site
