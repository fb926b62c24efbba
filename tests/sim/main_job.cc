// Runs histories of the main job, one for each seed.
//   DUSKLINE_SIM_SEEDS  how many (default 20)
//   DUSKLINE_SIM_SEED   the first (else any); without DUSKLINE_SIM_SEEDS just this one, told line by line
//   DUSKLINE_SIM_BUG    with this bug of planted.h in it
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

#include "history.h"

namespace {

using duskline::sim::Bug;
using duskline::sim::Outcome;
using duskline::sim::run_history;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

int report(std::uint64_t seed, const Outcome& outcome, const std::string& program) {
  std::cout << "FAILED with seed " << seed << " at step " << outcome.step << ":\n"
            << outcome.failure << "\nreplay: env -u DUSKLINE_SIM_SEEDS DUSKLINE_SIM_SEED=" << seed << " " << program
            << "\n";
  return 1;
}

}  // namespace

int main(int, char** arguments) {
  const bool is_replay = std::getenv("DUSKLINE_SIM_SEED") != nullptr && std::getenv("DUSKLINE_SIM_SEEDS") == nullptr;
  const std::uint64_t first = number_from("DUSKLINE_SIM_SEED", std::random_device{}());
  const std::uint64_t count = is_replay ? 1 : number_from("DUSKLINE_SIM_SEEDS", 20);
  const char* planted = std::getenv("DUSKLINE_SIM_BUG");
  const Bug bug = duskline::sim::bug_named(planted == nullptr ? "" : planted);
  std::cout << count << " histories from seed " << first << std::endl;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Outcome outcome = run_history(seed, bug);
    if (is_replay) std::cout << outcome.lines;
    if (!outcome.failure.empty()) return report(seed, outcome, arguments[0]);
    if (seed == first && run_history(seed, bug).lines != outcome.lines) {
      std::cout << "FAILED: seed " << seed << " gave two different histories\n";
      return 1;
    }
  }
  std::cout << "all that must be true was true\n";
  return 0;
}
