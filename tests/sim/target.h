// One of the machines that follow the channel, and what must be true of it after each thing that happens to it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "site/pull.h"
#include "site/verify.h"
#include "world.h"

namespace duskline::sim {

class TargetActor {
 public:
  TargetActor(World& world, unsigned number);
  // Something happens here, perhaps with trouble. `interlude` is what somebody else does in the middle of it.
  void step(const std::function<void()>& interlude);
  // With nothing in its way, it comes to the release of the head, whole.
  void come_to_rest();

 private:
  using Work = std::function<Status(site::Target&, const site::PullParts&)>;
  struct Shown {
    std::string folder;  // of a switched target
    std::optional<model::ReleaseId> id;
    Tree tree;
  };

  void pull(const std::function<void()>& interlude);
  void pull_release(const std::function<void()>& interlude);
  void roll_back();
  void unpin();
  void spoil();
  void verify();
  void repair(const std::function<void()>& interlude);
  void lose_power();

  // Opens the target and does `work` there; what breaks is what `trouble` says.
  Status attempt(const Trouble& trouble, const std::function<void()>& interlude, const Work& work);
  // Without success: what is shown is one of what it may be. Then the target is opened again, and shows one release.
  void check(const Trouble& trouble);
  void check_whole();
  void check_settled(const site::State& state);
  [[nodiscard]] Tree content();
  [[nodiscard]] Shown look_at_switched();
  void check_whole_files(const Tree& found);
  [[nodiscard]] std::string path_of_content();
  void may_follow_heads();
  [[nodiscard]] bool is_available(const model::ReleaseId& id) const;
  [[nodiscard]] Trouble draw();
  void say(const std::string& what) { world_.say(name_ + " " + what); }
  void fail(const std::string& what) { world_.oracle.fail(name_ + " " + what); }
  [[nodiscard]] std::string number_of(const model::ReleaseId& id) const;

  World& world_;
  testing::SimDisk disk_;
  const std::unique_ptr<disk::Filesystem> planted_;
  disk::Filesystem& used_disk_;
  site::PullOptions options_;
  const std::string name_;
  std::uint64_t usual_calls_ = 6, usual_changes_ = 150;

  std::set<model::ReleaseId> possible_;  // what may be shown
  bool may_be_empty_ = true;             // so may nothing
  std::optional<model::ReleaseId> pinned_;
  std::uint64_t floor_ = 0;   // the highest head that it acknowledged to have seen
  std::set<Hash256> spoilt_;  // contents that came about by flipped bytes
};

}  // namespace duskline::sim
