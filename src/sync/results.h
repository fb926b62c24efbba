// What a run found or made the same, written in order of paths while files are finished in any order.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sync/record_file.h"

namespace duskline::sync {

// The files of records in a pair's folder.
struct RecordFiles {
  static constexpr const char* complete = "records";         // of the last run that came to its end
  static constexpr const char* late = "records.late";        // what it finished out of order
  static constexpr const char* unfinished = "records.new";   // of a run on its way, or one that was killed
  static constexpr const char* earlier = "records.earlier";  // of killed runs before that
  static constexpr const char* plan = "plan";
};

class Results {
 public:
  Results(std::unique_ptr<RecordWriter> writer, Clock& clock) : writer_(std::move(writer)), clock_(clock) {}

  // From one thread, in order of paths.
  void keep(const Record& record);
  [[nodiscard]] std::uint64_t reserve();
  // From any thread: what became of a reserved place; nothing where it failed.
  void resolve(std::uint64_t place, std::optional<Record> record);

  // Writes what there is. Places that are still open count as failed. The records that came too late for their place.
  Result<std::vector<Record>> finish();

 private:
  struct Slot {
    bool is_open = false;
    std::optional<Record> record;
  };
  void write_what_is_ready();

  std::mutex mutex_;
  std::unique_ptr<RecordWriter> writer_;
  Clock& clock_;
  std::deque<Slot> slots_;
  std::uint64_t first_ = 0;                              // the number of the first slot
  std::map<std::uint64_t, std::optional<Record>> late_;  // open places that others no longer wait for
  Status status_;
  SteadyTime next_flush_{};
};

}  // namespace duskline::sync
