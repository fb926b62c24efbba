#include "sync/sync.h"

#include "base/hash.h"
#include "base/units.h"
#include "sync/executor.h"
#include "sync/plan.h"
#include "sync/results.h"
#include "sync/state.h"
#include "sync/unfinished.h"

namespace duskline::sync {
namespace {

constexpr const char* lock_file = "lock";
constexpr auto lock_poll = std::chrono::milliseconds(100);

// Counts what one side's listing leaves out.
class SideReporter final : public Reporter {
 public:
  explicit SideReporter(Reporter& out, bool tells_skips) : out_(out), tells_skips_(tells_skips) {}
  void note(Severity severity, std::string_view message) override { out_.note(severity, message); }
  void progress(const Progress& progress) override { out_.progress(progress); }
  void record(const FileRecord& record) override {
    const bool is_refusal = record.action == "refuse";
    ++(is_refusal ? refused : skipped);
    if (is_refusal || tells_skips_) out_.record(record);
  }
  std::uint64_t skipped = 0, refused = 0;

 private:
  Reporter& out_;
  const bool tells_skips_;
};

class Job {
 public:
  Job(const Op& op, const Parts& parts, const Options& options)
      : op_(op),
        parts_(parts),
        options_(options),
        boot_(boot_id()),
        pair_("pair 1"),
        unfinished_(parts.folder, boot_),
        source_side_(parts.reporter, true),
        destination_side_(parts.reporter, false) {}

  Result<Totals> run() {
    DL_TRY(take_lock());
    DL_TRY(keep_killed_run());
    const auto before = load_state(parts_.folder);
    auto ground = parts_.source.ground();
    if (!ground) return cannot_read(parts_.source.describe(), std::move(ground).error());
    DL_TRY(check_ground(before, *ground, options_, parts_.source.describe()));
    DL_ASSIGN(const Ground destination, parts_.destination.ground());
    DL_ASSIGN(const PlanTotals plan, make_plan_file());
    DL_TRY(check_destination(before, destination, plan, options_, parts_.destination.describe()));
    DL_TRY(check_counts(before, plan, options_, parts_.source.describe()));
    auto totals = carry_out(plan);
    if (!totals) return totals;
    totals->source_files = plan.source_files;
    totals->source_bytes = plan.source_bytes;
    totals->destination_files = plan.destination_files;
    totals->skipped += source_side_.skipped;
    totals->refused = source_side_.refused;
    if (options_.mode == Mode::sync) {
      DL_TRY(save_state(parts_.folder, {*ground, destination, plan.source_files, plan.source_bytes, rules_hash()}));
    }
    return totals;
  }

 private:
  [[nodiscard]] std::string rules_hash() const { return sha256(options_.rules_text).short_hex(); }
  [[nodiscard]] std::string pair_of_this_boot() const { return pair_ + " " + boot_; }

  Status take_lock() {
    for (bool told = false;;) {
      auto lock = parts_.folder.try_lock(lock_file);
      if (lock) {
        lock_ = std::move(*lock);
        return {};
      }
      if (lock.error().code != Code::locked) return std::move(lock).error();
      if (options_.wait == Options::Wait::no) {
        return Error{Code::locked, "another sync from " + parts_.source.describe() + " to " +
                                       parts_.destination.describe() +
                                       " is running; wait for it, or leave out --no-wait"};
      }
      if (!std::exchange(told, true))
        parts_.reporter.note(Severity::info, "waits for another sync of the same pair to end");
      if (!parts_.clock.sleep_until(parts_.clock.steady() + lock_poll, op_.stop)) return op_.check();
    }
  }

  // What a killed run had recorded stays of use until the next complete one. One that was killed again before it came
  // so far must not lose it.
  Status keep_killed_run() {
    if (options_.mode != Mode::sync) return {};
    const auto newer = parts_.folder.stat(RecordFiles::unfinished);
    const auto older = parts_.folder.stat(RecordFiles::earlier);
    if (!newer || !*newer) return {};
    const bool is_worth_more = !older || !*older || (*newer)->size_bytes >= (*older)->size_bytes;
    if (is_worth_more) return parts_.folder.rename(RecordFiles::unfinished, parts_.folder, RecordFiles::earlier);
    return parts_.folder.remove_file(RecordFiles::unfinished, disk::Missing::is_absent);
  }

  Result<PlanTotals> make_plan_file() {
    std::vector<std::unique_ptr<RecordReader>> files;
    files.push_back(RecordReader::open(parts_.folder, RecordFiles::earlier, pair_of_this_boot()));
    files.push_back(RecordReader::open(parts_.folder, RecordFiles::late, pair_));
    files.push_back(RecordReader::open(parts_.folder, RecordFiles::complete, pair_));
    MergedRecords known(std::move(files));
    DL_ASSIGN(const auto writer, RecordWriter::create(parts_.folder, RecordFiles::plan, pair_));
    const PlanParts plan_parts{parts_.source, parts_.destination, known, *writer, source_side_, destination_side_};
    auto plan = make_plan(op_, plan_parts, options_.trust, now_ns());
    return plan;
  }

