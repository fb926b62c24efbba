#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/publisher.h"
#include "publish/publish.h"
#include "store/stores.h"

namespace duskline::cli {
namespace {

using publish::PublishOptions;
using publish::PublishResult;

std::string_view name_of(PublishResult::Outcome outcome) {
  switch (outcome) {
    case PublishResult::Outcome::published:
      return "published";
    case PublishResult::Outcome::unchanged:
      return "unchanged";
    case PublishResult::Outcome::head_renewed:
      return "head_renewed";
    case PublishResult::Outcome::dry_run:
      return "dry_run";
  }
  return "published";
}

Result<pack::Effort> parse_effort(std::string_view text) {
  if (text == "fast") return pack::Effort::fast;
  if (text == "normal") return pack::Effort::normal;
  if (text == "high") return pack::Effort::high;
  return Error{Code::usage, "\"" + printable(text) + "\" is none of fast, normal, high"};
}

// A dry run makes no key; what it signs is thrown away.
Result<SigningKey> key_for_a_dry_run(const release::KeyFolder& keys) {
  DL_ASSIGN(auto key, keys.signing_key());
  if (key) return std::move(*key);
  return SigningKey::generate();
}

class PublishCommand final : public Command {
 public:
  Spec spec() override;
  Result<int> run(const Op& op, Context& context) override;

 private:
  void show(Context& context, const PublishResult& result, const store::Traffic& traffic,
            std::chrono::nanoseconds took) const;

