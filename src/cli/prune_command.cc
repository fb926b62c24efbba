#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/publisher.h"
#include "publish/prune.h"

namespace duskline::cli {
namespace {

class PruneCommand final : public Command {
 public:
  Spec spec() override;
  Result<int> run(const Op& op, Context& context) override;

 private:
  StoreArguments store_;
  TrustArguments trust_;
  std::optional<model::SetName> set_;
  publish::PruneOptions options_;
};

Spec PruneCommand::spec() {
  Spec spec{
      .path = "prune",
      .summary = "remove from a store what no retained release needs",
      .details =
          "Two phases: what is not needed is marked, and removed by a later run after the grace time, so that "
          "publishers and pulls "
          "that go on meanwhile lose nothing. Releases that a channel shows are always kept.",
      .arguments = {{"SET", "the set's name", to_set(set_)}},
      .flags = {
          {"--keep-last", "N", "keep the last N releases (default: 10)", to_number(options_.keep_last, 1U, 1000000U)},
          {"--keep-within", "TIME", "keep releases younger than this (default: 30d)",
           to_parsed(options_.keep_within, parse_duration)},
          {"--grace", "TIME", "between marking and removing (default: 30d)", to_parsed(options_.grace, parse_duration)},
          {"--dry-run", "", "say what would be done, write nothing",
           to_choice(options_.write, publish::PublishOptions::Write::dry_run)}}};
  for (auto& flag : store_flags(store_, Needed::required)) spec.flags.push_back(std::move(flag));
  for (auto& flag : trust_flags(trust_)) spec.flags.push_back(std::move(flag));
  return spec;
}

Result<int> PruneCommand::run(const Op& op, Context& context) {
  options_.set = *set_;
  bool made = false;
  DL_ASSIGN(const SigningKey key, release::KeyFolder(release::default_key_folder()).signing_key_or_new(made));
  DL_ASSIGN(const auto trusted, trusted_keys(trust_));
  DL_ASSIGN(const auto store, context.open_store(store_));
  // Also a set without any release may have leftovers of a publish that was killed.
  DL_ASSIGN(const auto listed, store->list(op, {.prefix = set_->text() + "/", .start_after = {}, .limit = 1}));
  if (listed.objects.empty()) {
    return Error{Code::not_found, "there is nothing of set \"" + set_->text() + "\" in " + store->describe()};
  }
  const bool is_dry = options_.write == publish::PublishOptions::Write::dry_run;
  using Absent = PublisherCache::Absent;
  DL_ASSIGN(PublisherCache cache, PublisherCache::open(context, store->describe(), options_.set, "prune",
                                                       is_dry ? Absent::is_temporary : Absent::is_made));
  release::Conditions conditions;
  if (!is_dry) {
    DL_ASSIGN(conditions, endpoint_conditions(*store, op, options_.set, cache.directory(), context.console));
  }
  const publish::PublishParts parts{*store,  context.disk, cache.directory(), key,
                                    trusted, conditions,   context.clock,     context.console};
  DL_ASSIGN(const auto result, publish::prune(op, parts, options_));
  const std::string would = is_dry ? "would be " : "";
  context.console.outcome(set_->text() + ": " + format_count(result.releases_kept) + " releases kept, " +
                          format_count(result.releases_dropped) + " " + would + "dropped; " +
                          format_count(result.objects_marked) + " objects " + would + "marked (" +
                          format_bytes(result.bytes_marked) + "), " + format_count(result.objects_removed) + " " +
                          would + "removed (" + format_bytes(result.bytes_removed) + ")");
  context.console.object({{"event", "pruned"},
                          {"set", set_->text()},
                          {"releases_kept", result.releases_kept},
                          {"releases_dropped", result.releases_dropped},
                          {"objects_marked", result.objects_marked},
                          {"objects_removed", result.objects_removed},
                          {"bytes_marked", result.bytes_marked},
                          {"bytes_removed", result.bytes_removed}});
  return 0;
}

}  // namespace

std::unique_ptr<Command> prune_command() { return std::make_unique<PruneCommand>(); }

}  // namespace duskline::cli