  [[nodiscard]] std::int64_t now_ns() const { return parts_.clock.now().time_since_epoch().count(); }

  std::unique_ptr<RecordReader> read_plan() { return RecordReader::open(parts_.folder, RecordFiles::plan, pair_); }

  Result<Totals> carry_out(const PlanTotals& plan) {
    const bool removes = options_.extra == Options::Extra::remove && plan.remove > 0;
    const bool tells = options_.tell == Options::Tell::everything || options_.mode == Mode::check;
    if (options_.mode == Mode::sync && !plan.has_work() && !removes && plan.folders_to_add == 0 && !tells) {
      Totals totals;
      totals.kept = plan.keep;
      totals.extra = plan.remove;
      DL_TRY(tidy_up());
      DL_TRY(keep_plan_as_records());
      return totals;
    }
    DL_ASSIGN(auto writer, RecordWriter::create(
                               parts_.folder, options_.mode == Mode::sync ? RecordFiles::unfinished : "records.unused",
                               pair_of_this_boot()));
    Results results(std::move(writer), parts_.clock);
    Status done;
    Totals totals;
    {
      if (options_.mode == Mode::sync) DL_TRY(tidy_up());
      Executor executor(op_, parts_, options_, results, unfinished_, plan);
      done = executor.run([this] { return read_plan(); });
      executor.stop();
      totals = executor.totals();
    }
    auto late = results.finish();
    if (options_.mode != Mode::sync) {
      DL_TRY(parts_.folder.remove_file("records.unused", disk::Missing::is_absent));
      DL_TRY(done);
      return totals;
    }
    if (!late) return std::move(late).error();
    DL_TRY(done);
    if (options_.flush == Options::Flush::at_end) DL_TRY(parts_.destination.settle(op_));
    wait_for_a_tick();
    DL_TRY(complete(*late));
    return totals;
  }

  // So that whatever is done to the files from now on shows in their times.
  void wait_for_a_tick() {
    parts_.clock.sleep_until(parts_.clock.steady() + std::chrono::nanoseconds(finest_tick_ns), op_.stop);
  }

  // Uploads of files that are not wanted any more.
  Status tidy_up() {
    std::vector<std::string> tokens;
    for (const UnfinishedFile& file : unfinished_.all()) {
      const auto there = parts_.source.look(op_, file.path);
      if (there && *there && (*there)->stamp == file.source) {
        tokens.push_back(file.token);
        continue;
      }
      parts_.destination.give_up(op_, file.path, file.token);
      DL_TRY(unfinished_.end(file.path));
    }
    return parts_.destination.tidy(op_, tokens);
  }

  Status keep_plan_as_records() {
    DL_TRY(parts_.folder.remove_file(RecordFiles::late, disk::Missing::is_absent));
    DL_TRY(parts_.folder.rename(RecordFiles::plan, parts_.folder, RecordFiles::complete));
    return parts_.folder.remove_file(RecordFiles::earlier, disk::Missing::is_absent);
  }

  // The records of this run become the complete ones.
  Status complete(const std::vector<Record>& late) {
    DL_TRY(rewrite(RecordFiles::unfinished, RecordFiles::plan));
    DL_ASSIGN(const auto writer, RecordWriter::create(parts_.folder, RecordFiles::late, pair_));
    for (const Record& record : late) DL_TRY(writer->append(record));
    DL_TRY(writer->flush());
    DL_TRY(parts_.folder.rename(RecordFiles::plan, parts_.folder, RecordFiles::complete));
    DL_TRY(parts_.folder.remove_file(RecordFiles::unfinished, disk::Missing::is_absent));
    return parts_.folder.remove_file(RecordFiles::earlier, disk::Missing::is_absent);
  }

  // The same records, valid beyond this boot.
  Status rewrite(const char* from, const char* to) {
    const auto reader = RecordReader::open(parts_.folder, from, pair_of_this_boot());
    DL_ASSIGN(const auto writer, RecordWriter::create(parts_.folder, to, pair_));
    while (const Record* record = reader == nullptr ? nullptr : reader->next()) DL_TRY(writer->append(*record));
    return writer->flush();
  }

  const Op& op_;
  const Parts& parts_;
  const Options& options_;
  const std::string boot_, pair_;
  Unfinished unfinished_;
  SideReporter source_side_, destination_side_;
  std::unique_ptr<disk::Lock> lock_;
};

}  // namespace

Result<Totals> run(const Op& op, const Parts& parts, const Options& options) { return Job(op, parts, options).run(); }

std::string pair_name(std::string_view source, std::string_view destination) {
  const std::string both = std::to_string(source.size()) + "\n" + std::string(source) + std::string(destination);
  return sha256(both).short_hex();
}

}  // namespace duskline::sync
