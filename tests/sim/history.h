// One history: what one seed makes of a publisher, a pruner and twenty targets.
#pragma once

#include <cstdint>
#include <string>

#include "planted.h"

namespace duskline::sim {

struct Outcome {
  std::string failure;  // "" where all that must be true was true
  std::uint64_t step = 0;
  std::string lines;  // what happened
};
// The same for the same arguments.
[[nodiscard]] Outcome run_history(std::uint64_t seed, Bug bug);

}  // namespace duskline::sim
