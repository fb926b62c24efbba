// Activation: the one step that makes a staged release the one that is shown (docs/design/004-activation.md).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/op.h"
#include "site/hooks.h"
#include "site/target.h"

namespace duskline::site {

enum class Sync : std::uint8_t { yes, no };

// What pull has put under .duskline/staging, complete and verified but not yet synced:
//   switched: staging/tree is the whole new content
//   in-place: staging/tree holds new and changed files only, with all their attributes; staging/changes is the list
//     (change.h). In staging/stamps a file that this activation will place, link or give attributes has
//     to_be_placed() as its stamp, since all three change ctime; activation fills them in.
// and staging/record, staging/stamps are the new release's tree record and file stamps. A successful activation uses
// up these five; whatever else lies in staging stays.
struct Staged {
  model::ReleaseId id;
  model::Release release;
  std::optional<Layout> layout;  // becomes the state's with the activation; absent: as it is
  Sync sync = Sync::yes;
  Check check = Check::none;  // activate_with_hooks() says what follows
};
[[nodiscard]] FileStamp to_be_placed();

class Activator {
 public:
  virtual ~Activator() = default;
  // Syncs, then shows the staged release; on return Target::state() names it as current, durably, and the one before as
  // kept. After a crash at any point Target::open() shows the old or the new one whole (in-place: completes the
  // journal).
  virtual Status activate(const Op&, Target&, const Staged&) = 0;
};
[[nodiscard]] std::unique_ptr<Activator> make_activator(Mode mode, Clock&, Reporter&);

// What became of an activation with commands around it.
struct HookedActivation {
  enum class End : std::uint8_t {
    shown,          // all is well
    before_failed,  // nothing was activated (`error`); what is staged stays for the next run
    after_failed,   // shown, but the command after it failed: `error`
    // The check failed (`error`): what was shown before (nothing, at first) is shown again, and this release is in
    // State::rejected.
    rolled_back,
    not_rolled_back,  // the check failed, and so did going back (`error`): the next run tries again
  } end = End::shown;
  std::optional<Error> error;
};
// before, activate, after, check, in this order. An error means that the activation failed. In-place, with a check,
// replaced files are kept until it has passed. Also for a release that is shown but State::unchecked: then only `after`
// and `check` are run, or State::after_due: then only `after`; `staged` names it.
[[nodiscard]] Result<HookedActivation> activate_with_hooks(const Op&, Target&, const Staged&, const Hooks&, Clock&,
                                                           Reporter&);

// Completes or undoes what a crash interrupted, and makes the state fit what is shown; called by Target::open under the
// lock.
[[nodiscard]] Status recover(const Op&, Target&, Reporter&);

// Shows a kept release of a switched target again, offline, in one step: by default the one shown before. Checks that
// all of it is there first: Code::difference says what is not. Pins it. Code::not_found when it is not kept here, as in
// every in-place target.
//   what_looks_edited: sizes and times against its record, and bytes where they differ. This is said, since it misses a
//     change that left both as they were.
enum class Reading : std::uint8_t { what_looks_edited, everything };
[[nodiscard]] Result<InstalledRelease> switch_back(const Op&, Target&, std::optional<model::ReleaseId> to, Reporter&,
                                                   Reading reading = Reading::what_looks_edited);

}  // namespace duskline::site
