#include "site/activate.h"

#include <filesystem>
#include <limits>
#include <utility>

#include "base/units.h"
#include "site/carry_over.h"
#include "site/folders.h"
#include "site/steps.h"
#include "site/verify.h"

namespace duskline::site {
namespace {

class ModeActivator final : public Activator {
 public:
  ModeActivator(Mode mode, Reporter& reporter) : mode_(mode), reporter_(reporter) {}

  Status activate(const Op& op, Target& target, const Staged& staged) override {
    if (target.state().current && target.state().layout.mode != mode_) {
      return Error{Code::refused, "the target \"" + printable(target.path()) +
                                      "\" was made in the other mode (switched or in-place), which cannot be changed; "
                                      "use a new target"};
    }
    if (staged.layout.value_or(target.state().layout).mode != mode_) {
      return Error{Code::internal, "a release was staged for the other mode"};
    }
    if (mode_ == Mode::switched) return activate_switched(op, target, staged, reporter_);
    return activate_in_place(op, target, staged, reporter_);
  }

 private:
  const Mode mode_;
  Reporter& reporter_;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

Environment hook_environment(const Target& target, const model::ReleaseId& id, model::ReleaseNumber number) {
  const State& state = target.state();
  const auto hex = [](const model::ReleaseId& release) { return release.hash.is_zero() ? "" : release.hex(); };
  std::string previous;
  if (state.current && state.current->id != id) {
    previous = state.current->id.hex();
  } else if (const InstalledRelease* before = release_before(state); before != nullptr) {
    previous = before->id.hex();
  }
  std::error_code failed;
  const std::filesystem::path absolute = std::filesystem::absolute(target.path(), failed);
  Environment environment = base_environment();
  environment.insert(environment.end(), {{"DUSKLINE_SET", state.set},
                                         {"DUSKLINE_CHANNEL", state.channel},
                                         {"DUSKLINE_RELEASE", hex(id)},
                                         {"DUSKLINE_NUMBER", std::to_string(number)},
                                         {"DUSKLINE_PREVIOUS", previous},
                                         {"DUSKLINE_TARGET", failed ? target.path() : absolute.string()}});
  return environment;
}

HookedActivation go_back(Target& target, Error failed, Reporter& reporter) {
  using End = HookedActivation::End;
  const Verdict verdict = failed.code == Code::cancelled ? Verdict::unknown : Verdict::rejected;
  const Status back = take_back(target, verdict, reporter);
  if (!back) {
    const std::string what = verdict == Verdict::unknown ? "the check was stopped" : "the check failed";
    return {End::not_rolled_back, wrap(std::move(failed), what + ", and going back failed (" + back.error().describe() +
                                                              "); the next run tries again")};
  }
  return {End::rolled_back, std::move(failed)};
}

}  // namespace

FileStamp to_be_placed() { return {.ctime_ns = std::numeric_limits<std::int64_t>::min()}; }

std::unique_ptr<Activator> make_activator(Mode mode, Clock&, Reporter& reporter) {
  return std::make_unique<ModeActivator>(mode, reporter);
}

Result<HookedActivation> activate_with_hooks(const Op& op, Target& target, const Staged& staged, const Hooks& hooks,
                                             Clock& clock, Reporter& reporter) {
  using End = HookedActivation::End;
  const State& state = target.state();
  auto environment = hook_environment(target, staged.id, staged.release.number);
  const auto run = [&](const char* name, const std::string& command) {
    if (command.empty()) return Status();
    return run_hook(op, name, command, hooks.limit, environment, target.path(), reporter);
  };
  const bool is_shown = state.current && state.current->id == staged.id;
  const bool is_unchecked = is_shown && state.unchecked == staged.id;
  const bool is_checked = is_shown && !is_unchecked && !staged.layout && state.after_due == staged.id;
  if (!is_unchecked && !is_checked) {
    if (Status before = run("before", hooks.before); !before) {
      return HookedActivation{End::before_failed, wrap(std::move(before).error(),
                                                       "nothing was activated, since the command before it failed")};
    }
    Staged with_check = staged;
    with_check.check = hooks.check.empty() ? Check::none : Check::follows;
    const auto activator = make_activator(staged.layout.value_or(state.layout).mode, clock, reporter);
    DL_TRY(activator->activate(op, target, with_check));
  }
  HookedActivation result;
  if (Status after = run("after", hooks.after); !after) {
    result = {End::after_failed,
              wrap(std::move(after).error(), "the release is shown, but the command after it failed")};
  }
  if (Status check = is_checked ? Status() : run("check", hooks.check); !check) {
    const bool is_stopped = check.error().code == Code::cancelled;
    result = go_back(target, std::move(check).error(), reporter);
    // Whatever it reloaded has to be told again.
    if (result.end == End::rolled_back && !is_stopped) {
      const InstalledRelease shown = state.current.value_or(InstalledRelease{});
      environment = hook_environment(target, shown.id, shown.number);
      if (const Status after = run("after", hooks.after); !after) {
        reporter.note(Severity::error,
                      "the command after the activation failed after going back: " + after.error().describe());
      }
    }
    return result;
  }
  DL_TRY(accept(target));
  const auto due = result.end == End::after_failed ? std::optional(staged.id) : std::nullopt;
  if (state.after_due != due) {
    target.state().after_due = due;
    DL_TRY(target.save_state());
  }
  return result;
}

Status recover(const Op& op, Target& target, Reporter& reporter) {
  const State& state = target.state();
  Mode mode = state.pending ? state.pending->release.layout.mode : state.layout.mode;
  for (const std::string_view journal : {folders::journal, folders::journal_back}) {
    DL_ASSIGN(const auto there, target.private_folder().stat(journal));
    if (there) mode = Mode::in_place;  // also where the state was lost
  }
  return mode == Mode::switched ? recover_switched(op, target, reporter) : recover_in_place(op, target, reporter);
}

Result<InstalledRelease> switch_back(const Op& op, Target& target, std::optional<model::ReleaseId> to,
                                     Reporter& reporter, Reading reading) {
  State& state = target.state();
  if (state.layout.mode == Mode::in_place) {
    return Error{Code::not_found, "an in-place target keeps no earlier release; pull the one you want by its id"};
  }
  if (!to) {
    const InstalledRelease* before = release_before(state);
    if (before == nullptr)
      return Error{Code::not_found, "no earlier release is kept in \"" + printable(target.path()) + "\""};
    to = before->id;
  }
  if (state.current && state.current->id == *to) {
    DL_TRY(target.pin(*to));
    return *state.current;
  }
  std::uint64_t wrong = 0;
  std::string first;
  const auto found = [&](Finding finding, const std::string& path) {
    const bool is_content = finding == Finding::changed || finding == Finding::missing || finding == Finding::kind ||
                            finding == Finding::unreadable;
    if (!is_content) return;
    if (wrong++ == 0) first = "\"" + printable(path) + "\" is " + std::string(name_of(finding));
  };
  using Depth = VerifyOptions::Depth;
  const Depth depth = reading == Reading::everything ? Depth::content : Depth::metadata;
  DL_TRY(verify(op, target, {.release = to, .depth = depth}, reporter, found));
  if (wrong > 0) {
    return Error{Code::difference, "release " + to->short_hex() + " is not all there as it was: " + first +
                                       (wrong > 1 ? ", and " + std::to_string(wrong - 1) + " more" : "") +
                                       "; nothing was switched: pull it anew by its id"};
  }
  if (reading == Reading::what_looks_edited) {
    reporter.note(
        Severity::info,
        "release " + to->short_hex() +
            " was checked by sizes and times, and read only where they differ; every byte is read by: duskline "
            "verify " +
            printable(target.path()));
  }
  InstalledRelease release = *target.find(*to);
  // What belongs to the site is what was said last; what was said of the earlier one may lie in it all the same.
  release.layout.keep = united_keep(release.layout.keep, state.layout.keep);
  DL_TRY(bring_along(op, target, release.folder, release.layout.keep, reporter));
  state.pinned = release.id;
  DL_TRY(target.save_state());
  DL_TRY(show(target, release.folder));
  set_current(state, release, target.clock().now());
  DL_TRY(target.save_state());
  return release;
}

}  // namespace duskline::site
