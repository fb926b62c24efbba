// The engine's background work: removes data files that nothing names, moves the index from its WAL into its file,
// compacts the log. One thread; what it does is bounded in pace and may be cut off at any point.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/report.h"
#include "objects/committer.h"
#include "objects/home.h"
#include "objects/open_files.h"
#include "objects/pins.h"
#include "objects/readers.h"

namespace duskline::objects {

enum class Background : std::uint8_t { thread, on_demand };  // on_demand: only round() does anything

struct KeeperContext {
  Files& files;
  const Home& home;
  Clock& clock;
  Pins& pins;
  Epochs& epochs;
  OpenFiles& open_files;
  Readers& readers;
  Committer& committer;
  Background background;
  std::function<void(Severity, const std::string&)> note;
};

class Keeper {
 public:
  explicit Keeper(KeeperContext context);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  // Some of what there is to do now; whether there is more. Any thread.
  Result<bool> round();

 private:
  void loop();
  Status remove_dead();
  Status remove_if_dead(std::uint64_t file);
  Result<bool> is_needed(std::uint64_t file);
  Status remove_leftovers();
  Status checkpoint();
  Result<bool> compact();
  Status retire(std::uint64_t segment);
  Status remove_segment(std::uint64_t segment);
  bool pause(std::uint64_t bytes);

  KeeperContext context_;
  std::mutex round_;  // one at a time
  bool looked_for_leftovers_ = false;
  std::set<std::uint64_t> passed_over_;  // segments that wait for removal, or cannot be emptied
  Database database_;                    // for checkpoints; opened at the first
  bool has_database_ = false;

  std::string last_note_;  // a failure that lasts is told once

  std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace duskline::objects
