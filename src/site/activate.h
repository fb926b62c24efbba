// Activation: the one step that makes a staged release the one that is shown.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/op.h"
#include "site/target.h"

namespace duskline::site {

// Commands around an activation; run by /bin/sh -c with a built environment (PATH, HOME, LANG, and DUSKLINE_SET,
// DUSKLINE_CHANNEL, DUSKLINE_RELEASE, DUSKLINE_NUMBER, DUSKLINE_PREVIOUS, DUSKLINE_TARGET; no credentials), in the
// target, their output passed to the reporter line by line, their whole process group killed at the time limit or stop.
struct Hooks {
  std::string before, after, check;
  std::chrono::nanoseconds limit = std::chrono::minutes(5);
};
[[nodiscard]] Status run_hook(const Op&, const std::string& name, const std::string& command,
                              std::chrono::nanoseconds limit,
                              const std::vector<std::pair<std::string, std::string>>& environment,
                              const std::string& directory, Reporter&);

// What pull has put under .duskline/staging, complete and verified but not yet synced:
//   switched: staging/tree is the whole new content
//   in-place: staging/tree holds new and changed files only; staging/changes is the list (change.h)
// and staging/record, staging/stamps are the new release's tree record and file stamps.
struct Staged {
  model::ReleaseId id;
  model::Release release;
};

class Activator {
 public:
  virtual ~Activator() = default;
  // Syncs, then shows the staged release; on return Target::state() names it as current, durably, and the one before as
  // kept. After a crash at any point Target::open() shows the old or the new one whole (in-place: completes the
  // journal).
  virtual Status activate(const Op&, Target&, const Staged&) = 0;
};
[[nodiscard]] std::unique_ptr<Activator> make_activator(Mode mode, Clock&, Reporter&);

// Completes or drops an interrupted in-place activation; called by Target::open under the lock.
[[nodiscard]] Status recover(const Op&, Target&, Reporter&);

// Shows a kept release of a switched target again, offline, in one step: previous by default. Checks sizes and stamps
// of what it activates (or says what differs, Code::difference). Pins it. Code::not_found when it is not kept here.
[[nodiscard]] Result<InstalledRelease> switch_back(const Op&, Target&, std::optional<model::ReleaseId> to, Reporter&);

}  // namespace duskline::site
