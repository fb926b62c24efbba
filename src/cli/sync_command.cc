#include <fstream>
#include <mutex>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/sync_places.h"
#include "sync/sync.h"

namespace duskline::cli {
namespace {

constexpr std::uint64_t max_rule_file_bytes = 16 << 20;

// Shows a sync's records: a line for each file on stdout, and the combined report.
class SyncReporter final : public Reporter {
 public:
  SyncReporter(Console& console, sync::Mode mode, bool logs_records)
      : console_(console), mode_(mode), logs_records_(logs_records) {}

  Status write_combined_to(const std::string& path) {
    const bool is_stdout = path == "-";
    combined_.reset(is_stdout ? stdout : std::fopen(path.c_str(), "we"));
    if (!combined_) return errno_error("open the report " + printable(path), errno);
    combined_path_ = path;
    return {};
  }

  Status end_combined() {
    if (!combined_) return {};
    const bool written = std::fflush(combined_.get()) == 0 && std::ferror(combined_.get()) == 0;
    combined_.reset();
    if (written) return {};
    return Error{Code::io, "the report " + printable(combined_path_) + " could not be written to the end"};
  }

  void note(Severity severity, std::string_view message) override { console_.note(severity, message); }
  void progress(const Progress& progress) override { console_.progress(progress); }

  void record(const FileRecord& record) override {
    const std::lock_guard lock(mutex_);
    combine(record);
    if (logs_records_) console_.record(record);
    const bool is_trouble = record.action == "fail" || record.action == "refuse";
    const bool is_quiet = record.action == "keep" && !console_.verbose();
    if (is_quiet || (console_.quiet() && !is_trouble)) return;
    if (console_.json()) {
      boost::json::object event{
          {"event", "file"}, {"path", printable(record.path)}, {"action", record.action}, {"bytes", record.bytes}};
      if (!record.reason.empty()) event["reason"] = record.reason;
      console_.object(event);
      return;
    }
    std::string line = would(record.action) + std::string(record.action) + "  " + printable(record.path);
    if (record.bytes > 0 && !is_trouble) line += "  (" + format_bytes(record.bytes) + ")";
    if (!record.reason.empty()) line += ": " + std::string(record.reason);
    if (is_trouble) {
      console_.note(Severity::error, line);
    } else if (!writes_combined_to_stdout()) {
      console_.text(line);
    }
  }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const {
      if (file != stdout) std::fclose(file);
    }
  };

  [[nodiscard]] bool writes_combined_to_stdout() const { return combined_path_ == "-"; }

  [[nodiscard]] std::string would(std::string_view action) const {
    const bool is_deed = action == "add" || action == "change" || action == "touch" || action == "remove";
    return mode_ == sync::Mode::dry_run && is_deed ? "would " : "";
  }

  void combine(const FileRecord& record) {
    if (!combined_) return;
    const std::string_view action = record.action;
    const char sign = action == "keep" || action == "touch"     ? '='
                      : action == "add"                         ? '+'
                      : action == "change"                      ? '*'
                      : action == "remove" || action == "extra" ? '-'
                      : action == "fail" || action == "refuse"  ? '!'
                                                                : '\0';
    if (sign == '\0') return;
    const std::string line = std::string(1, sign) + " " + printable(record.path) + "\n";
    std::fwrite(line.data(), 1, line.size(), combined_.get());
  }

  Console& console_;
  const sync::Mode mode_;
  const bool logs_records_;
  std::mutex mutex_;
  std::unique_ptr<std::FILE, CloseFile> combined_;
  std::string combined_path_;
};

class SyncCommand final : public Command {
 public:
  Spec spec() override;
  Result<int> run(const Op& op, Context& context) override;

 private:
  Status add_rule_file(const std::string& path);
  std::vector<Flag> place_flags();
  std::vector<Flag> rule_flags();
  std::vector<Flag> run_flags();
  int explain(Context& context) const;
  void show(Context& context, const sync::Totals& totals, std::chrono::nanoseconds took) const;
  [[nodiscard]] Result<int> verdict(const sync::Totals& totals) const;

  SyncArguments arguments_;
  StoreArguments shared_;  // what both sides share
  sync::Rules rules_;
  sync::Options options_;
  std::vector<std::string> explain_;
  std::string combined_, record_log_;
  bool dry_run_ = false, check_ = false;
};

// Rules are kept in the order in which they stand, whichever flag brings them.
Status SyncCommand::add_rule_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno_error("open " + printable(path), errno);
  std::string text(max_rule_file_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > max_rule_file_bytes) return Error{Code::usage, printable(path) + " is larger than 16 MiB"};
  return rules_.add_lines(text, path);
}

