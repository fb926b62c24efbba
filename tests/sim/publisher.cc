#include "publisher.h"

#include <utility>

#include "testing/must.h"

namespace duskline::sim {
namespace {

using publish::PublishResult;
using testing::must;
using Outcome = PublishResult::Outcome;

constexpr release::Conditions conditions{.if_none_match = true, .if_match = true};

std::string name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::published:
      return "published";
    case Outcome::unchanged:
      return "unchanged";
    case Outcome::head_renewed:
      return "head renewed";
    case Outcome::dry_run:
      return "dry run";
  }
  return "?";
}

}  // namespace

Publisher::Publisher(World& world)
    : world_(world),
      disk_(world.clock, {.seed = world.random()}),
      gardener_(world.random),
      options_{.set = world.set, .channel = world.channel} {
  options_.source = "/source";
  options_.effort = pack::Effort::fast;
  options_.workers = 1;
  options_.attributes = publish::PublishOptions::Record::yes;
  options_.meant = {.empty = true, .shrink = true, .other_mount = false};
  gardener_.plant(*must(disk_.open_or_create("/source", 0755)));
  must(disk_.open_or_create("/cache", 0700));
}

void Publisher::edit() {
  gardener_.edit(*must(disk_.open("/source")));
  // Also editing in the very tick of a publish, which no time shows.
  if (!world_.one_in(4)) world_.clock.advance(std::chrono::seconds(1 + world_.below(600)));
}

void Publisher::step(const std::function<void()>& interlude) {
  if (!world_.one_in(4)) edit();
  if (world_.one_in(25)) {
    const auto root = must(disk_.open("/"));
    must(root->remove_tree("cache", disk::Missing::is_absent));
    must(root->make_directory("cache", 0700));
    must(root->sync());
  }
  const Trouble trouble = draw_trouble(world_, Party::publisher, usual_calls_, usual_changes_);
  world_.say("publish" + trouble.describe());
  options_.delta_bases = static_cast<unsigned>(world_.below(3));
  world_.oracle.expect(read_tree(*must(disk_.open("/source"))));
  was_interrupted_ = false;
  const auto result = publish(trouble, [&] {
    was_interrupted_ = true;
    interlude();
  });
  world_.say(result ? "    " + name_of(result->outcome) + " " + std::to_string(result->number) + ", head " +
                          std::to_string(result->head_version)
                    : "    failed: " + result.error().describe());
  if (result) return check_success(*result);
  // A prune that broke off holds what it was about to remove, until another prune.
  const bool is_excused = was_interrupted_ || result.error().code == Code::precondition;
  if (trouble.is_none() && !is_excused) {
    world_.oracle.fail("publish failed though nothing was wrong: " + result.error().describe());
  }
}

Result<PublishResult> Publisher::publish(const Trouble& trouble, const std::function<void()>& interlude) {
  Session session(world_, disk_, trouble);
  auto result = [&]() -> Result<PublishResult> {
    Connection connection(world_, Party::publisher, trouble, session, interlude);
    DL_ASSIGN(const auto cache, disk_.open("/cache"));
    Listener listener(world_);
    auto published = publish::publish(
        {}, {connection.store(), disk_, *cache, world_.key, {}, conditions, world_.clock, listener}, options_);
    if (published && published->outcome == Outcome::published) usual_calls_ = connection.calls();
    return published;
  }();
  if (result && result->outcome == Outcome::published) usual_changes_ = session.changes();
  if (session.has_died() && result) {  // it came to its end all the same, but nobody was told
    session.end();
    return Error{Code::cancelled, "died at its end"};
  }
  session.end();
  return result;
}

// What a finished publish says is what the head has, and what the head has is the source.
void Publisher::check_success(const PublishResult& result) {
  Oracle& oracle = world_.oracle;
  if (!oracle.has_head()) return oracle.fail("a publish succeeded, but no head was written");
  const WrittenHead& head = oracle.head();
  const WrittenHead* said = oracle.head_of_version(result.head_version);
  const bool is_head = was_interrupted_ ? said != nullptr && said->version <= head.version : said == &head;
  if (!is_head || said->release != result.id || said->number != result.number || head.release != result.id) {
    return oracle.fail("a publish said release " + std::to_string(result.number) + " and head version " +
                       std::to_string(result.head_version) + ", the head has release " + std::to_string(head.number) +
                       " and version " + std::to_string(head.version));
  }
  const std::string differs = difference(oracle.expected(), oracle.find(result.id)->tree);
  if (!differs.empty()) oracle.fail("what was published is not the source:\n" + differs);
}

Pruner::Pruner(World& world) : world_(world), disk_(world.clock, {.seed = world.random()}), options_{.set = world.set} {
  options_.keep_last = 2;
  options_.keep_within = std::chrono::nanoseconds(0);
  options_.grace = grace;
  must(disk_.open_or_create("/cache", 0700));
}

void Pruner::step(const std::function<void()>& interlude) {
  const Trouble trouble = draw_trouble(world_, Party::pruner, usual_calls_, 10);
  world_.say("prune" + trouble.describe());
  bool was_interrupted = false;
  Session session(world_, disk_, trouble);
  auto result = [&]() -> Result<publish::PruneResult> {
    Connection connection(world_, Party::pruner, trouble, session, [&] {
      was_interrupted = true;
      interlude();
    });
    DL_ASSIGN(const auto cache, disk_.open("/cache"));
    Listener listener(world_);
    auto pruned = publish::prune(
        {}, {connection.store(), disk_, *cache, world_.key, {}, conditions, world_.clock, listener}, options_);
    if (pruned && pruned->objects_removed > 0) usual_calls_ = connection.calls();
    return pruned;
  }();
  session.end();
  world_.say(result ? "    marked " + std::to_string(result->objects_marked) + ", removed " +
                          std::to_string(result->objects_removed)
                    : "    failed: " + result.error().describe());
  const bool is_excused = was_interrupted || (!result && result.error().code == Code::locked);  // by one that died
  if (!result && trouble.is_none() && !is_excused) {
    world_.oracle.fail("prune failed though nothing was wrong: " + result.error().describe());
  }
  world_.oracle.check_kept(grace);
}

}  // namespace duskline::sim
