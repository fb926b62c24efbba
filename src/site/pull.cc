#include "site/pull.h"

#include <algorithm>
#include <utility>

#include "base/units.h"
#include "site/choose.h"
#include "site/mend_record.h"
#include "site/meter.h"
#include "site/stage.h"
#include "site/staging.h"
#include "store/stores.h"

namespace duskline::site {
namespace {

class Pull {
 public:
  Pull(const Op& op, const PullParts& parts, Target& target, const PullOptions& options)
      : op_(op),
        options_(options),
        target_(target),
        counting_(parts.store),
        parts_{counting_, parts.disk, parts.trusted, parts.clock, parts.reporter},
        meter_(parts.reporter),
        started_(parts.clock.steady()) {}

  Result<PullResult> run();

 private:
  [[nodiscard]] bool is_dry() const { return options_.write == PullOptions::Write::dry_run; }
  Result<PullResult> nothing_to_bring(const Choice& choice);
  Result<PullResult> bring(const Choice& choice, const Layout& layout);
  Result<PullResult> conclude(const HookedActivation& activation);
  [[nodiscard]] bool lost_what_was_staged(const Error& error) const;
  [[nodiscard]] std::string name() const;
  void fill_in();

  const Op& op_;
  const PullOptions& options_;
  Target& target_;
  store::CountingStore counting_;
  const PullParts parts_;
  Meter meter_;
  const SteadyTime started_;
  PullResult result_;
};

Result<PullResult> Pull::run() {
  DL_ASSIGN(const Layout layout, choose_layout(target_.state(), options_));
  DL_ASSIGN(Choice choice, choose_release(op_, parts_, target_, options_, layout));
  if (choice.kind != Choice::Kind::bring) return nothing_to_bring(choice);
  auto result = bring(choice, layout);
  if (result || result.error().code != Code::not_found || options_.release) return result;
  // Prune may have removed what a release needs that the head has left behind meanwhile.
  parts_.reporter.note(Severity::info, "reading the head again: " + result.error().describe());
  DL_ASSIGN(choice, choose_release(op_, parts_, target_, options_, layout));
  if (choice.kind != Choice::Kind::bring) return nothing_to_bring(choice);
  result = bring(choice, layout);
  if (result || result.error().code != Code::not_found) return result;
  return wrap(std::move(result).error(),
              "the store does not hold all of the release that its head names, also after the head was read again; "
              "nothing was changed here. If the store is a copy, the rest may still be on its way; else publish with "
              "--upload-all");
}

// After a sync that failed, what was written before it may read well and still never reach the disk.
bool Pull::lost_what_was_staged(const Error& error) const {
  return (error.code == Code::io || error.code == Code::no_space) && !target_.state().pending;
}

std::string Pull::name() const {
  return "release " + std::to_string(result_.number) + " (" + result_.id.short_hex() + ")";
}

void Pull::fill_in() {
  const store::Traffic traffic = counting_.traffic();
  result_.bytes_from_store = traffic.bytes_received;
  result_.requests = traffic.requests;
  result_.bytes_from_packs = meter_.packs;
  result_.bytes_from_deltas = meter_.deltas;
  result_.bytes_from_local = meter_.local;
  result_.bytes_from_seeds = meter_.seeds;
  result_.bytes_resumed = meter_.resumed;
  const std::uint64_t content = is_dry() ? 0 : result_.bytes_from_packs + result_.bytes_from_deltas;
  result_.bytes_from_manifests = traffic.bytes_received - std::min(content, traffic.bytes_received);
  if (is_dry()) {  // what was planned was not asked for
    result_.bytes_from_store += result_.bytes_from_packs + result_.bytes_from_deltas;
    result_.requests += meter_.planned_requests;
  }
  result_.duration = parts_.clock.steady() - started_;
}

Result<PullResult> Pull::nothing_to_bring(const Choice& choice) {
  State& state = target_.state();
  result_.outcome = choice.kind == Choice::Kind::pinned ? PullResult::Outcome::pinned : PullResult::Outcome::current;
  result_.id = choice.wanted.id;
  result_.number = choice.number;
  if (!is_dry()) DL_TRY(mend_lost_records(op_, parts_, target_, options_, choice.wanted));
  if (!is_dry() && options_.release && state.pinned != options_.release) DL_TRY(target_.pin(*options_.release));
  const auto is_shown = [&](const std::optional<model::ReleaseId>& id) {
    return state.current && id == state.current->id;
  };
  if (!is_dry() && (is_shown(state.unchecked) || is_shown(state.after_due))) {
    DL_ASSIGN(const auto tree, target_.tree(state.current->id));
    result_.stats = tree->index().release.stats;
    const Staged shown{.id = state.current->id, .release = tree->index().release, .layout = {}};
    DL_ASSIGN(const auto activation,
              activate_with_hooks(op_, target_, shown, options_.hooks, parts_.clock, parts_.reporter));
    return conclude(activation);
  }
  fill_in();
  return result_;
}

Result<PullResult> Pull::bring(const Choice& choice, const Layout& layout) {
  DL_ASSIGN(const StageResult staged, stage_release(op_, parts_, target_, options_, choice.wanted, layout, meter_));
  result_.outcome = is_dry() ? PullResult::Outcome::planned : PullResult::Outcome::activated;
  result_.id = choice.wanted.id;
  result_.number = staged.release.number;
  result_.stats = staged.release.stats;
  result_.files_changed = staged.counts.files_changed;
  result_.files_removed = staged.counts.files_removed;
  result_.files_kept = staged.counts.files_kept;
  if (is_dry()) {
    fill_in();
    return result_;
  }
  DL_TRY(op_.check());
  const State& state = target_.state();
  if (!staged.is_needed && is_shown(state, choice.wanted.id, layout)) {  // --delete, and there was nothing to remove
    DL_TRY(Staging::remove(target_));
    return nothing_to_bring({Choice::Kind::current, choice.wanted, staged.release.number});
  }
  if (!state.current || state.set != options_.set.text()) {  // a pull by release has read no head
    target_.state().realm = options_.realm;
    target_.state().set = options_.set.text();
    target_.state().channel = options_.channel.text();
    if (!options_.store_url.empty()) target_.state().store_url = options_.store_url;
  }
  const Staged ready{
      .id = result_.id, .release = staged.release, .layout = layout, .sync = options_.sync ? Sync::yes : Sync::no};
  const auto activation = activate_with_hooks(op_, target_, ready, options_.hooks, parts_.clock, parts_.reporter);
  if (activation && activation->end == HookedActivation::End::before_failed) {
    return activation->error.value_or(Error{Code::internal, "no reason was given"});
  }
  if (activation || lost_what_was_staged(activation.error())) DL_TRY(Staging::remove(target_));
  if (!activation) return activation.error();
  return conclude(*activation);
}

// What is shown is decided; the rest is said, written down and tidied up.
Result<PullResult> Pull::conclude(const HookedActivation& activation) {
  using End = HookedActivation::End;
  const bool is_shown = activation.end == End::shown || activation.end == End::after_failed;
  result_.rolled_back = activation.end == End::rolled_back;
  if (result_.rolled_back) {
    result_.check_error = activation.error.value_or(Error{Code::internal, "no reason was given"});
  }
  if (is_shown && options_.release && target_.state().pinned != options_.release) {
    DL_TRY(target_.pin(*options_.release));
  }
  DL_TRY(target_.drop_old(options_.keep_releases));
  fill_in();
  DL_TRY(target_.write_receipt(encode_receipt(result_, target_.state(), parts_.clock.now()), result_.number));
  if (activation.end == End::after_failed || activation.end == End::not_rolled_back) {
    return wrap(activation.error.value_or(Error{Code::internal, "no reason was given"}), name());
  }
  return result_;
}

}  // namespace

Result<PullResult> pull(const Op& op, const PullParts& parts, Target& target, const PullOptions& options) {
  return Pull(op, parts, target, options).run();
}

}  // namespace duskline::site
