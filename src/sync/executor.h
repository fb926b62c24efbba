// The second half of a run: what the plan says is done, many files at a time, large ones in pieces.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/workers.h"
#include "sync/plan.h"
#include "sync/results.h"
#include "sync/sync.h"
#include "sync/transfer.h"
#include "sync/unfinished.h"

namespace duskline::sync {

class Executor {
 public:
  Executor(const Op& op, const Parts& parts, const Options& options, Results& results, Unfinished& unfinished,
           const PlanTotals& plan);

  // `read_plan` opens the plan from its start. Fails only with what ends the whole run.
  Status run(const std::function<std::unique_ptr<RecordReader>()>& read_plan);
  // Ends what is still on its way. The totals are final after this.
  void stop() { pool_.reset(); }
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  struct Large;
  struct Waiting {  // for the thread that gives out the work
    Record record;
    std::uint64_t place = 0;
    unsigned tries = 1;
  };

  Status copy_all(RecordReader& plan);
  Status remove_all(RecordReader& plan);
  Status add_folders(RecordReader& plan);
  Status copy_blocked();
  // Small files go to a worker several at a time.
  Status submit(const Record& record, std::uint64_t place);
  Status submit_batch();
  Status begin_waiting_large();
  Status begin_large(Waiting waiting);
  Status wait_for_all();
  void work_on(const Op& op, const Record& record, std::uint64_t place);
  void work_on_piece(const Op& op, const std::shared_ptr<Large>& large, std::size_t piece);
  void end_large(const Op& op, Large& large);
  void end_task();
  [[nodiscard]] std::string_view count(const Outcome& outcome);
  void done(const Outcome& outcome, std::uint64_t place);
  void failed(const Record& record, std::uint64_t place, Error error);
  void tell(const Record& record, std::string_view action, std::uint64_t bytes, std::string_view reason);
  void show_progress(const Progress& now);
  [[nodiscard]] bool is_surplus(const Op& op, const Record& record);
  Status submit_removals(std::vector<Record> batch);
  Status remove_batch(const Op& op, const std::vector<Record>& batch);

  const Op& op_;
  const Parts& parts_;
  const Options& options_;
  Results& results_;
  Unfinished& unfinished_;
  Transfer transfer_;
  std::vector<Waiting> batch_;  // of the thread that gives out the work
  std::uint64_t batch_bytes_ = 0;
  std::size_t batch_files_ = 1;  // at most so many
  std::mutex mutex_;             // of what follows
  std::condition_variable_any changed_;
  Totals totals_;
  Progress progress_;
  SteadyTime next_progress_{};
  std::deque<Waiting> large_;     // to begin
  std::vector<Waiting> blocked_;  // something stands in the way that is to be removed
  std::size_t tasks_ = 0;
  unsigned outages_ = 0;  // failures in a row that may be the whole service's
  std::optional<Error> fatal_;
  std::unique_ptr<WorkerPool> pool_;  // the last member: its threads use the others
};

}  // namespace duskline::sync