std::vector<Flag> SyncCommand::rule_flags() {
  const auto rule = [this](sync::Rule::Verdict verdict, const char* flag) {
    return [this, verdict, flag](const std::string& pattern) { return rules_.add(verdict, pattern, flag); };
  };
  return {
      {"--include", "PATTERN", "sync what matches, whatever later rules say; order matters",
       rule(sync::Rule::Verdict::include, "--include"), Repeats::yes},
      {"--exclude", "PATTERN", "leave out what matches on both sides, e.g. '*.tmp' or '/cache/'; order matters",
       rule(sync::Rule::Verdict::exclude, "--exclude"), Repeats::yes},
      {"--filter-from", "FILE", "read rules from a file: lines of '+ PATTERN' and '- PATTERN'",
       [this](const std::string& path) { return add_rule_file(path); }, Repeats::yes},
      {"--explain", "PATH", "say which rule decides on this path (a directory's ends with '/'), and do nothing",
       to_list(explain_), Repeats::yes},
  };
}

std::vector<Flag> SyncCommand::place_flags() {
  std::vector<Flag> flags;
  for (Flag& flag : store_flags(shared_, Needed::optional)) {
    if (flag.name == "--store" || flag.name == "--max-requests" || flag.name == "--limit") continue;
    flags.push_back(std::move(flag));
  }
  const std::vector<Flag> own = {
      {"--src-endpoint-url", "URL", "the S3 service of SRC, when it is another than that of DST",
       to_text(arguments_.source.endpoint)},
      {"--src-region", "NAME", "the S3 region of SRC", to_text(arguments_.source.region)},
      {"--src-profile", "NAME", "the profile for SRC", to_text(arguments_.source.profile)},
      {"--opaque-etags", "", "the service's ETags are not made by MD5: compare content instead",
       to_choice(arguments_.opaque_etags, true)},
      {"--copy-links", "", "copy what symbolic links lead to, instead of leaving them out",
       to_choice(arguments_.copy_links, true)},
      {"--no-empty-dirs", "", "leave out directories with nothing in them", to_choice(arguments_.empty_folders, false)},
      {"--backup-dir", "PLACE", "keep what is replaced or removed there: a directory, or s3://bucket/prefix",
       to_text(arguments_.backup)},
      {"--limit", "RATE", "move at most this much, e.g. 20MiB/s or 8Mbit/s",
       to_parsed(arguments_.limit_bytes_per_second, parse_rate)},
      {"--workers", "N", "files and pieces of files on their way at a time (default: by what SRC and DST are)",
       to_number(arguments_.workers, 1U, 1024U)},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  return flags;
}

std::vector<Flag> SyncCommand::run_flags() {
  return {
      {"--delete", "", "remove what only DST has", to_choice(options_.extra, sync::Options::Extra::remove)},
      {"--max-delete", "N", "refuse to remove more files than this: a number, or a part as 25% (default: 10%)",
       to_parsed(options_.max_removals, sync::parse_max_removals)},
      {"--checksum", "", "read and compare all content, whatever sizes and times say",
       to_choice(options_.trust, sync::Trust::nothing)},
      {"--dry-run", "", "say what would be done, change nothing", to_choice(dry_run_, true)},
      {"--dryrun", "", "the same", to_choice(dry_run_, true)},
      {"--check", "", "compare, change nothing; ends with 3 where something differs", to_choice(check_, true)},
      {"--combined", "FILE", "write a line for every file: = same, - only in DST, + only in SRC, * differs, ! error",
       to_text(combined_)},
      {"--no-wait", "", "where another sync of the same SRC and DST runs, end with 6 instead of waiting",
       to_choice(options_.wait, sync::Options::Wait::no)},
      {"--no-sync", "", "do not wait until the disk has everything; a power cut may then lose some of it",
       to_choice(options_.flush, sync::Options::Flush::left_to_system)},
      {"--allow-empty", "", "sync although the source is empty", to_choice(options_.meant.empty, true)},
      {"--allow-shrink", "", "sync although more than half of the files or bytes are gone",
       to_choice(options_.meant.shrink, true)},
      {"--allow-other-mount", "", "sync although SRC or DST lies on another file system than last time",
       to_choice(options_.meant.other_mount, true)},
      {"--log-file", "FILE", "append a JSON line for each file", to_text(record_log_)},
  };
}

Spec SyncCommand::spec() {
  Spec spec{
      .path = "sync",
      .summary = "make one place hold the plain files of another: directories and buckets",
      .details =
          "SRC and DST are directories or s3://bucket/prefix. Copies what is new or differs; removes from DST only "
          "with --delete. Killed at any point, the next run goes on from there. Ends with 0 when all is done, 1 "
          "when some of it failed, 3 when --check found a difference, 5 when a safety rule refused, 6 when "
          "another run holds the lock.",
      .arguments = {{"SRC", "where files come from: a directory, or s3://bucket/prefix",
                     to_text(arguments_.source.url)},
                    {"DST", "where they go: a directory, or s3://bucket/prefix", to_text(arguments_.destination.url)}},
      .flags = run_flags()};
  for (auto& flag : rule_flags()) spec.flags.push_back(std::move(flag));
  for (auto& flag : place_flags()) spec.flags.push_back(std::move(flag));
  return spec;
}

int SyncCommand::explain(Context& context) const {
  for (const std::string& path : explain_) {
    const sync::Explanation found = sync::explain(rules_, path);
    const char* const verdict = found.included ? "included" : "excluded";
    std::string why = "no rule matches";
    if (found.rule != nullptr) {
      why = "\"" + printable(found.rule->text) + "\" (" + found.rule->where + ")";
      const bool at_directory = found.decided_at.ends_with('/') && path != found.decided_at;
      if (at_directory) why += " matches its directory " + printable(found.decided_at);
    }
    context.console.text(printable(path) + ": " + verdict + ": " + why);
    boost::json::object event{{"event", "explained"}, {"path", printable(path)}, {"included", found.included}};
    if (found.rule != nullptr) {
      event["rule"] = printable(found.rule->text);
      event["where"] = found.rule->where;
      event["decided_at"] = printable(found.decided_at);
    }
    context.console.object(event);
  }
  return 0;
}

Result<int> SyncCommand::run(const Op& op, Context& context) {
  if (!explain_.empty()) return explain(context);
  const SteadyTime began = context.clock.steady();
  const StoreArguments own_source = arguments_.source;
  const std::string destination_url = arguments_.destination.url;
  arguments_.source = arguments_.destination = shared_;
  arguments_.source.url = own_source.url;
  arguments_.destination.url = destination_url;
  if (!own_source.endpoint.empty()) arguments_.source.endpoint = own_source.endpoint;
  if (!own_source.region.empty()) arguments_.source.region = own_source.region;
  if (!own_source.profile.empty()) arguments_.source.profile = own_source.profile;
  if (!record_log_.empty()) DL_TRY(context.console.log_records_to(record_log_));

  DL_ASSIGN(const SyncPlaces places, open_sync_places(context, arguments_, rules_));
  DL_ASSIGN(const auto folder, context.unsynced_disk.open_or_create(cache_folder() + "/sync/" + places.pair, 0700));
  options_.workers = places.workers;
  if (dry_run_) options_.mode = sync::Mode::dry_run;
  if (check_) options_.mode = sync::Mode::check;  // which writes nothing either, and says more
  options_.rules_text = rules_.text();
  if (!arguments_.backup.empty()) options_.backup = sync::Options::Backup::made;
  if (!combined_.empty() || context.console.verbose()) options_.tell = sync::Options::Tell::everything;

  SyncReporter reporter(context.console, options_.mode, !record_log_.empty());
  if (!combined_.empty()) DL_TRY(reporter.write_combined_to(combined_));
  const sync::Parts parts{*places.source, *places.destination, *folder, context.clock, reporter};
  auto totals = sync::run(op, parts, options_);
  const Status reported = reporter.end_combined();
  if (!totals) return std::move(totals).error();
  DL_TRY(reported);
  show(context, *totals, context.clock.steady() - began);
  return verdict(*totals);
}

Result<int> SyncCommand::verdict(const sync::Totals& totals) const {
  const std::uint64_t failed = totals.failed + totals.refused;
  if (options_.mode == sync::Mode::check) {
    const std::uint64_t different = totals.added + totals.changed + totals.extra;
    if (different > 0) return Error{Code::difference, format_count(different) + " files differ"};
  }
  return failed > 0 ? 1 : 0;
}

void SyncCommand::show(Context& context, const sync::Totals& totals, std::chrono::nanoseconds took) const {
  const bool writes = options_.mode == sync::Mode::sync;
  const double seconds = std::chrono::duration<double>(took).count();
  std::string line;
  const auto add = [&](std::uint64_t count, std::string_view words) {
    if (count == 0) return;
    line += (line.empty() ? "" : ", ") + format_count(count) + " " + std::string(words);
  };
  const bool checks = options_.mode == sync::Mode::check;
  add(totals.added, checks ? "only in SRC" : writes ? "added" : "to add");
  add(totals.changed, checks ? "different" : writes ? "changed" : "to change");
  add(totals.touched, writes ? "given their time or mode" : "with another time or mode");
  add(totals.removed, writes ? "removed" : "to remove");
  add(totals.extra, "only in DST");
  add(totals.kept, "the same");
  add(totals.skipped, "skipped");
  add(totals.refused, "refused");
  add(totals.failed, "failed");
  if (line.empty()) line = "nothing to do";
  if (writes && totals.moved_bytes > 0) {
    line += "; " + format_bytes(totals.moved_bytes) + " copied (" +
            format_rate(static_cast<double>(totals.moved_bytes) / std::max(seconds, 1e-3)) + ")";
  }
  context.console.outcome(line + "; " + format_duration(took));
  const char* const outcome = checks ? "checked" : writes ? "synced" : "dry-run";
  context.console.object({{"event", "synced"},
                          {"outcome", outcome},
                          {"source_files", totals.source_files},
                          {"source_bytes", totals.source_bytes},
                          {"destination_files", totals.destination_files},
                          {"kept", totals.kept},
                          {"added", totals.added},
                          {"changed", totals.changed},
                          {"touched", totals.touched},
                          {"removed", totals.removed},
                          {"extra", totals.extra},
                          {"skipped", totals.skipped},
                          {"refused", totals.refused},
                          {"failed", totals.failed},
                          {"moved_bytes", totals.moved_bytes},
                          {"seconds", seconds}});
}

}  // namespace

std::unique_ptr<Command> sync_command() { return std::make_unique<SyncCommand>(); }

}  // namespace duskline::cli
