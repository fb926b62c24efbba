#include "target.h"

#include <algorithm>
#include <utility>

#include "site/activate.h"
#include "testing/must.h"

namespace duskline::sim {
namespace {

using site::Mode;
using site::Target;
using testing::must;

constexpr const char* path = "/target";

}  // namespace

TargetActor::TargetActor(World& world, unsigned number)
    : world_(world),
      disk_(world.clock, {.seed = world.random(),
                          .reflinks = world.one_in(4) ? testing::SimDiskOptions::Reflinks::shared
                                                      : testing::SimDiskOptions::Reflinks::none}),
      planted_(with_bug(disk_, world.bug, world.random())),
      used_disk_(planted_ ? *planted_ : disk_),
      options_{.set = world.set, .channel = world.channel},
      name_("target " + std::to_string(number)) {
  options_.mode = number % 2 == 0 ? Mode::switched : Mode::in_place;
  options_.workers = 1;
  options_.mass_delete_meant = true;
  options_.keep_releases = world.below(3);
  static constexpr site::LinkMode links[] = {site::LinkMode::automatic, site::LinkMode::hard_link,
                                             site::LinkMode::copy};
  options_.link = links[world.below(3)];
}

std::string TargetActor::number_of(const model::ReleaseId& id) const {
  const Published* published = world_.oracle.find(id);
  return published == nullptr ? id.short_hex() : std::to_string(published->number);
}

Trouble TargetActor::draw() { return draw_trouble(world_, Party::target, usual_calls_, usual_changes_); }

// The store must hold it still.
bool TargetActor::is_available(const model::ReleaseId& id) const {
  const Oracle& oracle = world_.oracle;
  const Published* published = oracle.find(id);
  if (published == nullptr) return false;
  const bool is_recent = published->last_named + std::chrono::hours(6) > world_.clock.now();
  return is_recent || (oracle.has_head() && oracle.head().release == id);
}

// --- what happens --------------------------------------------------------------------------------------------------

void TargetActor::step(const std::function<void()>& interlude) {
  switch (world_.below(16)) {
    case 0:
      return pull_release(interlude);
    case 1:
      return options_.mode == Mode::switched ? roll_back() : pull_release(interlude);
    case 2:
      return unpin();
    case 3:
      return spoil();
    case 4:
      return verify();
    case 5:
      return repair(interlude);
    case 6:
      return lose_power();
    default:
      if (pinned_ && world_.one_in(2)) unpin();
      return pull(interlude);
  }
}

Status TargetActor::attempt(const Trouble& trouble, const std::function<void()>& interlude, const Work& work) {
  Session session(world_, disk_, trouble);
  Status status = [&]() -> Status {
    Connection connection(world_, Party::target, trouble, session, interlude);
    Listener listener(world_);
    DL_ASSIGN(const auto target, Target::open({}, used_disk_, path, Target::Make::create, std::chrono::nanoseconds(0),
                                              world_.clock, listener));
    const site::PullParts parts{connection.store(), used_disk_, {world_.key.public_key()}, world_.clock, listener};
    const std::uint64_t before = session.changes();
    DL_TRY(work(*target, parts));
    if (session.changes() > before + 20) {
      usual_changes_ = session.changes();
      usual_calls_ = connection.calls() + 1;
    }
    return {};
  }();
  if (status && session.has_died()) status = Error{Code::cancelled, "died at its end"};
  session.end();
  if (!status) world_.say("    failed: " + status.error().describe());
  return status;
}

void TargetActor::pull(const std::function<void()>& interlude) {
  const Trouble trouble = draw();
  say("pulls" + trouble.describe());
  const bool had_head = world_.oracle.has_head();
  site::PullResult result;
  std::uint64_t floor = 0;
  const Status status = attempt(trouble, interlude, [&](Target& target, const site::PullParts& parts) -> Status {
    DL_ASSIGN(result, site::pull({}, parts, target, options_));
    floor = target.state().floor.version;
    return {};
  });
  if (!pinned_) may_follow_heads();
  if (status) {
    world_.say("    shows release " + number_of(result.id));
    if (floor < floor_) fail("has forgotten head " + std::to_string(floor_) + " for " + std::to_string(floor));
    floor_ = floor;
    if (!possible_.contains(result.id)) fail("went to release " + number_of(result.id) + ", which lies behind it");
    possible_ = {result.id};
    may_be_empty_ = false;
  } else if (trouble.is_none() && had_head && status.error().code != Code::stale) {
    fail("cannot pull though nothing is wrong: " + status.error().describe());
  }
  check(trouble);
}

void TargetActor::pull_release(const std::function<void()>& interlude) {
  const auto& releases = world_.oracle.releases();
  if (releases.empty()) return;
  const model::ReleaseId id =
      std::next(releases.begin(), static_cast<std::ptrdiff_t>(world_.below(releases.size())))->first;
  const Trouble trouble = draw();
  say("pulls release " + number_of(id) + trouble.describe());
  const bool must_work = trouble.is_none() && is_available(id);
  const Status status = attempt(trouble, interlude, [&](Target& target, const site::PullParts& parts) -> Status {
    site::PullOptions options = options_;
    options.release = id;
    DL_TRY(site::pull({}, parts, target, options));
    return {};
  });
  possible_.insert(id);
  if (status) {
    possible_ = {id};
    may_be_empty_ = false;
  } else if (must_work && is_available(id)) {
    fail("cannot pull a release though nothing is wrong: " + status.error().describe());
  }
  check(trouble);
}

void TargetActor::roll_back() {
  const Trouble trouble = draw();
  say("rolls back" + trouble.describe());
  bool must_work = trouble.is_none() && spoilt_.empty();
  std::optional<model::ReleaseId> shown;
  const Status status = attempt(
      trouble, [] {},
      [&](Target& target, const site::PullParts& parts) -> Status {
        must_work = must_work && !target.state().kept.empty();
        for (const auto& kept : target.state().kept) possible_.insert(kept.id);
        DL_ASSIGN(const auto installed, site::switch_back({}, target, std::nullopt, parts.reporter));
        shown = installed.id;
        return {};
      });
  if (status) {
    world_.say("    shows release " + number_of(*shown));
    possible_ = {*shown};
  } else if (must_work) {
    fail("cannot roll back though nothing is wrong: " + status.error().describe());
  }
  check(trouble);
}

void TargetActor::unpin() {
  const Trouble trouble = draw();
  say("unpins" + trouble.describe());
  const Status status = attempt(trouble, [] {}, [](Target& target, const site::PullParts&) { return target.unpin(); });
  if (!status && trouble.is_none()) fail("cannot unpin: " + status.error().describe());
  check(trouble);
  if (status && pinned_) fail("is pinned still");
}

// Flips a byte here and there, and then looks whether that is found.
void TargetActor::spoil() {
  if (possible_.empty() || may_be_empty_) return;
  const Tree tree = content();
  std::vector<std::string> files;
  for (const auto& [name, item] : tree) {
    if (item.kind == model::EntryKind::file && item.content != sha256(ByteView())) files.push_back(name);
  }
  if (files.empty()) return;
  const auto top = must(disk_.open(path_of_content()));
  for (std::uint64_t i = 0; i <= world_.below(3); ++i) {
    const std::string& file = files[world_.below(files.size())];
    const std::uint64_t size = must(top->stat(file)).value().size_bytes;
    const std::uint64_t offset = world_.below(size);
    say("has byte " + std::to_string(offset) + " of " + file + " flipped");
    must(disk_.flip_byte(path_of_content() + "/" + file, offset));
    spoilt_.insert(sha256(must(top->read_all(file, size)).value()));
  }
  verify();
}

void TargetActor::verify() {
  if (possible_.empty() || may_be_empty_) return;
  say("verifies");
  const Trouble none;
  std::set<std::string> found, wanted;
  std::optional<model::ReleaseId> id;
  site::VerifyResult result;
  const Status status = attempt(
      none, [] {},
      [&](Target& target, const site::PullParts& parts) -> Status {
        id = target.state().current->id;
        const auto depth = world_.bug == Bug::hasty_verify ? site::VerifyOptions::Depth::metadata
                                                           : site::VerifyOptions::Depth::content;
        DL_ASSIGN(result, site::verify({}, target, {.depth = depth, .workers = 1}, parts.reporter,
                                       [&](site::Finding, const std::string& where) { found.insert(where); }));
        return {};
      });
  if (!status) return fail("cannot verify: " + status.error().describe());
  const Published* published = world_.oracle.find(*id);
  if (published == nullptr) return fail("shows a release that was never published");
  const Tree tree = content();
  for (const auto& [where, item] : published->tree) {
    if (tree.contains(where) && tree.at(where).content != item.content) wanted.insert(where);
  }
  if (found == wanted && result.is_clean() == wanted.empty()) return;
  std::string text = "verify has not found just what is wrong; found:";
  for (const std::string& where : found) text += " " + where;
  text += "; wrong:";
  for (const std::string& where : wanted) text += " " + where;
  fail(text);
}

void TargetActor::repair(const std::function<void()>& interlude) {
  if (possible_.empty() || may_be_empty_) return;
  const Trouble trouble = draw();
  say("repairs" + trouble.describe());
  std::optional<model::ReleaseId> id;
  site::RepairResult result;
  const Status status = attempt(trouble, interlude, [&](Target& target, const site::PullParts& parts) -> Status {
    id = target.state().current->id;
    DL_ASSIGN(result, site::repair({}, parts, target, options_));
    return {};
  });
  if (status && result.failed == 0) {
    const std::string differs = difference(world_.oracle.find(*id)->tree, content());
    if (!differs.empty()) fail("is not right after a repair:\n" + differs);
  } else if (trouble.is_none() && id && is_available(*id)) {
    fail("cannot be repaired though nothing is wrong: " + (status ? "some files failed" : status.error().describe()));
  }
  check(trouble);
}

void TargetActor::lose_power() {
  say("loses power");
  disk_.crash();
  check({});
}

void TargetActor::come_to_rest() {
  unpin();
  pull([] {});
  repair([] {});
  verify();
  const Oracle& oracle = world_.oracle;
  if (!oracle.failure().empty()) return;
  const std::string differs = difference(oracle.find(oracle.head().release)->tree, content());
  if (!differs.empty()) fail("has not come to the last release:\n" + differs);
}

// --- what must be true ---------------------------------------------------------------------------------------------

// A pull follows any head that is not older than the last one seen.
void TargetActor::may_follow_heads() {
  for (const WrittenHead& head : world_.oracle.heads()) {
    if (head.version >= floor_) possible_.insert(head.release);
  }
}

void TargetActor::check(const Trouble& trouble) {
  if (!world_.oracle.failure().empty()) return;
  check_whole();
  // What is opened next goes on with what was interrupted, and may be interrupted too.
  if (!trouble.is_none() && world_.one_in(4)) {
    Trouble again;
    again.last_change = 1 + world_.below(usual_changes_ / 2 + 1);
    say("is opened, and dies at change " + std::to_string(*again.last_change));
    (void)attempt(again, [] {}, [](Target&, const site::PullParts&) { return Status(); });
    check_whole();
  }
  std::optional<site::State> state;
  const Status status = attempt(
      {}, [] {},
      [&](Target& target, const site::PullParts&) -> Status {
        state = target.state();
        return {};
      });
  if (!status) return fail("cannot be opened: " + status.error().describe());
  check_settled(*state);
}

void TargetActor::check_whole() {
  if (options_.mode == Mode::in_place) return check_whole_files(content());
  const Shown shown = look_at_switched();
  if (!shown.id) {
    if (!may_be_empty_) fail("shows nothing any more");
    return;
  }
  if (!possible_.contains(*shown.id)) return fail("shows release " + number_of(*shown.id) + ", which it may not");
  const std::string differs = difference(world_.oracle.find(*shown.id)->tree, shown.tree, spoilt_);
  if (!differs.empty()) fail("shows release " + number_of(*shown.id) + " not as it is:\n" + differs);
}

TargetActor::Shown TargetActor::look_at_switched() {
  Shown shown;
  const auto root = disk_.open(path);
  if (!root || !must((*root)->stat("current"))) return shown;
  const std::string leads = must((*root)->read_link("current"));
  shown.folder = leads.substr(leads.find('/') + 1);
  shown.id = site::folder_id(shown.folder);
  shown.tree = read_tree(*must((*root)->open_directory(leads)));
  return shown;
}

// Each file is as in one of the releases; one that all of them have is there.
void TargetActor::check_whole_files(const Tree& found) {
  std::vector<const Tree*> trees;
  const Tree nothing;
  if (may_be_empty_) trees.push_back(&nothing);
  for (const auto& id : possible_) trees.push_back(&world_.oracle.find(id)->tree);
  for (const auto& [where, item] : found) {
    if (item.kind != model::EntryKind::file || spoilt_.contains(item.content)) continue;
    const bool is_of_one = std::ranges::any_of(trees, [&, &name = where, &seen = item](const Tree* tree) {
      const auto there = tree->find(name);
      return there != tree->end() && there->second.kind == seen.kind && there->second.content == seen.content;
    });
    if (!is_of_one) fail("has a file that is neither old nor new: " + where);
  }
  for (const auto& [where, item] : *trees.front()) {
    if (item.kind != model::EntryKind::file || found.contains(where)) continue;
    const bool is_in_all = std::ranges::all_of(trees, [&name = where](const Tree* tree) {
      const auto there = tree->find(name);
      return there != tree->end() && there->second.kind == model::EntryKind::file;
    });
    if (is_in_all) fail("has lost a file that is old and new: " + where);
  }
}

void TargetActor::check_settled(const site::State& state) {
  pinned_ = state.pinned;
  if (state.floor.version < floor_) fail("has forgotten head " + std::to_string(floor_));
  if (!state.current) {
    if (!may_be_empty_) fail("has lost what it had");
    return;
  }
  if (!possible_.contains(state.current->id))
    return fail("shows release " + number_of(state.current->id) + " suddenly");
  possible_ = {state.current->id};
  may_be_empty_ = false;
  if (state.pending) fail("has an activation pending still");
  const std::string differs = difference(world_.oracle.find(state.current->id)->tree, content(), spoilt_);
  if (!differs.empty()) fail("is settled, and not release " + number_of(state.current->id) + ":\n" + differs);
}

std::string TargetActor::path_of_content() {
  return options_.mode == Mode::in_place ? std::string(path) : std::string(path) + "/current";
}

Tree TargetActor::content() {
  const auto top = disk_.open(path_of_content());
  return top ? read_tree(**top) : Tree();
}

}  // namespace duskline::sim