  StoreArguments store_;
  TrustArguments trust_;
  std::optional<model::SetName> set_;
  model::ChannelName channel_ = live_channel();
  PublishOptions options_{.set = *model::SetName::parse("unset"), .channel = live_channel()};
  std::string record_log_;
};

Spec PublishCommand::spec() {
  const auto rule = [this](const char* sign) {
    return [this, sign](const std::string& pattern) -> Status {
      options_.rules.push_back(sign + pattern);
      return {};
    };
  };
  Spec spec{.path = "publish",
            .summary = "make a signed release of a directory and point a channel at it",
            .details =
                "Reads what changed since the last release, uploads only what the store does not hold, and moves the "
                "channel's "
                "head as the last step. Killed or refused at any point, the head stays where it was.",
            .arguments = {{"SET", "the set's name, e.g. packages", to_set(set_)}},
            .flags = {{"--from", "DIR", "the directory to publish", to_text(options_.source), Repeats::no,
                       Needed::required}}};
  for (auto& flag : store_flags(store_, Needed::required)) spec.flags.push_back(std::move(flag));
  for (auto& flag : trust_flags(trust_)) spec.flags.push_back(std::move(flag));
  const std::vector<Flag> own = {
      {"--channel", "NAME", "the channel to move (default: live)", to_channel(channel_)},
      {"--include", "PATTERN", "publish what matches, whatever later rules say; order matters", rule("+ "),
       Repeats::yes},
      {"--exclude", "PATTERN", "leave out what matches, e.g. '*.tmp' or '/cache/'; order matters", rule("- "),
       Repeats::yes},
      {"--settle", "TIME", "wait until nothing has changed for so long, e.g. 10m",
       to_parsed(options_.settle, parse_duration)},
      {"--lifetime", "TIME", "how long targets may take the head for current (default: 30d)",
       to_parsed(options_.lifetime, parse_duration)},
      {"--effort", "LEVEL", "how hard to compress: fast, normal or high", to_parsed(options_.effort, parse_effort)},
      {"--deltas", "N", "make patches from the last N releases (default: 2, 0: none)",
       to_number(options_.delta_bases, 0U, 16U)},
      {"--upload-all", "", "upload all content again: mends a store that lost or spoiled some of it",
       to_choice(options_.upload, PublishOptions::Upload::all)},
      {"--workers", "N", "threads that read and compress (default: one per CPU)",
       to_number(options_.workers, 1U, 256U)},
      {"--owner", "", "record owners", to_choice(options_.owner, PublishOptions::Record::yes)},
      {"--xattrs", "", "record extended attributes of files and directories, POSIX ACLs among them",
       to_choice(options_.attributes, PublishOptions::Record::yes)},
      {"--note", "TEXT", "a text to keep with the release", to_text(options_.note)},
      {"--dry-run", "", "say what would be done, write nothing",
       to_choice(options_.write, PublishOptions::Write::dry_run)},
      {"--allow-empty", "", "publish although the source is empty", to_choice(options_.meant.empty, true)},
      {"--allow-shrink", "", "publish although more than half of the files or bytes are gone",
       to_choice(options_.meant.shrink, true)},
      {"--allow-other-mount", "", "publish although the source lies on another file system than last time",
       to_choice(options_.meant.other_mount, true)},
      {"--allow-lost-head", "", "publish although the store has lost the head that was seen there: fill it anew",
       to_choice(options_.meant.lost_head, true)},
      {"--log-file", "FILE", "append a JSON line for each file", to_text(record_log_)},
  };
  spec.flags.insert(spec.flags.end(), own.begin(), own.end());
  return spec;
}

Result<int> PublishCommand::run(const Op& op, Context& context) {
  const SteadyTime began = context.clock.steady();
  options_.set = *set_;
  options_.channel = channel_;
  if (!record_log_.empty()) DL_TRY(context.console.log_records_to(record_log_));

  const release::KeyFolder keys(release::default_key_folder());
  const bool is_dry = options_.write == PublishOptions::Write::dry_run;
  bool made = false;
  DL_ASSIGN(const SigningKey key, is_dry ? key_for_a_dry_run(keys) : keys.signing_key_or_new(made));
  if (made) {
    context.console.note(Severity::info, "made a signing key in " + keys.path() + "/signing.key; its public half is " +
                                             key.public_key().text() +
                                             " (targets of other users need: duskline key trust, or pull --trust)");
  }
  DL_ASSIGN(auto trusted, trusted_keys(trust_));
  trusted.push_back(key.public_key());

  DL_TRY(check_apart(store_, options_.source, "source"));
  store_.absent = StoreArguments::Absent::is_made;
  DL_ASSIGN(const auto store, context.open_store(store_));
  store::CountingStore counted(*store);
  using Absent = PublisherCache::Absent;
  DL_ASSIGN(PublisherCache cache, PublisherCache::open(context, store->describe(), options_.set, options_.source,
                                                       is_dry ? Absent::is_temporary : Absent::is_made));
  release::Conditions conditions;
  if (!is_dry) {
    DL_ASSIGN(conditions, endpoint_conditions(counted, op, options_.set, cache.directory(), context.console));
  }
  const publish::PublishParts parts{counted, context.disk, cache.directory(), key,
                                    trusted, conditions,   context.clock,     context.console};
  DL_ASSIGN(const PublishResult result, publish::publish(op, parts, options_));
  show(context, result, counted.traffic(), context.clock.steady() - began);
  return 0;
}

void PublishCommand::show(Context& context, const PublishResult& result, const store::Traffic& traffic,
                          std::chrono::nanoseconds took) const {
  const std::string name = set_->text() + "/" + channel_.text();
  const std::string release = "release " + std::to_string(result.number) + " (" + result.id.short_hex() + ")";
  const std::string content = format_count(result.stats.files) + " files, " + format_bytes(result.stats.bytes);
  const std::string cost = "uploaded " + format_bytes(result.uploaded_bytes) + " in " + format_count(traffic.requests) +
                           " requests, " + format_duration(took);
  switch (result.outcome) {
    case PublishResult::Outcome::published:
      context.console.outcome(name + ": published " + release + ": " + content + "; " + cost);
      break;
    case PublishResult::Outcome::unchanged:
      context.console.outcome(name + ": nothing changed since " + release + ": " + content);
      break;
    case PublishResult::Outcome::head_renewed:
      context.console.outcome(name + ": nothing changed since " + release + "; its head is signed anew");
      break;
    case PublishResult::Outcome::dry_run:
      context.console.outcome(name + ": would publish " + content + "; " + format_count(result.files_read) +
                              " files to read, " + format_bytes(result.new_chunk_bytes) + " are new to the store");
      break;
  }
  context.console.object({{"event", "published"},
                          {"outcome", name_of(result.outcome)},
                          {"set", set_->text()},
                          {"channel", channel_.text()},
                          {"release", result.id.hex()},
                          {"number", result.number},
                          {"head_version", result.head_version},
                          {"files", result.stats.files},
                          {"bytes", result.stats.bytes},
                          {"files_read", result.files_read},
                          {"bytes_read", result.bytes_read},
                          {"new_bytes", result.new_chunk_bytes},
                          {"uploaded_bytes", result.uploaded_bytes},
                          {"pack_bytes", result.pack_bytes},
                          {"delta_bytes", result.delta_bytes},
                          {"manifest_bytes", result.manifest_bytes},
                          {"skipped", result.skipped},
                          {"requests", traffic.requests},
                          {"sent_bytes", traffic.bytes_sent},
                          {"received_bytes", traffic.bytes_received},
                          {"seconds", std::chrono::duration<double>(took).count()}});
}

}  // namespace

std::unique_ptr<Command> publish_command() { return std::make_unique<PublishCommand>(); }

}  // namespace duskline::cli
