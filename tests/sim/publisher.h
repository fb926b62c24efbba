// A machine on which somebody edits a source and publishes it, and one that prunes the store now and then.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "publish/prune.h"
#include "publish/publish.h"
#include "world.h"

namespace duskline::sim {

class Publisher {
 public:
  explicit Publisher(World& world);
  // Edits, perhaps, and publishes. `interlude` is what somebody else does in the middle of it.
  void step(const std::function<void()>& interlude);

 private:
  void edit();
  Result<publish::PublishResult> publish(const Trouble& trouble, const std::function<void()>& interlude);
  void check_success(const publish::PublishResult& result);

  World& world_;
  testing::SimDisk disk_;
  Gardener gardener_;
  publish::PublishOptions options_;
  std::uint64_t usual_calls_ = 12, usual_changes_ = 100;
  bool was_interrupted_ = false;  // by somebody else's step
};

class Pruner {
 public:
  static constexpr auto grace = std::chrono::hours(6);
  explicit Pruner(World& world);
  void step(const std::function<void()>& interlude);

 private:
  World& world_;
  testing::SimDisk disk_;
  publish::PruneOptions options_;
  std::uint64_t usual_calls_ = 20;
};

}  // namespace duskline::sim
