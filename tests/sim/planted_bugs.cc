// Plants each bug, and requires that the simulation finds it. DUSKLINE_SIM_SEEDS does not matter here: each bug has at
// most `most_seeds` histories to show itself in. To see one: DUSKLINE_SIM_BUG=<name> DUSKLINE_SIM_SEED=<seed>
// sim_main_job.
#include <iostream>
#include <random>

#include "history.h"

int main() {
  using namespace duskline::sim;
  constexpr std::uint64_t most_seeds = 200;
  const std::uint64_t first = std::random_device{}();
  std::cout << "from seed " << first << std::endl;
  int missed = 0;
  for (const auto& [bug, name] : all_bugs()) {
    std::uint64_t tried = 0;
    Outcome outcome;
    while (tried < most_seeds && outcome.failure.empty()) outcome = run_history(first + tried++, bug);
    if (outcome.failure.empty()) {
      std::cout << "MISSED " << name << " in " << tried << " seeds" << std::endl;
      ++missed;
      continue;
    }
    std::cout << "found " << name << " in history " << tried << " of at most " << most_seeds << " (seed "
              << first + tried - 1 << "): " << outcome.failure.substr(0, outcome.failure.find('\n')) << std::endl;
  }
  return missed == 0 ? 0 : 1;
}
