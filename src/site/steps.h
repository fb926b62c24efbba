// The steps that activations of both modes, going back, and recovery are made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/op.h"
#include "base/report.h"
#include "site/activate.h"
#include "site/target.h"

namespace duskline::site {

// A name for the folder of a release to be activated that no installed one has.
[[nodiscard]] Result<std::string> free_folder(const Target&, const model::ReleaseId& id);
// Makes names in `path` durable.
[[nodiscard]] Status sync_folder(disk::Directory& in, std::string_view path);
// Moves staging/record and staging/stamps to where those of installed releases lie, and saves `pending`. Durable.
[[nodiscard]] Status begin(Target&, const Pending& pending);
// Takes back what begin() did; what was staged is staged again as far as it is still there.
[[nodiscard]] Status undo_begin(Target&);
// Makes the pending release the current one in the state, and saves it.
[[nodiscard]] Status finish(Target&);
// Makes `release` (nothing: none) current in the state, without saving. The one before is kept.
void set_current(State& state, std::optional<InstalledRelease> release, WallTime now);
// What going back leads to: the release shown most recently before the current one, leaving out a rejected one.
[[nodiscard]] const InstalledRelease* release_before(const State& state);
[[nodiscard]] InstalledRelease installed_from(const Target& target, const Staged& staged, std::string folder);

// The check has passed, or there is none any more.
[[nodiscard]] Status accept(Target&);
// Shows again what was shown before the current release. A check that was stopped has said nothing about it.
enum class Verdict : std::uint8_t { rejected, unknown };
[[nodiscard]] Status take_back(Target&, Verdict verdict, Reporter&);

// Switched targets.
[[nodiscard]] Status activate_switched(const Op&, Target&, const Staged&, Reporter&);
[[nodiscard]] Status recover_switched(const Op&, Target&, Reporter&);
// Shows releases/<folder> (nothing: none) by replacing TARGET/current in one step; durable.
[[nodiscard]] Status show(Target&, std::optional<std::string> folder);
[[nodiscard]] Status take_back_switched(Target&, Reporter&);
// Both lists of patterns, each pattern once.
[[nodiscard]] std::vector<std::string> united_keep(std::vector<std::string> keep, const std::vector<std::string>& more);

// In-place targets.
[[nodiscard]] Status activate_in_place(const Op&, Target&, const Staged&, Reporter&);
[[nodiscard]] Status recover_in_place(const Op&, Target&, Reporter&);
[[nodiscard]] Status take_back_in_place(Target&, Reporter&);
// Forgets what was kept for a check.
[[nodiscard]] Status drop_replaced(Target&);

}  // namespace duskline::site
