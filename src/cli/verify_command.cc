#include "site/verify.h"

#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "site/kept_copies.h"
#include "site/mend_record.h"
#include "site/pull.h"

namespace duskline::cli {
namespace {

class VerifyCommand final : public Command {
 public:
  Spec spec() override;
  Result<int> run(const Op& op, Context& context) override;

 private:
  Result<int> repair(const Op& op, Context& context, site::Target& target);
  Status tell_kept_copies(const Op& op, Context& context, site::Target& target) const;
  void show(Context& context, const site::VerifyResult& result) const;

  TargetArguments target_;
  StoreArguments store_;
  TrustArguments trust_;
  std::string release_;
  site::VerifyOptions options_;
  bool repair_ = false;
  std::vector<std::string> changed_;  // what kept releases may share, as far as it is looked into
};

Spec VerifyCommand::spec() {
  Spec spec{
      .path = "verify",
      .summary = "read a target again and compare every byte with its signed manifest",
      .details = "Ends with 3 where something differs. With --repair, fetches just what is broken.",
      .arguments = {{"DIR", "the target directory", to_text(target_.path)}},
      .flags = {{"--repair", "", "put right what differs, from the store", to_choice(repair_, true)},
                {"--release", "ID", "a kept release instead of the current one (full id)", to_text(release_)},
                {"--read-limit", "RATE", "read at most this much, e.g. 50MiB/s",
                 to_parsed(options_.bytes_per_second, parse_rate)},
                {"--workers", "N", "threads that read (default: one per CPU)", to_number(options_.workers, 1U, 256U)},
                wait_flag(target_)}};
  for (auto& flag : store_flags(store_, Needed::optional)) spec.flags.push_back(std::move(flag));
  for (auto& flag : trust_flags(trust_)) spec.flags.push_back(std::move(flag));
  return spec;
}

Result<int> VerifyCommand::run(const Op& op, Context& context) {
  DL_ASSIGN(const auto target, open_target(op, context, target_, site::Target::Make::existing_only));
  if (!release_.empty()) {
    DL_ASSIGN(options_.release, model::ReleaseId::parse(release_));
  }
  const auto found = [&](site::Finding finding, const std::string& path) {
    constexpr std::size_t most_looked_into = 100'000;
    const bool is_there = finding != site::Finding::missing && finding != site::Finding::extra;
    if (is_there && path != "." && changed_.size() < most_looked_into) changed_.push_back(path);
    context.console.text(std::string(site::name_of(finding)) + "  " + printable(path));
    context.console.object({{"event", "finding"}, {"finding", site::name_of(finding)}, {"path", printable(path)}});
  };
  const auto result = site::verify(op, *target, options_, context.console, found);
  if (!result && repair_ && target->state().current && site::is_lost_record(result.error().code)) {
    return repair(op, context, *target);
  }
  if (!result) return result.error();
  show(context, *result);
  if (result->is_clean()) return 0;
  DL_TRY(tell_kept_copies(op, context, *target));
  if (repair_) return repair(op, context, *target);
  return Error{Code::difference, printable(target_.path) +
                                     " differs from its release; put it right with: duskline verify " +
                                     printable(target_.path) + " --repair"};
}

Status VerifyCommand::tell_kept_copies(const Op& op, Context& context, site::Target& target) const {
  const auto shown = options_.release ? options_.release : target.state().current->id;
  DL_ASSIGN(const auto copies, site::find_kept_copies(op, target, *shown, changed_));
  for (const auto& [release, files] : copies.releases) {
    context.console.note(Severity::warning, format_count(files) + (files == 1 ? " of them is" : " of them are") +
                                                " changed in release " + std::to_string(release.number) + " (" +
                                                release.id.short_hex() + ") too, which shares files by hard links");
    context.console.object(
        {{"event", "shared"}, {"release", release.id.hex()}, {"number", release.number}, {"files", files}});
  }
  if (copies.elsewhere > 0) {
    context.console.note(Severity::warning,
                         format_count(copies.elsewhere) +
                             (copies.elsewhere == 1 ? " of them has a further name" : " of them have further names") +
                             " that was not found, perhaps in a kept release; read one by: duskline verify " +
                             printable(target_.path) + " --release ID");
  }
  return {};
}

Result<int> VerifyCommand::repair(const Op& op, Context& context, site::Target& target) {
  DL_ASSIGN(const auto source, open_source_of(context, target.state(), store_, trust_));
  const site::PullParts parts{*source.store, context.disk, source.trusted, context.clock, context.console};
  DL_ASSIGN(const auto repaired, site::repair(op, parts, target, source.options));
  const std::string aside =
      repaired.set_aside == 0 ? "" : ", set aside " + format_count(repaired.set_aside) + " that are not the release's";
  context.console.outcome("repaired " + format_count(repaired.files) + " files" + aside + ", fetched " +
                          format_bytes(repaired.bytes_from_store));
  context.console.object({{"event", "repaired"},
                          {"files", repaired.files},
                          {"set_aside", repaired.set_aside},
                          {"kept_files", repaired.kept_files},
                          {"fetched_bytes", repaired.bytes_from_store},
                          {"failed", repaired.failed}});
  if (repaired.failed == 0) return 0;
  return Error{Code::difference, format_count(repaired.failed) + " files could not be repaired; see above"};
}

void VerifyCommand::show(Context& context, const site::VerifyResult& result) const {
  const std::string checked = format_count(result.files) + " files, " + format_bytes(result.bytes) + " read";
  if (result.is_clean()) {
    const std::string extra =
        result.extra == 0 ? "" : "; " + format_count(result.extra) + " extra files belong to the site";
    context.console.outcome(printable(target_.path) + ": as signed (" + checked + extra + ")");
  } else {
    context.console.outcome(printable(target_.path) + ": " + format_count(result.changed) + " changed, " +
                            format_count(result.missing) + " missing, " + format_count(result.attributes) +
                            " with other attributes, " + format_count(result.extra) + " extra (" + checked + ")");
  }
  context.console.object({{"event", "verified"},
                          {"target", target_.path},
                          {"clean", result.is_clean()},
                          {"files", result.files},
                          {"bytes", result.bytes},
                          {"changed", result.changed},
                          {"missing", result.missing},
                          {"extra", result.extra},
                          {"attributes", result.attributes},
                          {"tree", result.tree.hex()}});
}

}  // namespace

std::unique_ptr<Command> verify_command() { return std::make_unique<VerifyCommand>(); }

}  // namespace duskline::cli
