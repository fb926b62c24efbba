// rollback, pin, unpin: what a target shows. Only an in-place target needs the store for it.
#include <algorithm>
#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "site/activate.h"
#include "site/pull.h"

namespace duskline::cli {
namespace {

// A kept release of the target by id, start of an id, or number.
Result<model::ReleaseId> find_kept(const site::State& state, const std::string& text) {
  std::vector<site::InstalledRelease> known;  // each once, also where it is laid down in two ways
  const auto add = [&](const site::InstalledRelease& release) {
    if (std::ranges::find(known, release.id, &site::InstalledRelease::id) == known.end()) known.push_back(release);
  };
  std::ranges::for_each(state.kept, add);
  if (state.current) add(*state.current);
  std::vector<model::ReleaseId> matches;
  for (const auto& release : known) {
    if (std::to_string(release.number) == text || (text.size() >= 6 && release.id.hex().starts_with(text))) {
      matches.push_back(release.id);
    }
  }
  if (matches.size() == 1) return matches.front();
  if (text.size() == 64) return model::ReleaseId::parse(text);
  std::string here;
  for (const auto& release : known) here += " " + std::to_string(release.number) + " (" + release.id.short_hex() + ")";
  return Error{Code::not_found, "no kept release matches \"" + printable(text) + "\"; here are:" + here};
}

void show(Context& context, const char* event, const std::string& path, const site::InstalledRelease& release,
          const std::string& words) {
  context.console.outcome(printable(path) + words + " release " + std::to_string(release.number) + " (" +
                          release.id.short_hex() + ")");
  context.console.object(
      {{"event", event}, {"target", path}, {"release", release.id.hex()}, {"number", release.number}});
}

class RollbackCommand final : public Command {
 public:
  Spec spec() override;
  Result<int> run(const Op& op, Context& context) override;

 private:
  Result<site::InstalledRelease> fetch_back(const Op& op, Context& context, site::Target& target,
                                            std::optional<model::ReleaseId> to);

  TargetArguments target_;
  StoreArguments store_;
  TrustArguments trust_;
  std::string to_;
  site::Reading reading_ = site::Reading::what_looks_edited;
};

Spec RollbackCommand::spec() {
  Spec spec{
      .path = "rollback",
      .summary = "show an earlier release again",
      .details =
          "The target stays there (pinned) until unpin. At once and offline for a switched target; an in-place "
          "target fetches what it no longer has. What is shown is checked before: sizes and times, and the bytes of "
          "what looks edited; with --read-all every byte.",
      .arguments = {{"DIR", "the target directory", to_text(target_.path)}},
      .flags = {{"--to", "ID", "which one: an id, its start, or a number (default: the one before)", to_text(to_)},
                {"--read-all", "", "read every byte of a switched target's release before it is shown",
                 to_choice(reading_, site::Reading::everything)},
                wait_flag(target_)}};
  for (auto& flag : store_flags(store_, Needed::optional)) spec.flags.push_back(std::move(flag));
  for (auto& flag : trust_flags(trust_)) spec.flags.push_back(std::move(flag));
  return spec;
}

Result<int> RollbackCommand::run(const Op& op, Context& context) {
  DL_ASSIGN(const auto target, open_target(op, context, target_, site::Target::Make::existing_only));
  std::optional<model::ReleaseId> to;
  if (!to_.empty()) {
    DL_ASSIGN(to, find_kept(target->state(), to_));
  }
  const bool in_place = target->state().layout.mode == site::Mode::in_place;
  DL_ASSIGN(const auto shown, in_place ? fetch_back(op, context, *target, to)
                                       : site::switch_back(op, *target, to, context.console, reading_));
  show(context, "rolled_back", target_.path, shown, " shows, and is pinned to,");
  return 0;
}

// A pull of the earlier release by its id, which pins it.
Result<site::InstalledRelease> RollbackCommand::fetch_back(const Op& op, Context& context, site::Target& target,
                                                           std::optional<model::ReleaseId> to) {
  const site::State& state = target.state();
  // A pull with --delete activates the release that is shown once more.
  const auto before = std::ranges::find_if(state.kept, [&](const site::InstalledRelease& release) {
    return !state.current || release.id != state.current->id;
  });
  if (!to && before == state.kept.end()) {
    return Error{Code::not_found, printable(target_.path) + " has shown no release before this one"};
  }
  DL_ASSIGN(auto source, open_source_of(context, state, store_, trust_));
  source.options.release = to ? *to : before->id;
  const site::PullParts parts{*source.store, context.disk, source.trusted, context.clock, context.console};
  DL_ASSIGN([[maybe_unused]] const auto pulled, site::pull(op, parts, target, source.options));
  return *state.current;
}

class PinCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "pin",
            .summary = "keep a target at the release it shows until unpin",
            .details = "",
            .arguments = {{"DIR", "the target directory", to_text(target_.path)}},
            .flags = {wait_flag(target_)}};
  }
  Result<int> run(const Op& op, Context& context) override {
    DL_ASSIGN(const auto target, open_target(op, context, target_, site::Target::Make::existing_only));
    if (!target->state().current) {
      return Error{Code::not_found, printable(target_.path) + " shows no release yet; pull first"};
    }
    target->state().pinned = target->state().current->id;
    DL_TRY(target->save_state());
    show(context, "pinned", target_.path, *target->state().current, " is pinned to");
    return 0;
  }

 private:
  TargetArguments target_;
};

class UnpinCommand final : public Command {
 public:
  Spec spec() override {
    return {.path = "unpin",
            .summary = "let a target follow its channel again",
            .details = "",
            .arguments = {{"DIR", "the target directory", to_text(target_.path)}},
            .flags = {wait_flag(target_)}};
  }
  Result<int> run(const Op& op, Context& context) override {
    DL_ASSIGN(const auto target, open_target(op, context, target_, site::Target::Make::existing_only));
    target->state().pinned.reset();
    DL_TRY(target->save_state());
    const site::State& state = target->state();
    const std::string channel = state.channel.empty()
                                    ? "the channel of the next pull"
                                    : state.set + "/" + state.channel + " again from the next pull on";
    context.console.outcome(printable(target_.path) + " follows " + channel);
    context.console.object({{"event", "unpinned"}, {"target", target_.path}});
    return 0;
  }

 private:
  TargetArguments target_;
};

}  // namespace

std::unique_ptr<Command> rollback_command() { return std::make_unique<RollbackCommand>(); }
std::unique_ptr<Command> pin_command() { return std::make_unique<PinCommand>(); }
std::unique_ptr<Command> unpin_command() { return std::make_unique<UnpinCommand>(); }

}  // namespace duskline::cli
