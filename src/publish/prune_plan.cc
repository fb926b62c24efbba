#include "publish/prune_plan.h"

#include <algorithm>

namespace duskline::publish {
namespace {

constexpr std::chrono::nanoseconds shortest_memory = std::chrono::days(7);

}  // namespace

std::set<model::ReleaseId> releases_to_keep(const std::vector<release::ListedRelease>& listed,
                                            const std::set<model::ReleaseId>& of_heads, const PruneOptions& options,
                                            WallTime now) {
  std::set<model::ReleaseId> kept = of_heads;
  std::vector<release::ListedRelease> newest_first = listed;
  std::ranges::sort(newest_first, std::greater<>(), &release::ListedRelease::number);
  for (std::size_t i = 0; i < newest_first.size(); ++i) {
    const bool is_recent = now - newest_first[i].published <= options.keep_within;
    if (i < options.keep_last || is_recent) kept.insert(newest_first[i].id);
  }
  return kept;
}

MarkPlan plan_marks(const std::map<std::string, Mark>& before, const StoredObjects& objects, const IsNeeded& is_needed,
                    std::chrono::nanoseconds grace, WallTime now) {
  MarkPlan plan;
  for (const auto& [key, mark] : before) {
    if (objects.contains(key) || is_needed(key) || mark.state == Mark::State::marked) continue;
    Mark removed = mark;
    if (mark.state == Mark::State::condemned) {  // by a prune that broke off after it
      removed.state = Mark::State::removed;
      removed.since = now;
    }
    if (now - removed.since <= std::max(grace, shortest_memory)) plan.marks.emplace(key, removed);
  }
  for (const auto& [key, object] : objects) {
    if (is_needed(key)) continue;
    const auto old = before.find(key);
    const bool goes_on =
        old != before.end() && old->second.state != Mark::State::removed && old->second.modified == object.modified;
    if (!goes_on && plan.marks.size() >= max_marks) continue;
    const Mark mark = goes_on ? old->second : Mark{Mark::State::marked, now, object.modified};
    plan.marks.emplace(key, mark);
    if (!goes_on) {
      ++plan.new_objects;
      plan.new_bytes += object.size_bytes;
    } else if (mark.state == Mark::State::condemned || now - mark.since >= grace) {
      plan.due.push_back(key);
      continue;
    }
    ++plan.waiting_objects;
    plan.waiting_bytes += object.size_bytes;
  }
  return plan;
}

}  // namespace duskline::publish
