#include "history.h"

#include <deque>
#include <exception>

#include "publisher.h"
#include "target.h"

namespace duskline::sim {
namespace {

constexpr unsigned targets = 20;
constexpr std::uint64_t steps = 120;

class History {
 public:
  History(std::uint64_t seed, Bug bug) : world_(seed, bug), publisher_(world_), pruner_(world_) {
    for (unsigned i = 0; i < targets; ++i) targets_.emplace_back(world_, i);
  }

  Outcome run() {
    Outcome outcome;
    try {
      while (outcome.step < steps && is_well()) step(++outcome.step);
      if (is_well()) come_to_rest();
    } catch (const std::exception& error) {
      world_.oracle.fail(std::string("the simulation cannot go on: ") + error.what());
    }
    outcome.failure = world_.oracle.failure();
    outcome.lines = world_.lines();
    return outcome;
  }

 private:
  enum class Who : std::uint8_t { publisher, pruner, target };

  [[nodiscard]] bool is_well() const { return world_.oracle.failure().empty(); }

  void step(std::uint64_t number) {
    pass_time();
    if (number == 1 || world_.one_in(6)) return publisher_.step([this] { interlude(Who::publisher); });
    if (world_.one_in(12)) return pruner_.step([this] { interlude(Who::pruner); });
    targets_[world_.below(targets)].step([this] { interlude(Who::target); });
  }

  void pass_time() {
    world_.clock.advance(std::chrono::seconds(world_.below(1200)));
    if (world_.one_in(12)) world_.clock.advance(std::chrono::hours(1 + world_.below(8)));
    if (world_.one_in(150)) world_.clock.advance(std::chrono::days(20));  // past half a head's life
  }

  // In the middle of what `whose` does. One at a time, and nobody in the middle of himself.
  void interlude(Who whose) {
    if (is_within_ || !is_well()) return;
    is_within_ = true;
    world_.say("  meanwhile:");
    switch (world_.below(3)) {
      case 0:
        if (whose != Who::publisher) publisher_.step([] {});
        if (whose == Who::target && world_.one_in(2)) prune_all();
        break;
      case 1:
        if (whose != Who::pruner) pruner_.step([] {});
        break;
      default:
        if (whose != Who::target) targets_[world_.below(targets)].step([] {});
    }
    world_.say("  so far.");
    is_within_ = false;
  }

  // All that is old goes, while somebody pulls slowly.
  void prune_all() {
    pruner_.step([] {});
    world_.clock.advance(Pruner::grace + std::chrono::hours(1));
    pruner_.step([] {});
  }

  void come_to_rest() {
    world_.say("comes to rest");
    world_.is_calm = true;
    world_.clock.advance(std::chrono::hours(2));  // the leases of those who died
    pruner_.step([] {});
    publisher_.step([] {});
    for (TargetActor& target : targets_) {
      if (is_well()) target.come_to_rest();
    }
    world_.oracle.check_kept(Pruner::grace);
  }

  World world_;
  Publisher publisher_;
  Pruner pruner_;
  std::deque<TargetActor> targets_;
  bool is_within_ = false;
};

}  // namespace

Outcome run_history(std::uint64_t seed, Bug bug) { return History(seed, bug).run(); }

}  // namespace duskline::sim
