// The target's half of the job: bring a target to a release for the fewest bytes, and activate it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/op.h"
#include "base/report.h"
#include "disk/filesystem.h"
#include "model/release.h"
#include "release/heads.h"
#include "site/activate.h"
#include "site/target.h"
#include "store/object_store.h"

namespace duskline::site {

enum class LinkMode : std::uint8_t { automatic, reflink, hard_link, copy };

struct PullOptions {
  model::SetName set;
  model::ChannelName channel;
  std::optional<model::ReleaseId> release;  // pins it
  std::string realm = "default";
  std::string store_url;     // for the state file
  std::optional<Mode> mode;  // absent: as it is, or switched
  std::optional<std::vector<std::string>> keep;
  std::optional<std::string> only;
  std::optional<model::Owner> owner;
  std::optional<std::uint32_t> mode_mask;
  std::vector<std::string> seeds;
  LinkMode link = LinkMode::automatic;
  release::StaleHead stale = release::StaleHead::refuse;
  enum class Extra : std::uint8_t { keep, remove } extra = Extra::keep;  // --delete, in-place
  bool mass_delete_meant = false;                                        // --allow-mass-delete
  bool sync = true;  // --no-sync: for measurements and throw-away targets
  enum class Write : std::uint8_t { yes, dry_run } write = Write::yes;
  unsigned workers = 0;
  unsigned max_files_open = 256;
  std::size_t keep_releases = 2;  // besides the current one, switched
  Hooks hooks;
};

struct PullResult {
  enum class Outcome : std::uint8_t { activated, current, pinned, planned } outcome = Outcome::activated;
  model::ReleaseId id;
  model::ReleaseNumber number = 0;
  model::TreeStats stats;
  std::uint64_t files_changed = 0, files_removed = 0, files_kept = 0;
  std::uint64_t bytes_from_store = 0;  // received, all kinds
  // Of those: content from packs, content from deltas, and heads, manifests and what deltas say of them.
  std::uint64_t bytes_from_packs = 0, bytes_from_deltas = 0, bytes_from_manifests = 0;
  std::uint64_t bytes_from_local = 0, bytes_from_seeds = 0, bytes_resumed = 0;  // content made from these
  std::uint64_t requests = 0;
  std::chrono::nanoseconds duration{0};
  bool rolled_back = false;          // what was shown before is shown again, because of:
  std::optional<Error> check_error;  // the check failed, or (Code::cancelled) the run was stopped during it
};

struct PullParts {
  store::ObjectStore& store;
  disk::Filesystem& disk;
  std::vector<PublicKey> trusted;
  Clock& clock;
  Reporter& reporter;
};

// Nothing at the target changes visibly before the activation. Resumes what an earlier run fetched.
[[nodiscard]] Result<PullResult> pull(const Op&, const PullParts&, Target&, const PullOptions&);

// Fetches and puts back just what verify() found changed, missing or with wrong attributes, also in kept releases that
// share it by hard links.
struct RepairResult {
  std::uint64_t files = 0, bytes_from_store = 0, failed = 0;
  std::uint64_t set_aside = 0;   // in a switched tree: what the release does not have
  std::uint64_t kept_files = 0;  // mended in kept releases too, which shared them
};
[[nodiscard]] Result<RepairResult> repair(const Op&, const PullParts&, Target&, const PullOptions&);

// The receipt of a pull, as JSON.
[[nodiscard]] std::string encode_receipt(const PullResult& result, const State& state, WallTime finished);

}  // namespace duskline::site
