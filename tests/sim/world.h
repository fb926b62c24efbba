// What all actors of one history share. All chance in it comes from one seed, all work is done by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "base/signing.h"
#include "base/workers.h"
#include "oracle.h"
#include "planted.h"
#include "store/stores.h"
#include "testing/fault_store.h"
#include "testing/sim_clock.h"
#include "testing/sim_disk.h"

namespace duskline::sim {

class World {
 public:
  World(std::uint64_t seed, Bug bug);

  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random() % limit; }
  [[nodiscard]] bool one_in(std::uint64_t count) { return below(count) == 0; }

  // A line of the history. The digest of all lines is the same for the same seed.
  void say(const std::string& line);
  [[nodiscard]] const std::string& lines() const { return lines_; }

  const Bug bug;
  std::mt19937_64 random;
  testing::SimClock clock;
  const SigningKey key;
  const model::SetName set;
  const model::ChannelName channel;

 private:
  std::unique_ptr<store::ObjectStore> mem_;

 public:
  Oracle oracle;
  bool is_calm = false;  // no more trouble: everything must come to rest

 private:
  const TasksInCaller tasks_in_caller_;
  std::string lines_;
};

// Puts what the engine says into the history.
class Listener final : public Reporter {
 public:
  explicit Listener(World& world) : world_(world) {}
  void note(Severity severity, std::string_view message) override {
    if (severity != Severity::debug) world_.say("    says: " + std::string(message));
  }
  void progress(const Progress&) override {}
  void record(const FileRecord&) override {}

 private:
  World& world_;
};

// What goes wrong during one attempt of somebody; drawn before it, so that both sides know what may be expected.
struct Trouble {
  testing::FaultPlan store;
  std::optional<std::uint64_t> last_call;      // the store is gone from this call on
  std::optional<std::uint64_t> last_change;    // the process dies at this change of its disk, counted from its begin
  std::optional<std::uint64_t> bad_operation;  // this operation of the disk fails, counted likewise
  Code bad_code = Code::io;
  bool is_disk_small = false;
  std::uint64_t stale_head = 0;  // heads are shown as they were so many writes ago
  std::uint64_t interlude = 0;   // before this call something else happens; 0: nothing does
  // Somebody who meets none of this must succeed.
  [[nodiscard]] bool is_none() const;
  [[nodiscard]] std::string describe() const;
};
// `usual_calls` and `usual_changes` are what an undisturbed attempt takes.
[[nodiscard]] Trouble draw_trouble(World& world, Party party, std::uint64_t usual_calls, std::uint64_t usual_changes);

// A machine's disk for one attempt of somebody who works on it.
class Session {
 public:
  Session(World& world, testing::SimDisk& disk, const Trouble& trouble);
  // What is left when the attempt is over: where the process died, the power may have gone as well.
  void end();
  [[nodiscard]] bool has_died() const;
  [[nodiscard]] std::uint64_t changes() const { return disk_.changes() - first_change_; }

 private:
  World& world_;
  testing::SimDisk& disk_;
  const std::uint64_t first_change_;
  const Trouble& trouble_;
};

// The way to the store for one attempt: planted bug, retries, faults, stale heads, the watched store.
class Connection {
 public:
  Connection(World& world, Party party, const Trouble& trouble, const Session& session,
             std::function<void()> interlude);
  ~Connection();
  [[nodiscard]] store::ObjectStore& store() { return *top_; }
  [[nodiscard]] std::uint64_t calls() const { return faults_->calls(); }

 private:
  std::unique_ptr<store::ObjectStore> link_, retries_, planted_;
  testing::FaultStore* faults_ = nullptr;  // owned by retries_
  store::ObjectStore* top_ = nullptr;
  Listener listener_;
};

}  // namespace duskline::sim
