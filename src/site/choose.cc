#include "site/choose.h"

#include <algorithm>
#include <utility>

#include "base/units.h"
#include "release/heads.h"
#include "site/scope.h"

namespace duskline::site {
namespace {

constexpr auto time_step = std::chrono::hours(1);  // how exactly the latest time is remembered

bool has_content(const State& state) { return state.current.has_value() || !state.kept.empty(); }

Status check_same_body(const State& state, const PullOptions& options) {
  if (!has_content(state)) return {};
  const auto refuse = [](const std::string& what, const std::string& has, const std::string& wanted) {
    return Error{Code::refused, "the target holds " + what + " \"" + printable(has) + "\", not \"" + printable(wanted) +
                                    "\"; use another directory, or empty this one first"};
  };
  // Both are empty where the state was lost, and the record too.
  if (!state.set.empty() && state.set != options.set.text()) return refuse("the set", state.set, options.set.text());
  if (!state.realm.empty() && state.realm != options.realm) {
    return refuse("content of the realm", state.realm, options.realm);
  }
  if (options.mode && *options.mode != state.layout.mode) {
    const bool is_switched = state.layout.mode == Mode::switched;
    return refuse("a tree of the mode", is_switched ? "switched" : "in-place", is_switched ? "in-place" : "switched");
  }
  return {};
}

// Floors are kept by channel: another channel's heads have versions of their own.
Status remember(Target& target, const PullOptions& options, const release::SeenHead& seen, WallTime now,
                Reporter& reporter) {
  State& state = target.state();
  const State before = state;
  if (release::is_fork(seen, state.floor)) {
    reporter.note(Severity::warning, "the head of " + options.set.text() + "/" + options.channel.text() +
                                         " did not replace the one seen here last: two publishers may have written "
                                         "without seeing each other");
  }
  if (seen.head.version > state.floor.version) state.floor = {seen.head.version, seen.envelope_hash};
  state.realm = options.realm;
  state.set = options.set.text();
  state.channel = options.channel.text();
  if (!options.store_url.empty()) state.store_url = options.store_url;
  if (now > state.latest_time + time_step) state.latest_time = now;
  return state == before ? Status{} : target.save_state();
}

Result<Choice> follow_head(const Op& op, const PullParts& parts, Target& target, const PullOptions& options) {
  const std::string name = options.set.text() + "/" + options.channel.text();
  DL_ASSIGN(const auto seen,
            release::read_head(parts.store, op, options.set, options.channel, parts.trusted, options.realm));
  if (!seen) {
    return Error{Code::not_found, "there is no channel " + name + " in " + parts.store.describe() +
                                      "; see what is there with: duskline releases"};
  }
  State& state = target.state();
  if (state.channel != options.channel.text() && !state.channel.empty()) {
    parts.reporter.note(Severity::info, "the target follows the channel \"" + options.channel.text() +
                                            "\" now, not \"" + printable(state.channel) + "\"");
    state.floor = {};
  }
  const WallTime now = std::max(parts.clock.now(), state.latest_time);
  DL_TRY(release::check_head(*seen, state.floor, now, options.stale));
  DL_TRY(remember(target, options, *seen, now, parts.reporter));
  const model::Head& head = seen->head;
  Choice choice;
  choice.wanted = {head.release, head.manifest_bytes, head.manifest_index_bytes, head.deltas};
  choice.number = head.number;
  return choice;
}

}  // namespace

Result<Layout> choose_layout(const State& state, const PullOptions& options) {
  DL_TRY(check_same_body(state, options));
  Layout layout = state.layout;
  if (options.mode) layout.mode = *options.mode;
  if (options.keep) layout.keep = *options.keep;
  if (options.only) layout.only = *options.only;
  if (options.owner) layout.owner = options.owner;
  if (options.mode_mask) layout.mode_mask = *options.mode_mask;
  DL_ASSIGN(layout.only, plain_subtree(layout.only));
  DL_TRY(Scope::make(layout));
  return layout;
}

bool is_shown(const State& state, const model::ReleaseId& id, const Layout& layout) {
  return state.current && state.current->id == id && state.current->layout == layout;
}

Result<Choice> choose_release(const Op& op, const PullParts& parts, Target& target, const PullOptions& options,
                              const Layout& layout) {
  State& state = target.state();
  Choice choice;
  if (options.release) {
    choice.wanted.id = *options.release;
  } else if (state.pinned) {
    choice.kind = Choice::Kind::pinned;
    // What is shown: another one than the pin says where a pull by release ended before it could move the pin.
    choice.wanted.id = state.current ? state.current->id : *state.pinned;
    const InstalledRelease* shown = target.find(choice.wanted.id);
    if (shown != nullptr) choice.number = shown->number;
    return choice;
  } else {
    DL_ASSIGN(choice, follow_head(op, parts, target, options));
    if (state.rejected == choice.wanted.id) {
      const std::string what = "release " + std::to_string(choice.number) + " (" + choice.wanted.id.short_hex() +
                               ") failed its check here and is not tried again; publish a mended one, or name it with "
                               "--release";
      if (!state.current) return Error{Code::refused, what};
      parts.reporter.note(Severity::warning, what);
      choice.kind = Choice::Kind::current;
      choice.wanted.id = state.current->id;
      choice.number = state.current->number;
      return choice;
    }
  }
  // What the release does not have is found only by looking.
  const bool removes_extras =
      layout.mode == Mode::in_place && options.extra == PullOptions::Extra::remove && !state.unchecked;
  if (!removes_extras && is_shown(state, choice.wanted.id, layout)) {
    choice.kind = Choice::Kind::current;
    choice.number = state.current->number;
  }
  return choice;
}

}  // namespace duskline::site
