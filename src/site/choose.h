// Which release a pull goes for, and whether there is anything to do.
#pragma once

#include <optional>

#include "base/op.h"
#include "site/new_tree.h"
#include "site/pull.h"
#include "site/target.h"

namespace duskline::site {

// The layout that the options ask for, on top of the one that the target has. Code::refused, usage: another set, realm
// or mode than the target's own, a bad pattern or subtree.
[[nodiscard]] Result<Layout> choose_layout(const State& state, const PullOptions& options);

struct Choice {
  enum class Kind : std::uint8_t { bring, current, pinned } kind = Kind::bring;
  WantedRelease wanted;
  model::ReleaseNumber number = 0;  // 0: not known yet
};

// Shown, and laid down in this way.
[[nodiscard]] bool is_shown(const State& state, const model::ReleaseId& id, const Layout& layout);

// Reads the head unless the target is pinned or the options name a release; checks it against the target's floor and
// time, and remembers both durably. `layout` is the chosen one. Code::not_found, untrusted, replayed, stale; refused
// where the head's release failed its check here and nothing else is shown.
[[nodiscard]] Result<Choice> choose_release(const Op&, const PullParts&, Target&, const PullOptions&,
                                            const Layout& layout);

}  // namespace duskline::site
