#include <boost/json.hpp>
#include <filesystem>

#include "cli/commands.h"
#include "cli/common.h"
#include "site/pull.h"

namespace duskline::cli {
namespace {

using site::PullOptions;
using site::PullResult;

std::string_view name_of(PullResult::Outcome outcome) {
  switch (outcome) {
    case PullResult::Outcome::activated:
      return "activated";
    case PullResult::Outcome::current:
      return "current";
    case PullResult::Outcome::pinned:
      return "pinned";
    case PullResult::Outcome::planned:
      return "planned";
  }
  return "activated";
}

Result<std::optional<site::Mode>> parse_mode(std::string_view text) {
  if (text == "switched") return std::optional(site::Mode::switched);
  if (text == "in-place") return std::optional(site::Mode::in_place);
  return Error{Code::usage, "\"" + printable(text) + "\" is none of switched, in-place"};
}

Result<site::LinkMode> parse_link(std::string_view text) {
  if (text == "auto") return site::LinkMode::automatic;
  if (text == "reflink") return site::LinkMode::reflink;
  if (text == "hardlink") return site::LinkMode::hard_link;
  if (text == "copy") return site::LinkMode::copy;
  return Error{Code::usage, "\"" + printable(text) + "\" is none of auto, reflink, hardlink, copy"};
}

Result<std::optional<model::Owner>> parse_owner(std::string_view text) {
  const auto colon = text.find(':');
  const auto id = [](std::string_view digits) -> std::optional<std::uint32_t> {
    if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != std::string_view::npos)
      return {};
    return static_cast<std::uint32_t>(std::stoul(std::string(digits)));
  };
  if (colon != std::string_view::npos) {
    const auto uid = id(text.substr(0, colon));
    const auto gid = id(text.substr(colon + 1));
    if (uid && gid) return std::optional(model::Owner{*uid, *gid});
  }
  return Error{Code::usage, "\"" + printable(text) + "\" is not UID:GID in numbers, e.g. 33:33"};
}

Result<std::optional<std::uint32_t>> parse_mask(std::string_view text) {
  const bool octal = !text.empty() && text.size() <= 5 && text.find_first_not_of("01234567") == std::string_view::npos;
  const unsigned long value = octal ? std::stoul(std::string(text), nullptr, 8) : 010000;
  if (value > 07777) return Error{Code::usage, "\"" + printable(text) + "\" is not an octal mode, e.g. 0750"};
  return std::optional(static_cast<std::uint32_t>(value));
}

// The store's URL for the state file: a later command may run in another directory.
std::string lasting_url(const std::string& url) {
  if (url.find("://") != std::string::npos) return url;
  std::error_code failed;
  const auto path = std::filesystem::absolute(url, failed);
  return failed ? url : path.string();
}

class PullCommand final : public Command {
 public:
  Spec spec() override;
  Result<int> run(const Op& op, Context& context) override;

 private:
  void show(Context& context, const PullResult& result, const site::State& state) const;
  [[nodiscard]] Error went_back(const PullResult& result, const site::State& state) const;

  StoreArguments store_;
  TrustArguments trust_;
  TargetArguments target_;
  std::optional<model::SetName> set_;
  model::ChannelName channel_ = live_channel();
  PullOptions options_{.set = *model::SetName::parse("unset"), .channel = live_channel()};
  std::vector<std::string> keep_;
  std::string only_, release_, record_log_;
};

Spec PullCommand::spec() {
  Spec spec{.path = "pull",
            .summary = "bring a target directory to what a channel shows",
            .details =
                "Fetches what the target lacks for the fewest bytes, verifies every byte against the signed manifest, "
                "and activates it in "
                "one step. A run that was cut off goes on where it stopped.",
            .arguments = {{"SET", "the set's name", to_set(set_)}},
            .flags = {{"--to", "DIR", "the target directory", to_text(target_.path), Repeats::no, Needed::required}}};
  for (auto& flag : store_flags(store_, Needed::required)) spec.flags.push_back(std::move(flag));
  for (auto& flag : trust_flags(trust_)) spec.flags.push_back(std::move(flag));
  const std::vector<Flag> own = {
      {"--channel", "NAME", "the channel to follow (default: live)", to_channel(channel_)},
      {"--release", "ID", "this release instead, and stay there until unpin: an id, its start, or a number",
       to_text(release_)},
      {"--mode", "MODE", "switched (whole trees, one link; default) or in-place (files renamed into DIR)",
       to_parsed(options_.mode, parse_mode)},
      {"--keep", "PATTERN", "belongs to the site: never touched, never crossed, e.g. .env or /uploads/", to_list(keep_),
       Repeats::yes},
      {"--only", "SUBTREE", "only this directory of the release", to_text(only_)},
      {"--owner", "UID:GID", "give files this owner", to_parsed(options_.owner, parse_owner)},
      {"--mode-mask", "OCTAL", "keep only these permission bits, e.g. 0755", to_parsed(options_.mode_mask, parse_mask)},
      {"--seed", "DIR", "content that may already be here: taken instead of fetched where it fits",
       to_list(options_.seeds), Repeats::yes},
      {"--link", "HOW", "how unchanged files enter a switched tree: auto, reflink, hardlink or copy",
       to_parsed(options_.link, parse_link)},
      {"--delete", "", "in-place: remove files that the release does not have",
       to_choice(options_.extra, PullOptions::Extra::remove)},
      {"--allow-mass-delete", "", "with --delete: although that is more than half",
       to_choice(options_.mass_delete_meant, true)},
      {"--allow-stale", "", "activate although the head has expired",
       to_choice(options_.stale, release::StaleHead::allow)},
      {"--before", "CMD", "run before the activation; if it fails, nothing is activated",
       to_text(options_.hooks.before)},
      {"--after", "CMD", "run after the activation, e.g. to reload a service", to_text(options_.hooks.after)},
      {"--check", "CMD", "run last; if it fails, the release before is shown again", to_text(options_.hooks.check)},
      {"--hook-limit", "TIME", "time limit for each of these (default: 5m)",
       to_parsed(options_.hooks.limit, parse_duration)},
      {"--keep-releases", "N", "switched: keep N releases beside the current one (default: 2)",
       to_number(options_.keep_releases, std::size_t{1}, std::size_t{1000})},
      {"--workers", "N", "threads that fetch and write", to_number(options_.workers, 1U, 256U)},
      {"--max-files-open", "N", "files open at a time (default: 256)", to_number(options_.max_files_open, 8U, 65536U)},
      {"--no-sync", "", "leave it to the system when data reaches the disk; not safe across a power cut",
       to_choice(options_.sync, false)},
      {"--dry-run", "", "show the plan with bytes and requests, change nothing",
       to_choice(options_.write, PullOptions::Write::dry_run)},
      wait_flag(target_),
      {"--log-file", "FILE", "append a JSON line for each file", to_text(record_log_)},
  };
  spec.flags.insert(spec.flags.end(), own.begin(), own.end());
  return spec;
}

Result<int> PullCommand::run(const Op& op, Context& context) {
  options_.set = *set_;
  options_.channel = channel_;
  options_.store_url = lasting_url(store_.url);
  if (!keep_.empty()) options_.keep = keep_;
  if (!only_.empty()) options_.only = only_;
  if (!record_log_.empty()) DL_TRY(context.console.log_records_to(record_log_));
  DL_TRY(check_apart(store_, target_.path, "target"));
  DL_ASSIGN(const auto trusted, trusted_keys(trust_));
  DL_ASSIGN(const auto store, context.open_store(store_));
  if (!release_.empty()) {
    DL_ASSIGN(options_.release, find_release(*store, op, options_.set, release_, channel_, trusted));
  }
  disk::Filesystem& disk = options_.sync ? context.disk : context.unsynced_disk;
  DL_ASSIGN(const auto target, site::Target::open(op, disk, target_.path, site::Target::Make::create, target_.wait,
                                                  context.clock, context.console));
  const site::PullParts parts{*store, disk, trusted, context.clock, context.console};
  DL_ASSIGN(const PullResult result, site::pull(op, parts, *target, options_));
  show(context, result, target->state());
  if (!result.rolled_back) return 0;
  return went_back(result, target->state());
}

// "shows release 1 again", as far as there was one.
std::string shown_again(const site::State& state) {
  if (!state.current) return "shows nothing yet";
  return "shows release " + std::to_string(state.current->number) + " (" + state.current->id.short_hex() + ") again";
}

Error PullCommand::went_back(const PullResult& result, const site::State& state) const {
  const Error& why = *result.check_error;
  const std::string number = std::to_string(result.number);
  const std::string what = why.code == Code::cancelled ? "stopped during --check" : "--check failed";
  const std::string next = state.rejected == result.id
                               ? "release " + number + " is not tried again; publish a mended one"
                               : "the next pull tries release " + number + " again";
  return {why.code, what + ": " + printable(target_.path) + " " + shown_again(state) + ", and " + next, why};
}

void PullCommand::show(Context& context, const PullResult& result, const site::State& state) const {
  const std::string name = set_->text() + "/" + channel_.text();
  const std::string release = "release " + std::to_string(result.number) + " (" + result.id.short_hex() + ")";
  const std::string cost = format_bytes(result.bytes_from_store) + " in " + format_count(result.requests) + " requests";
  const bool went_back = result.rolled_back;
  if (went_back) {
    context.console.outcome(name + ": " + printable(target_.path) + " " + shown_again(state) + ", not " + release +
                            ", whose check has not passed; fetched " + cost + ", " + format_duration(result.duration));
  }
  switch (result.outcome) {
    case PullResult::Outcome::activated:
      if (went_back) break;
      context.console.outcome(name + ": " + printable(target_.path) + " is at " + release + ": " +
                              format_count(result.files_changed) + " files changed, " +
                              format_count(result.files_removed) + " removed; fetched " + cost + ", " +
                              format_duration(result.duration));
      break;
    case PullResult::Outcome::current:
      if (went_back) break;
      context.console.outcome(name + ": " + printable(target_.path) + " is already at " + release);
      break;
    case PullResult::Outcome::pinned:
      context.console.outcome(name + ": " + printable(target_.path) + " is pinned to " + release +
                              "; follow the channel again with: duskline unpin " + printable(target_.path));
      break;
    case PullResult::Outcome::planned:
      context.console.outcome(name + ": would bring " + printable(target_.path) + " to " + release + ": " +
                              format_count(result.files_changed) + " files changed, " +
                              format_count(result.files_removed) + " removed; would fetch " + cost);
      break;
  }
  context.console.object({{"event", "pulled"},
                          {"outcome", went_back ? "rolled_back" : name_of(result.outcome)},
                          {"set", set_->text()},
                          {"channel", channel_.text()},
                          {"target", target_.path},
                          {"release", result.id.hex()},
                          {"number", result.number},
                          {"shown", state.current ? state.current->id.hex() : ""},
                          {"files", result.stats.files},
                          {"bytes", result.stats.bytes},
                          {"files_changed", result.files_changed},
                          {"files_removed", result.files_removed},
                          {"files_kept", result.files_kept},
                          {"fetched_bytes", result.bytes_from_store},
                          {"pack_bytes", result.bytes_from_packs},
                          {"delta_bytes", result.bytes_from_deltas},
                          {"manifest_bytes", result.bytes_from_manifests},
                          {"local_bytes", result.bytes_from_local},
                          {"seed_bytes", result.bytes_from_seeds},
                          {"resumed_bytes", result.bytes_resumed},
                          {"requests", result.requests},
                          {"rolled_back", went_back},
                          {"seconds", std::chrono::duration<double>(result.duration).count()}});
}

}  // namespace

std::unique_ptr<Command> pull_command() { return std::make_unique<PullCommand>(); }

}  // namespace duskline::cli
